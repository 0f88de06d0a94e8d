//! Days whose bill differs from our books. Each difference is settled on the page of its day, so a
//! day is only shown here, with the way to it.

use tuikuan_store::{OpenDay, Sleeping};

use super::{Group, Reader, Thing};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::text::fill;

impl Reader<'_> {
    /// The days with open differences, the longest waiting first. They are not put off.
    pub(super) async fn days(&self) -> Result<Option<Group>, Fault> {
        if self.sleeping == Sleeping::Only {
            return Ok(None);
        }
        let mut found = Vec::new();
        for name in &self.names {
            found.extend(self.app.engine.store().open_days(name.clone()).await?);
        }
        found.sort_by(|a, b| (a.since, a.day, &a.merchant).cmp(&(b.since, b.day, &b.merchant)));
        if found.is_empty() {
            return Ok(None);
        }
        let open = found
            .iter()
            .map(|day| day.count)
            .fold(0, u64::saturating_add);
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        let rows = found.iter().take(limit).map(|day| self.day(day));
        let calendar = || "/console/reconciliation".to_owned();
        Ok(Some(Group {
            key: "differences",
            label: self.words.differences,
            what: self.words.bill_of,
            class: "warn",
            advice: self.words.differences_advice,
            total: number(open),
            more: more.then(|| (calendar(), self.words.all_days.to_owned())),
            rows: rows.collect(),
        }))
    }

    fn day(&self, day: &OpenDay) -> Thing {
        Thing {
            subject: String::new(),
            version: 0,
            href: format!("/console/reconciliation/{}/{}", day.merchant, day.day),
            label: day.day.to_string(),
            merchant: day.merchant.to_string(),
            amount: String::new(),
            said: fill(self.words.days_open, &[("n", &number(day.count))]),
            since: format::relative(day.since, self.visit.now(), self.visit.language()),
            since_machine: format::machine(day.since),
            assignee: String::new(),
            sleeps: None,
            people: Vec::new(),
            mine: false,
            may_settle: false,
            may_snooze: false,
        }
    }
}

fn number(count: u64) -> String {
    format::count(i64::try_from(count).unwrap_or(i64::MAX))
}
