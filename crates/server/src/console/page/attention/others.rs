//! What needs a person and is no refund: notifications nobody could place, and endpoints that were
//! switched off because they failed.

use tuikuan_store::{
    InboxFilter, InboxRecord, Merchants, Settled, Sleeping, Subject, UNPLACED, UNPLACED_FOR,
    Waiting,
};

use super::{Group, Reader, Thing};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::text::attention::Words;
use crate::console::text::{fill, notifications};

impl Reader<'_> {
    /// Notifications nobody could place.
    pub(super) async fn unplaced(&self) -> Result<Option<Group>, Fault> {
        let limit = self.limit();
        let filter = InboxFilter {
            outcomes: UNPLACED.to_vec(),
            from: self.visit.now().checked_sub(UNPLACED_FOR).ok(),
            settled: Settled::Hidden,
            // Those that sleep are taken out here.
            limit: limit.saturating_mul(4),
            ..InboxFilter::of(Merchants::Only(self.names.clone()))
        };
        let found = self.app.engine.store().notifications(filter).await?;
        let subjects = found.iter().map(|row| Subject::Notification(row.number));
        let cares = self.cares(subjects.collect()).await?;
        let things = found.iter().map(|row| {
            let subject = Subject::Notification(row.number);
            let place = (&subject, row.entry.outcome.as_str());
            let thing = self.thing(place, &row.entry.merchant, row.entry.received_at, &cares);
            self.notification(row, thing)
        });
        let group = Group {
            key: "unplaced",
            label: self.words.unplaced,
            what: self.words.notification,
            class: "warn",
            advice: self.words.unplaced_advice,
            total: String::new(),
            more: None,
            rows: self.wanted(things, limit),
        };
        Ok(counted(group))
    }

    fn notification(&self, row: &InboxRecord, thing: Thing) -> Thing {
        let number = row.number;
        let language = self.visit.language();
        Thing {
            href: format!("/console/notifications/{number}"),
            label: format!("{} {number}", self.words.notification),
            said: notifications::outcome(&row.entry.outcome, language).to_owned(),
            may_settle: true,
            ..thing
        }
    }

    /// Endpoints that were switched off because they failed.
    pub(super) async fn failing(&self) -> Result<Option<Group>, Fault> {
        let mut endpoints = self.app.engine.store().endpoints().await?;
        endpoints.retain(|endpoint| {
            let off = !endpoint.enabled && endpoint.failing_since.is_some();
            off && self.names.contains(&endpoint.merchant)
        });
        let subjects = endpoints.iter().map(|e| Subject::Endpoint(e.id.clone()));
        let cares = self.cares(subjects.collect()).await?;
        let things = endpoints.iter().map(|endpoint| {
            let subject = Subject::Endpoint(endpoint.id.clone());
            let since = endpoint.failing_since.unwrap_or(endpoint.created_at);
            let thing = self.thing((&subject, "failing"), &endpoint.merchant, since, &cares);
            Thing {
                href: format!("/console/webhooks/{}", endpoint.id),
                label: endpoint.url.clone(),
                said: endpoint.disabled_reason.clone().unwrap_or_default(),
                ..thing
            }
        });
        let group = Group {
            key: "endpoints",
            label: self.words.endpoints,
            what: self.words.endpoint,
            class: "bad",
            advice: self.words.endpoints_advice,
            total: String::new(),
            more: None,
            rows: self.wanted(things, self.limit()),
        };
        Ok(counted(group))
    }

    fn wanted(&self, things: impl Iterator<Item = Thing>, limit: u32) -> Vec<Thing> {
        let wanted = things.filter(|thing| match self.sleeping {
            Sleeping::Hidden => thing.sleeps.is_none(),
            Sleeping::Only => thing.sleeps.is_some(),
        });
        wanted
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect()
    }
}

/// What waits for a second person, in a sentence for each kind; its place is the page of approvals.
pub(super) fn approvals(waiting: &Waiting, words: &Words) -> Option<String> {
    let kinds = [
        (waiting.approvals, words.approvals_wait),
        (waiting.batches, words.batches_wait),
    ];
    let said: Vec<String> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, text)| fill(text, &[("n", &format::count(count))]))
        .collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// The group with the number of its rows; nothing when it has none.
fn counted(group: Group) -> Option<Group> {
    let count = i64::try_from(group.rows.len()).unwrap_or(i64::MAX);
    (count > 0).then(|| Group {
        total: format::count(count),
        ..group
    })
}
