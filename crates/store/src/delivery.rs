//! Deliveries: messages to merchants' systems, and how their tries end.

use jiff::Timestamp;
use tuikuan_domain::RefundId;

use crate::ids::{DeliveryId, EndpointId};
use crate::job::Guard;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It will be tried (again).
    Pending,
    /// The receiver took it.
    Delivered,
    /// All tries are used up; a person may redeliver it.
    Dead,
}

impl DeliveryStatus {
    /// All statuses.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The status as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Reads what [`DeliveryStatus::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// A stored delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, the same at each try.
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
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Tries so far, since it was made or redelivered.
    pub attempts: u32,
    /// The HTTP status of the last try.
    pub last_status: Option<u16>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
}

/// Which deliveries a list shows, newest first.
#[derive(Debug, Clone)]
pub struct DeliveryFilter {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// In this status only.
    pub status: Option<DeliveryStatus>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
    /// Where the last page ended.
    pub before: Option<DeliveryId>,
    /// At most so many, at most [`crate::LIST_MAX`].
    pub limit: u32,
}

/// How a try ended, written under its lease.
#[derive(Debug, Clone)]
pub struct DeliveryReport {
    /// The lease.
    pub guard: Guard,
    /// The time.
    pub at: Timestamp,
    /// How it ended.
    pub end: DeliveryEnd,
    /// The HTTP status, if there was one.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The endpoint has failed for too long: switch it off, for this reason.
    pub disable: Option<String>,
}

/// How a try of a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Retry {
        /// When.
        due: Timestamp,
    },
    /// All tries are used up.
    Dead,
}
