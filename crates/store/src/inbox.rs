//! Which notifications a list shows.

use std::str::FromStr;

use jiff::Timestamp;
use tuikuan_domain::MerchantName;

use crate::records::InboxRecord;
use crate::select::{CursorError, LIST_MAX, Merchants};

/// Which notifications are wanted, newest first.
#[derive(Debug, Clone)]
pub struct InboxFilter {
    /// The merchants the caller may see.
    pub allowed: Merchants,
    /// Of this merchant only.
    pub merchant: Option<MerchantName>,
    /// With one of these outcomes only; none: with any.
    pub outcomes: Vec<&'static str>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub to: Option<Timestamp>,
    /// Only those that nobody has dealt with.
    pub settled: Settled,
    /// Where the last page ended.
    pub after: Option<InboxCursor>,
    /// At most so many, at most [`crate::LIST_MAX`].
    pub limit: u32,
}

/// Whether a list shows what somebody has dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It does.
    Shown,
    /// It does not.
    Hidden,
}

impl InboxFilter {
    /// All notifications of these merchants.
    #[must_use]
    pub const fn of(allowed: Merchants) -> Self {
        Self {
            allowed,
            merchant: None,
            outcomes: Vec::new(),
            from: None,
            to: None,
            settled: Settled::Shown,
            after: None,
            limit: LIST_MAX,
        }
    }
}

/// What most notifications come to; the others stand in an index of their own.
const USUAL: [&str; 3] = ["applied", "hint", "payment"];

impl InboxFilter {
    /// Whether only outcomes are wanted that few notifications come to.
    pub(crate) fn all_odd(&self) -> bool {
        let odd = |outcome: &&str| !USUAL.contains(outcome);
        !self.outcomes.is_empty() && self.outcomes.iter().all(odd)
    }

    /// Where the page begins: the cursor, or the end of the period, whichever is earlier.
    pub(crate) fn upper_end(&self) -> (i64, i64) {
        let end = self.to.map_or(i64::MAX, Timestamp::as_microsecond);
        match self.after {
            Some(cursor) if cursor.received_at.as_microsecond() < end => {
                (cursor.received_at.as_microsecond(), cursor.number)
            }
            Some(_) | None => (end, 0),
        }
    }

    /// The page out of the newest of each merchant.
    pub(crate) fn newest(&self, mut found: Vec<InboxRecord>) -> Vec<InboxRecord> {
        let place = |row: &InboxRecord| (row.entry.received_at, row.number);
        found.sort_by_key(|row| std::cmp::Reverse(place(row)));
        let limit = self.limit.clamp(1, LIST_MAX);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found
    }
}

/// The last notification of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxCursor {
    /// When it came.
    pub received_at: Timestamp,
    /// Its number.
    pub number: i64,
}

impl std::fmt::Display for InboxCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.received_at.as_microsecond(), self.number)
    }
}

impl FromStr for InboxCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (at, number) = text.split_once('.')?;
            let received_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
            let number = number.parse().ok()?;
            Some(Self {
                received_at,
                number,
            })
        };
        read().ok_or(CursorError)
    }
}
