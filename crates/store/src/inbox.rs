//! Which notifications a list shows.

use std::str::FromStr;

use jiff::Timestamp;
use tuikuan_domain::MerchantName;

use crate::select::{CursorError, Merchants};

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
            limit: crate::select::LIST_MAX,
        }
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
