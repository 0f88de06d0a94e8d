//! [`Change`]: everything one commit writes, as a value. A reader sees here what is atomic.

use jiff::Timestamp;
use tuikuan_domain::approval::UsageClaim;
use tuikuan_domain::refund::{AttemptMark, Changed};
use tuikuan_domain::{Event, MerchantName, Payment, Plan, Refund, RefundId, Transition};

use crate::admin::NewAudit;
use crate::batch::LineMark;
use crate::ids::{DeliveryId, EndpointId};
use crate::job::Guard;
use crate::settings::SettingsSeen;

/// Everything one commit writes. It is applied whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The lease under which this is written; lost: nothing is written (INV-24).
    pub guard: Option<Guard>,
    /// The refund: inserted, or replaced by compare-and-set on its version.
    pub refund: Option<Changed<Refund>>,
    /// The payment, likewise.
    pub payment: Option<Changed<Payment>>,
    /// The line of history that belongs to the change of the refund (INV-29).
    pub event: Option<Event>,
    /// What becomes of the refund's job.
    pub plan: Plan,
    /// What becomes of the row of an attempt (INV-4).
    pub attempt: Option<AttemptMark>,
    /// Messages to endpoints, each with a job of its own, due at [`Change::at`].
    pub deliveries: Vec<NewDelivery>,
    /// The authentic notification that caused the change (INV-20).
    pub inbox: Option<InboxEntry>,
    /// The conversation with WeChat that caused the change, redacted.
    pub exchange: Option<Exchange>,
    /// The line of a batch that became this refund, or was refused.
    pub line: Option<LineMark>,
    /// The entry of the audit log that belongs to it: an act of a person or a key (INV-35).
    pub audit: Option<NewAudit>,
    /// What a new refund counts against the limits of a day (INV-33); above one of the maxima
    /// nothing is written and the answer is [`CommitError::Conflict`](crate::CommitError::Conflict).
    pub usage: Vec<UsageClaim>,
    /// With which endpoints and rules this was decided; with others stored the answer is
    /// [`CommitError::Outdated`](crate::CommitError::Outdated).
    pub settings: SettingsSeen,
    /// The time of the engine. Whole microseconds, like all stored times.
    pub at: Timestamp,
    /// The refund that plan, attempt and exchange are about, where `refund` is `None`.
    pub subject: Option<RefundId>,
}

impl Change {
    /// A change that writes nothing yet.
    #[must_use]
    pub const fn empty(at: Timestamp) -> Self {
        Self {
            guard: None,
            refund: None,
            payment: None,
            event: None,
            plan: Plan::Keep,
            attempt: None,
            deliveries: Vec::new(),
            inbox: None,
            exchange: None,
            line: None,
            audit: None,
            usage: Vec::new(),
            settings: SettingsSeen::NONE,
            at,
            subject: None,
        }
    }

    /// What a door returned about `subject`.
    #[must_use]
    pub fn of(transition: Transition, subject: RefundId, at: Timestamp) -> Self {
        Self {
            refund: transition.refund,
            payment: transition.payment,
            event: transition.event,
            plan: transition.plan,
            attempt: transition.attempt,
            subject: Some(subject),
            ..Self::empty(at)
        }
    }

    /// The refund that plan, attempt and exchange are about.
    #[must_use]
    pub fn subject(&self) -> Option<&RefundId> {
        match &self.refund {
            Some(changed) => Some(&changed.record.id),
            None => self.subject.as_ref(),
        }
    }
}

/// A message to an endpoint; the body is fixed for all its tries (INV-30).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The id that stays the same at each try.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// About which refund.
    pub refund_id: RefundId,
    /// The number of the event.
    pub seq: i64,
    /// The public type of the event.
    pub event_type: String,
    /// The body, byte for byte.
    pub body: String,
}

/// An authentic notification, kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// SHA-256 over merchant, generation and decrypted text: a repeat is recognised by it.
    pub dedupe: [u8; 32],
    /// For which merchant.
    pub merchant: MerchantName,
    /// `v2` or `v3`, and what it is about: free for the engine, stable.
    pub generation: String,
    /// The raw headers that matter, as text.
    pub headers: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// The refund it is about, where we know it.
    pub refund_id: Option<RefundId>,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: String,
    /// The time of success that it tells, where it tells one.
    pub told_at: Option<Timestamp>,
}

/// A conversation with WeChat, redacted by whoever had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What it was: `submit`, `query`, `look_up_payment` ...
    pub kind: String,
    /// Which attempt, for a submit.
    pub attempt: Option<u32>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed_ms: i64,
    /// What was sent.
    pub request: String,
    /// What came back, if anything.
    pub reply: Option<String>,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
}

/// What a commit wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The position of the event among all events.
    pub position: Option<i64>,
    /// What became of the notification.
    pub inbox: Inbox,
}

/// What became of the notification in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// There was none.
    Absent,
    /// It is stored.
    Stored,
    /// Its equal was stored before.
    Repeat,
}
