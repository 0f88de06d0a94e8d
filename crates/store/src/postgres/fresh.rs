//! A group in which everything is a new refund of a payment that was just read: it is written as if nobody
//! had been faster, without a look before. The statement that takes the money checks the version that was
//! read and locks the row in one (INV-1); the index of numbers does the rest (INV-15). Who was not alone
//! is undone and looks first, and so are the next groups: where many want the same, boldness is waste.

use std::sync::atomic::{AtomicU32, Ordering};

use tuikuan_domain::Plan;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::refund::Changed;

use crate::change::Change;
use crate::indexed::Transaction;
use crate::operation::Operation;
use crate::postgres::Shared;
use crate::postgres::burst::Statement;
use crate::postgres::commit::{Group, Judged, Rows};
use crate::postgres::look::Found;
use crate::postgres::session::Session;
use crate::postgres::sets;
use crate::rows::Row;
use crate::settings::{self, SettingsSeen, SettingsVersions};
use crate::signals::Effects;
use crate::trouble::{Trouble, UNREADABLE};

/// So many groups look first after one that was not alone.
const CAREFUL: u32 = 32;

/// Whether groups look first.
#[derive(Default)]
pub(super) struct Care(AtomicU32);

impl Care {
    /// Takes one of the groups that look first.
    fn is_due(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    fn begin(&self) {
        self.0.store(CAREFUL, Ordering::Relaxed);
    }
}

impl Shared {
    /// Writes such a group. `None`: it is another one, or was not alone; nothing was written then.
    pub(super) async fn fresh(
        &self,
        operations: &[Operation],
    ) -> Result<Option<(Vec<Judged>, Effects)>, Trouble> {
        let Some(assumed) = Assumed::of(operations) else {
            return Ok(None);
        };
        if self.care.is_due() {
            return Ok(None);
        }
        let mut group = Group::new(assumed.found, self.forwarded_us);
        let mut answers = group.judge(operations)?;
        if group.rows.are_none() {
            return Ok(None);
        }
        group.rows.in_order();
        let mut session = Session::new(&self.writers).await?;
        match write(&mut session, &group.rows, assumed.seen).await {
            Ok(()) => {}
            Err(Trouble::Refused(_)) => {
                session.roll_back().await?;
                self.care.begin();
                return Ok(None);
            }
            Err(trouble) => return Err(trouble),
        }
        let position = self.finish(session, &mut group).await?;
        group.know_positions(&position, &mut answers)?;
        Ok(Some((answers, group.tally.effects)))
    }
}

/// Begins, and writes in the same burst. Endpoints and rules are read in it, as a look reads them.
async fn write(session: &mut Session, rows: &Rows<'_>, seen: SettingsSeen) -> Result<(), Trouble> {
    let mut statements = sets::fresh(rows);
    if seen == SettingsSeen::NONE {
        return session.look(&statements).await.map(drop);
    }
    statements.push(Statement::new(settings::VERSIONS, Vec::new()));
    let answers = session.look(&statements).await?;
    let row = answers.last().and_then(|rows| rows.first());
    let now = settings::versions(Row::Postgres(row.ok_or(UNREADABLE)?))?;
    Ok(seen.check(now)?)
}

/// What would be found if nobody had been faster.
#[derive(Default)]
struct Assumed {
    found: Found,
    seen: SettingsSeen,
}

impl Assumed {
    /// `None` where more than that has to be known.
    fn of(operations: &[Operation]) -> Option<Self> {
        if planted::is(Bug::CheckBeforeLock) {
            return None;
        }
        let mut assumed = Self::default();
        for operation in operations {
            let Operation::Commit(change) = operation else {
                return None;
            };
            assumed.payment(change)?;
            assumed.settings(change.settings)?;
        }
        Some(assumed)
    }

    fn payment(&mut self, change: &Change) -> Option<()> {
        let Change {
            refund:
                Some(Changed {
                    record: refund,
                    replaces: None,
                }),
            payment:
                Some(Changed {
                    record: payment,
                    replaces: Some(version),
                }),
            plan: Plan::At(..),
            guard: None,
            attempt: None,
            inbox: None,
            exchange: None,
            line: None,
            usage,
            ..
        } = change
        else {
            return None;
        };
        if !usage.is_empty() || refund.payment_id.as_ref() != Some(&payment.id) {
            return None;
        }
        let stored = (*version, Transaction::Stored);
        self.found.payments.insert(payment.id.to_string(), stored);
        Some(())
    }

    /// All were decided with the same.
    fn settings(&mut self, seen: SettingsSeen) -> Option<()> {
        let same = |one: Option<i64>, other: Option<i64>| match (one, other) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => Some(one.or(other)),
        };
        self.seen = SettingsSeen {
            endpoints: same(self.seen.endpoints, seen.endpoints)?,
            rules: same(self.seen.rules, seen.rules)?,
        };
        self.found.settings = Some(SettingsVersions {
            endpoints: self.seen.endpoints.unwrap_or_default(),
            rules: self.seen.rules.unwrap_or_default(),
        });
        Some(())
    }
}
