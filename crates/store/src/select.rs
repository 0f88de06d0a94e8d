//! Lists: filters, keyset cursors, limits. Every list has an end (INV-28), every list carries the
//! merchants that may be seen (INV-34).

use std::str::FromStr;

use jiff::Timestamp;
use tuikuan_domain::{MerchantName, Refund, RefundId, Status};
use tuikuan_terms::{OutRefundNo, OutTradeNo};

/// The longest page of any list.
pub const LIST_MAX: u32 = 200;

/// Events, and entries of the audit log, that one call looks at.
pub(crate) const EVENTS_MAX: u32 = 1000;

/// Which merchants may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merchants {
    /// All of them.
    All,
    /// These only; none at all sees nothing.
    Only(Vec<MerchantName>),
}

impl Merchants {
    /// Whether a merchant may be seen.
    #[must_use]
    pub fn allows(&self, merchant: &MerchantName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(merchant),
        }
    }

    /// The names; `None` for all of them.
    pub(crate) fn names(&self) -> Option<Vec<&str>> {
        match self {
            Self::All => None,
            Self::Only(names) => Some(names.iter().map(|name| name.as_str()).collect()),
        }
    }
}

/// Whether a list asks for refunds that need a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attention {
    /// All refunds.
    #[default]
    Any,
    /// Those that need a person.
    Needed,
    /// Those that need none.
    NotNeeded,
}

/// Which refunds a list shows, newest first.
#[derive(Debug, Clone)]
pub struct RefundFilter {
    /// The merchants the caller may see.
    pub allowed: Merchants,
    /// Of this merchant only.
    pub merchant: Option<MerchantName>,
    /// In this status only.
    pub status: Option<Status>,
    /// Of this order only.
    pub out_trade_no: Option<OutTradeNo>,
    /// Under this number only.
    pub out_refund_no: Option<OutRefundNo>,
    /// Made at or after.
    pub created_from: Option<Timestamp>,
    /// Made before.
    pub created_to: Option<Timestamp>,
    /// Whether they need a person.
    pub attention: Attention,
    /// Where the last page ended.
    pub after: Option<Cursor>,
    /// At most so many, at most [`LIST_MAX`].
    pub limit: u32,
}

impl RefundFilter {
    /// All refunds of these merchants.
    #[must_use]
    pub const fn of(allowed: Merchants) -> Self {
        Self {
            allowed,
            merchant: None,
            status: None,
            out_trade_no: None,
            out_refund_no: None,
            created_from: None,
            created_to: None,
            attention: Attention::Any,
            after: None,
            limit: LIST_MAX,
        }
    }
}

impl RefundFilter {
    /// Where the page begins: the cursor, or the end of the period, whichever is earlier.
    pub(crate) fn upper_end(&self) -> (i64, &str) {
        let end = self.created_to.map_or(i64::MAX, Timestamp::as_microsecond);
        match &self.after {
            Some(cursor) if cursor.created_at.as_microsecond() < end => {
                (cursor.created_at.as_microsecond(), cursor.id.as_str())
            }
            Some(_) | None => (end, ""),
        }
    }
}

/// The last refund of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: RefundId,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created_at.as_microsecond(), self.id)
    }
}

/// The text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of ours")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let (at, id) = text.split_once('.')?;
            let created_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
            let id = id.parse().ok()?;
            Some(Self { created_at, id })
        };
        read().ok_or(CursorError)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

impl Page<Refund> {
    /// The newest of what was found: one more of each merchant than the page has room for, if there
    /// are more.
    pub(crate) fn newest(mut found: Vec<Refund>, limit: u32) -> Self {
        found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| Cursor {
            created_at: last.created_at,
            id: last.id.clone(),
        });
        Self { items: found, next }
    }
}
