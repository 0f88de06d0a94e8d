//! Who cares for what needs a person, and what waits for one. A snooze holds only for the reason it
//! was made for: when that changes, it is over.

use jiff::Timestamp;
use tuikuan_domain::{AttentionReason, MerchantName, PersonId, RefundId};

/// What somebody cares for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A refund that needs a person.
    Refund(RefundId),
    /// A notification that nobody could place, by its number.
    Notification(i64),
    /// An endpoint that was switched off.
    Endpoint(crate::ids::EndpointId),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refund(id) => write!(f, "refund:{id}"),
            Self::Notification(number) => write!(f, "notification:{number}"),
            Self::Endpoint(id) => write!(f, "endpoint:{id}"),
        }
    }
}

impl Subject {
    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("refund", id) => id.parse().ok().map(Self::Refund),
            ("notification", number) => number.parse().ok().map(Self::Notification),
            ("endpoint", id) => id.parse().ok().map(Self::Endpoint),
            _ => None,
        }
    }
}

/// How somebody cares for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Care {
    /// For what.
    pub subject: Subject,
    /// Whose it is.
    pub merchant: MerchantName,
    /// Why it needed a person then.
    pub reason: String,
    /// Who takes care of it.
    pub assignee: Option<PersonId>,
    /// Not to be shown before.
    pub snoozed_until: Option<Timestamp>,
    /// Since when it is dealt with. Refunds say so themselves.
    pub settled_at: Option<Timestamp>,
    /// What was done.
    pub note: Option<String>,
    /// Grows by one with each change.
    pub version: i64,
}

impl Care {
    /// Nobody has cared for it yet.
    #[must_use]
    pub fn none(subject: Subject, merchant: MerchantName, reason: &str) -> Self {
        Self {
            subject,
            merchant,
            reason: reason.to_owned(),
            assignee: None,
            snoozed_until: None,
            settled_at: None,
            note: None,
            version: 0,
        }
    }

    /// Whether it is not to be shown now, for this reason.
    #[must_use]
    pub fn sleeps(&self, reason: &str, now: Timestamp) -> bool {
        self.reason == reason && self.snoozed_until.is_some_and(|until| until > now)
    }
}

/// How much waits for a person, for a glance at every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Refunds that wait for a second person.
    pub approvals: i64,
    /// Batches that wait for a second person.
    pub batches: i64,
    /// Everything else that needs a person and does not sleep.
    pub attention: i64,
    /// Open differences between our books and WeChat's bills, counted up to
    /// [`OPEN_DIFFERENCES_MAX`].
    pub differences: i64,
}

/// Open differences are counted up to here.
pub const OPEN_DIFFERENCES_MAX: i64 = 10_000;

impl Waiting {
    /// With what waits at one more merchant: approvals, everything else, and how much of it sleeps.
    pub(crate) const fn with(self, (approvals, needs, asleep): (i64, i64, i64)) -> Self {
        Self {
            approvals: self.approvals.saturating_add(approvals),
            attention: self.attention.saturating_add(needs).saturating_sub(asleep),
            ..self
        }
    }
}

/// Outcomes of notifications that nobody could place.
pub const UNPLACED: [&str; 3] = ["unmatched", "unreadable", "conflict"];

/// Notifications that nobody could place are shown for so long.
pub const UNPLACED_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Whether a list shows what sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleeping {
    /// What is awake.
    Hidden,
    /// What sleeps, and only that.
    Only,
}

/// Which refunds that need a person are wanted, the longest waiting first.
#[derive(Debug, Clone)]
pub struct NeededAsked {
    /// Of which merchant.
    pub merchant: MerchantName,
    /// For which reason.
    pub reason: AttentionReason,
    /// Whether those that sleep.
    pub sleeping: Sleeping,
    /// The time.
    pub now: Timestamp,
    /// Where the last page ended: since when, and the id.
    pub after: Option<(Timestamp, RefundId)>,
    /// At most so many.
    pub limit: u32,
}
