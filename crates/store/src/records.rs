//! What reads give beside the domain's records.

use jiff::Timestamp;
use tuikuan_domain::{Event, EventKind, MerchantName, Payment, Refund, RefundId, Source, Status};

/// What the first door is held against, loaded in one go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Situation {
    /// The refund under that number, if it exists.
    pub refund: Option<Refund>,
    /// Its payment; for a new refund, the payment of the order.
    pub payment: Option<Payment>,
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place among all events; only grows.
    pub position: i64,
    /// The refund it belongs to.
    pub refund_id: RefundId,
    /// The merchant of the refund.
    pub merchant: MerchantName,
    /// 1, 2, 3 ... per refund.
    pub seq: i64,
    /// What kind of line.
    pub kind: EventKind,
    /// The status after it, or `None` when it changed none.
    pub status: Option<Status>,
    /// When.
    pub at: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// Changed fields with their new text, then notes.
    pub detail: Vec<(String, Option<String>)>,
    /// SHA-256 over the event before and this one.
    pub hash: [u8; 32],
}

impl StoredEvent {
    /// The event of the domain, to be replayed. Notes are left out: they are not part of the
    /// record. `None` when it has a field that this version does not know.
    #[must_use]
    pub fn to_event(&self) -> Option<Event> {
        let mut detail = Vec::with_capacity(self.detail.len());
        for (name, value) in &self.detail {
            if name.starts_with("note.") {
                continue;
            }
            let known = FIELD_NAMES.iter().find(|known| *known == name)?;
            detail.push((*known, value.clone()));
        }
        Some(Event {
            refund_id: self.refund_id.clone(),
            seq: self.seq,
            kind: self.kind,
            status: self.status,
            at: self.at,
            source: self.source,
            detail,
        })
    }
}

/// The names of a refund's fields in events.
const FIELD_NAMES: [&str; 33] = [
    "out_trade_no",
    "transaction_id",
    "payment_id",
    "total",
    "status",
    "pending_reason",
    "refund_id",
    "user_received_account",
    "attention",
    "attention_since",
    "error_code",
    "error_message",
    "error_source",
    "error_advice",
    "refusal_unconfirmed",
    "contradictions",
    "attempts",
    "waits",
    "submitted_at",
    "last_attempt_at",
    "elsewhere_at",
    "elsewhere_open",
    "succeeded_at",
    "ended_at",
    "requested_by",
    "approval",
    "approval_until",
    "approved_by",
    "approved_at",
    "approved_content",
    "amount",
    "out_refund_no",
    "created_at",
];

/// An attempt to submit a refund (INV-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub attempt: u32,
    /// The fence of the lease it was begun under; 0 without one.
    pub fence: i64,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended, as far as we know.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<String>,
}

/// A stored conversation with WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExchange {
    /// Its place among all of them.
    pub number: i64,
    /// The refund it was about.
    pub refund_id: RefundId,
    /// What was said.
    pub exchange: crate::change::Exchange,
}

/// A stored notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRecord {
    /// Its place among all of them.
    pub number: i64,
    /// What came. Headers and body are empty once they were pruned.
    pub entry: crate::change::InboxEntry,
    /// How often its equal came again.
    pub repeats: i64,
    /// The line of the refund's history that it caused.
    pub seq: Option<i64>,
}

/// How many refunds of a merchant stand in a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// The merchant.
    pub merchant: MerchantName,
    /// The status.
    pub status: Status,
    /// How many.
    pub refunds: i64,
}

/// A refund that has not ended, needs no person, and has no job or one that is long overdue
/// (INV-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The refund.
    pub refund_id: RefundId,
    /// Where it stands.
    pub status: Status,
    /// When its job was due; `None`: it has no job.
    pub due_at: Option<Timestamp>,
}
