//! What a group of operations looks at before it decides who loses, all in one burst. Rows that it changes
//! are locked, in one order everywhere: jobs before refunds before payments before lines before usage.
//! Names that may be taken, and the versions of endpoints and rules, are only read. A group of nothing but
//! new refunds does not look: see [`super::fresh`].

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio_postgres::Row as Stored;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::Changed;
use tuikuan_domain::{Plan, Source, Status};
use tuikuan_terms::MchId;

use crate::batch::LineEnd;
use crate::change::Change;
use crate::figures::cell::Standing;
use crate::indexed::{Indexed, Transaction};
use crate::job::JobKey;
use crate::operation::Operation;
use crate::postgres::burst::Statement;
use crate::postgres::session::Session;
use crate::postgres::sql;
use crate::rows::lease::JobRow;
use crate::rows::{Columns, Row};
use crate::settings::{self, SettingsSeen, SettingsVersions};
use crate::tally::standing;
use crate::trouble::{Trouble, UNREADABLE};

/// The stored refund, as far as a change of it needs to know.
pub(super) struct Before {
    pub(super) version: i64,
    pub(super) head: [u8; 32],
    /// What the figures of the overview hold of it.
    pub(super) standing: Standing,
    /// Values that stand in an index: rewritten only when one of them changes.
    pub(super) indexed: Indexed,
    /// What its lane depends on.
    pub(super) lane: (MchId, Source),
}

/// A line of a batch that is to become a refund.
pub(super) struct LineBefore {
    pub(super) amount: i64,
    pub(super) pending: bool,
}

/// What is looked at.
#[derive(Default)]
pub(super) struct Wanted {
    jobs: BTreeSet<String>,
    refunds: BTreeSet<String>,
    payments: BTreeSet<String>,
    numbers: BTreeSet<(String, String)>,
    orders: BTreeSet<(String, String, String)>,
    lines: BTreeSet<(String, i64)>,
    /// Refunds that may leave a status.
    turned: BTreeSet<String>,
    usage: BTreeSet<(String, String)>,
    settings: bool,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) jobs: HashMap<String, JobRow>,
    pub(super) refunds: HashMap<String, Before>,
    pub(super) payments: HashMap<String, (i64, Transaction)>,
    pub(super) numbers: HashSet<(String, String)>,
    pub(super) orders: HashSet<(String, String, String)>,
    pub(super) lines: HashMap<(String, i64), LineBefore>,
    /// The lines that a refund is: batch and amount.
    pub(super) turned: HashMap<String, Vec<(String, i64)>>,
    pub(super) usage: HashMap<(String, String), (i64, i64)>,
    pub(super) settings: Option<SettingsVersions>,
}

impl Wanted {
    pub(super) fn of(operations: &[Operation]) -> Self {
        let mut wanted = Self::default();
        for operation in operations {
            match operation {
                Operation::Commit(change) => wanted.change(change),
                Operation::Release(release) => {
                    wanted.jobs.insert(release.guard.key.to_string());
                }
                Operation::Forward(refund, _) => {
                    wanted
                        .jobs
                        .insert(JobKey::Refund(refund.clone()).to_string());
                    wanted.refunds.insert(refund.to_string());
                }
                // These have transactions of their own.
                Operation::Claim(_)
                | Operation::FinishDelivery(_)
                | Operation::Redeliver(..)
                | Operation::Administer(_)
                | Operation::ChangeBills(_)
                | Operation::TouchKey(..)
                | Operation::SeeSession(..)
                | Operation::SettleInbox(..)
                | Operation::Prune(_)
                | Operation::LimitPages(_)
                | Operation::Batch(_)
                | Operation::Try(_) => {}
            }
        }
        wanted
    }

    fn change(&mut self, change: &Change) {
        self.settings |= change.settings != SettingsSeen::NONE;
        if let Some(guard) = &change.guard {
            self.jobs.insert(guard.key.to_string());
        }
        let new = matches!(&change.refund, Some(changed) if changed.replaces.is_none());
        if let (Some(subject), false) = (change.subject(), new || change.plan == Plan::Keep) {
            self.jobs
                .insert(JobKey::Refund(subject.clone()).to_string());
            self.refunds.insert(subject.to_string());
        }
        match &change.refund {
            Some(Changed {
                record,
                replaces: Some(_),
            }) => {
                self.refunds.insert(record.id.to_string());
                self.turned.insert(record.id.to_string());
            }
            Some(Changed {
                record,
                replaces: None,
            }) => {
                let number = record.out_refund_no.to_string();
                self.numbers.insert((number, record.mch_id.to_string()));
            }
            None => {}
        }
        if let Some(Changed { record, replaces }) = &change.payment {
            self.payments.insert(record.id.to_string());
            if replaces.is_none() {
                let sub = record.sub_mch_id.as_ref().map(ToString::to_string);
                self.orders.insert((
                    record.out_trade_no.to_string(),
                    record.mch_id.to_string(),
                    sub.unwrap_or_default(),
                ));
            }
        }
        self.references(change);
        if let Some(mark) = &change.line {
            self.lines
                .insert((mark.batch.to_string(), i64::from(mark.line)));
            if let LineEnd::Requested(refund) | LineEnd::Found(refund) = &mark.end {
                self.refunds.insert(refund.to_string());
            }
        }
        if !planted::is(Bug::LimitReadBefore) {
            let named = change.usage.iter();
            self.usage
                .extend(named.map(|claim| (claim.subject.clone(), claim.day.clone())));
        }
    }

    /// What rows of the change refer to, where the change does not write it itself. A refund that stays
    /// with its payment asks nothing of it: see `check_references`.
    fn references(&mut self, change: &Change) {
        let Some(changed) = &change.refund else {
            if change.attempt.is_some() || !change.deliveries.is_empty() {
                let subject = change.subject().into_iter();
                self.refunds.extend(subject.map(ToString::to_string));
            }
            return;
        };
        let own = change.payment.as_ref().map(|changed| &changed.record.id);
        if let Some(id) = &changed.record.payment_id
            && changed.replaces.is_none()
            && own != Some(id)
        {
            self.payments.insert(id.to_string());
        }
    }

    /// Begins the transaction and looks.
    pub(super) async fn look(self, session: &mut Session) -> Result<Found, Trouble> {
        let (kinds, statements): (Vec<Kind>, Vec<Statement<'_>>) =
            self.statements().into_iter().unzip();
        let rows = session.look(&statements).await?;
        let mut found = Found::default();
        // The first answer is that to BEGIN.
        for (kind, rows) in kinds.into_iter().zip(rows.into_iter().skip(1)) {
            for row in &rows {
                found.take(kind, row)?;
            }
        }
        Ok(found)
    }

    fn statements(&self) -> Vec<(Kind, Statement<'_>)> {
        let texts = |set: &BTreeSet<String>| -> Vec<String> { set.iter().cloned().collect() };
        let pairs = |set: &BTreeSet<(String, String)>| -> (Vec<String>, Vec<String>) {
            set.iter().cloned().unzip()
        };
        let mut all: Vec<(Kind, Statement<'_>)> = Vec::new();
        for (kind, sql, set) in [
            (Kind::Jobs, sql::JOBS, &self.jobs),
            (Kind::Refunds, sql::REFUNDS_BEFORE, &self.refunds),
            // Once more: a job may have come while the refund was waited for.
            (Kind::Jobs, sql::JOBS, &self.jobs),
            (Kind::Payments, sql::PAYMENTS_BEFORE, &self.payments),
            (Kind::Turned, sql::LINES_OF, &self.turned),
        ] {
            if !set.is_empty() {
                all.push((kind, Statement::new(sql, vec![Box::new(texts(set))])));
            }
        }
        if !self.lines.is_empty() {
            let (batches, lines): (Vec<String>, Vec<i64>) = self.lines.iter().cloned().unzip();
            let columns: Vec<crate::postgres::burst::Column<'_>> =
                vec![Box::new(batches), Box::new(lines)];
            all.push((Kind::Lines, Statement::new(sql::LINES_BEFORE, columns)));
        }
        for (kind, sql, set) in [
            (Kind::Usage, sql::USAGE_BEFORE, &self.usage),
            (Kind::Numbers, sql::NUMBERS_TAKEN, &self.numbers),
        ] {
            if !set.is_empty() {
                let (first, second) = pairs(set);
                let statement = Statement::new(sql, vec![Box::new(first), Box::new(second)]);
                all.push((kind, statement));
            }
        }
        if !self.orders.is_empty() {
            let order = |part: fn(&(String, String, String)) -> &String| -> Vec<String> {
                self.orders.iter().map(part).cloned().collect()
            };
            let columns: Vec<crate::postgres::burst::Column<'_>> = vec![
                Box::new(order(|o| &o.0)),
                Box::new(order(|o| &o.1)),
                Box::new(order(|o| &o.2)),
            ];
            all.push((Kind::Orders, Statement::new(sql::ORDERS_TAKEN, columns)));
        }
        // Read, not locked: all commits would wait for each other. Somebody may change them between
        // this and the commit: nobody has been told of that change before this was read, so it is as
        // if this commit had been first. Whatever is asked after somebody was told sees the change.
        if self.settings {
            all.push((
                Kind::Settings,
                Statement::new(settings::VERSIONS, Vec::new()),
            ));
        }
        all
    }
}

/// What a statement looks for.
#[derive(Clone, Copy)]
enum Kind {
    Jobs,
    Refunds,
    Payments,
    Turned,
    Lines,
    Usage,
    Numbers,
    Orders,
    Settings,
}

impl Found {
    /// Endpoints and rules are those that a change was decided with.
    pub(super) fn check_settings(&self, seen: SettingsSeen) -> Result<(), Trouble> {
        match self.settings {
            Some(now) => Ok(seen.check(now)?),
            None if seen == SettingsSeen::NONE => Ok(()),
            None => Err(Trouble::Refused(UNREADABLE)),
        }
    }

    fn take(&mut self, kind: Kind, stored: &Stored) -> Result<(), Trouble> {
        let row = Row::Postgres(stored);
        match kind {
            Kind::Jobs => {
                self.jobs.insert(row.get(6)?, JobRow::of(row)?);
            }
            Kind::Refunds => {
                self.refunds.insert(row.get(15)?, before(row)?);
            }
            Kind::Payments => {
                let transaction = match row.get(1)? {
                    true => Transaction::Stored,
                    false => Transaction::Unknown,
                };
                self.payments
                    .insert(row.get(2)?, (row.get(0)?, transaction));
            }
            Kind::Turned => {
                let lines = self.turned.entry(row.get(0)?).or_default();
                lines.push((row.get(1)?, row.get(2)?));
            }
            Kind::Lines => {
                let line = LineBefore {
                    amount: row.get(2)?,
                    pending: row.get(3)?,
                };
                self.lines.insert((row.get(0)?, row.get(1)?), line);
            }
            Kind::Usage => {
                let used = (row.get(2)?, row.get(3)?);
                self.usage.insert((row.get(0)?, row.get(1)?), used);
            }
            Kind::Numbers => {
                self.numbers.insert((row.get(0)?, row.get(1)?));
            }
            Kind::Orders => {
                self.orders.insert((row.get(0)?, row.get(1)?, row.get(2)?));
            }
            Kind::Settings => self.settings = Some(settings::versions(row)?),
        }
        Ok(())
    }
}

fn before(row: Row<'_>) -> Result<Before, Trouble> {
    let mut c = Columns::of(row, "refund");
    let version = c.raw()?;
    let head = c.raw()?;
    let status = c.known(Status::parse)?;
    let indexed = Indexed {
        payment_id: c.raw()?,
        out_trade_no: c.raw()?,
        refund_id: c.raw()?,
        attention: c.raw()?,
        ended_at: c.raw()?,
        total: c.raw()?,
        transaction_id: c.raw()?,
        attention_since: c.raw()?,
        approval: c.raw()?,
        approval_until: c.raw()?,
    };
    let rest: (Option<String>, Option<i64>) = (c.raw()?, c.raw()?);
    let mch_id: String = row.get(16)?;
    let origin: String = row.get(17)?;
    let lane = match (mch_id.parse(), Source::parse(&origin)) {
        (Ok(mch_id), Some(origin)) => (mch_id, origin),
        _ => return Err(Trouble::Refused(UNREADABLE)),
    };
    let standing = standing((status, indexed.attention.as_deref()), rest)?;
    Ok(Before {
        version,
        head,
        standing,
        indexed,
        lane,
    })
}
