//! A job's row as whoever holds or plans it sees it.

use jiff::Timestamp;
use tuikuan_domain::Step;

use crate::error::ReadError;
use crate::job::{Claimed, Guard, JobKey};
use crate::rows::{Columns, Row};
use crate::trouble::{Trouble, UNREADABLE};

/// A job's row.
pub(crate) struct JobRow {
    pub(crate) step: String,
    pub(crate) due_at: i64,
    pub(crate) fence: i64,
    pub(crate) leased: bool,
    claimed_at: Option<i64>,
    hint: Hint,
}

/// Whether somebody asked for a look while the job was at work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    None,
    Look,
}

impl JobRow {
    /// Step, due time, fence, whether it is leased, when it was claimed, whether it is hinted.
    pub(crate) fn of(row: Row<'_>) -> Result<Self, ReadError> {
        let mut c = Columns::of(row, "job");
        Ok(Self {
            step: c.raw()?,
            due_at: c.raw()?,
            fence: c.raw()?,
            leased: c.raw()?,
            claimed_at: c.raw()?,
            hint: match c.raw()? {
                true => Hint::Look,
                false => Hint::None,
            },
        })
    }

    /// When a query that was brought forward may run.
    pub(crate) fn forwarded(&self, now: i64, forwarded_us: i64) -> i64 {
        let earliest = self
            .claimed_at
            .map_or(now, |at| at.saturating_add(forwarded_us));
        earliest.max(now)
    }

    /// A due time for a query, as early as a hint that came meanwhile wants it.
    pub(crate) fn hinted_due(&self, due: i64, now: i64, forwarded_us: i64) -> i64 {
        match self.hint {
            Hint::Look => due.min(self.forwarded(now, forwarded_us)),
            Hint::None => due,
        }
    }
}

/// A job that was claimed.
pub(crate) fn claimed_job(
    key: &str,
    step: &str,
    due_at: i64,
    (fence, rescued): (i64, bool),
) -> Result<Claimed, Trouble> {
    let unreadable = || Trouble::Refused(UNREADABLE);
    let key = JobKey::parse(key).ok_or_else(unreadable)?;
    let step = match key {
        JobKey::Refund(_) => Some(Step::parse(step).ok_or_else(unreadable)?),
        JobKey::Delivery(_) | JobKey::Batch(_) | JobKey::Bill(_) | JobKey::Difference(_) => None,
    };
    Ok(Claimed {
        guard: Guard { key, fence },
        step,
        due_at: Timestamp::from_microsecond(due_at).map_err(|_foreign| unreadable())?,
        rescued,
    })
}
