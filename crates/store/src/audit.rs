//! The audit log: what is asked of it, and what a proof of it says (INV-35). The table of what is
//! logged stands in `action`.

use jiff::Timestamp;
use tuikuan_domain::Actor;

use crate::admin::{AuditEntry, NewAudit};
use crate::select::Merchants;

mod action;
pub(crate) mod line;

pub use action::Action;

impl NewAudit {
    /// An entry of an action of the table. A `merchant` in the detail says who may see the entry.
    #[must_use]
    pub fn of(
        at: Timestamp,
        actor: &Actor,
        action: Action,
        (subject, detail): (&str, &serde_json::Value),
    ) -> Self {
        Self {
            at,
            actor: actor.to_string(),
            action: action.name.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// Where the log ended at some time: kept elsewhere, it shows that nothing before it was changed,
/// even by somebody who can write the whole database anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the last entry; 0 for an empty log.
    pub number: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Which entries are shown, newest first.
#[derive(Debug, Clone)]
pub struct AuditFilter {
    /// The merchants that may be seen; what is about no merchant is seen only by who sees all.
    pub allowed: Merchants,
    /// By this actor only.
    pub actor: Option<String>,
    /// Whose action begins so.
    pub action: Option<String>,
    /// About this only.
    pub subject: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Before this number: where the last page ended.
    pub before: Option<i64>,
    /// At most so many, at most [`crate::LIST_MAX`].
    pub limit: u32,
}

impl AuditFilter {
    /// All entries of these merchants.
    #[must_use]
    pub const fn of(allowed: Merchants) -> Self {
        Self {
            allowed,
            actor: None,
            action: None,
            subject: None,
            from: None,
            to: None,
            before: None,
            limit: crate::LIST_MAX,
        }
    }
}

/// One page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// What is on it.
    pub entries: Vec<AuditEntry>,
    /// [`AuditFilter::before`] of the next; `None`: this is the last.
    pub next: Option<i64>,
}
