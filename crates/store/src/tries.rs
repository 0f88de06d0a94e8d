//! How often something may be tried, over all nodes: so many times at once, and as many again within a
//! period. A try is allowed while what was spent before, at a steady pace, is paid back within a period;
//! one that is not allowed costs nothing.

use jiff::{SignedDuration, Timestamp};

/// Keys at rest that are forgotten with each try: more than it adds, so that what is remembered is what
/// is in use (INV-28).
pub(crate) const FORGOTTEN_AT_ONCE: i64 = 4;

/// One more try.
#[derive(Debug, Clone)]
pub struct Try {
    /// Of what: a hash, so that nobody reads from it who tried.
    pub key: [u8; 32],
    /// So many tries at once.
    pub most: u32,
    /// And as many again within this time.
    pub period: SignedDuration,
    /// The time, where the database has none of its own.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Allowed, and it was not the last.
    Allowed,
    /// Allowed, and it was the last for now.
    Last,
    /// Not allowed.
    UsedUp,
}

impl Try {
    /// What one costs, in microseconds.
    pub(crate) fn cost(&self) -> i64 {
        let most = i64::from(self.most.max(1));
        self.period_us().checked_div(most).unwrap_or(0).max(1)
    }

    pub(crate) fn period_us(&self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX)
    }

    /// By how much is spent after it; `None`: it was not allowed.
    pub(crate) fn came_to(&self, spent: Option<i64>) -> Tried {
        match spent {
            None => Tried::UsedUp,
            Some(spent) if spent.saturating_add(self.cost()) > self.period_us() => Tried::Last,
            Some(_) => Tried::Allowed,
        }
    }
}
