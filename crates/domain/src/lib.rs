//! The rules of a refund, pure: records, states, the two doors, money, schedules and quotas.
//!
//! All state changes pass one of two total functions: [`refund::decide`] for a [`Command`] (what
//! somebody on our side wants) and [`refund::observe`] for an [`Observation`] (what WeChat says).
//! Both take the current records, the input and the time, and return a [`Transition`]: data that
//! the engine commits whole. Nothing here does I/O, reads a clock or draws a random number.
//!
//! ```
//! use tuikuan_domain::retry::Schedule;
//! use jiff::{SignedDuration, Timestamp};
//! let submitted = Timestamp::UNIX_EPOCH;
//! let schedule = Schedule::default();
//! // The first look comes after a few seconds, because refunds to the balance arrive at once.
//! assert_eq!(schedule.next_query(submitted, submitted), Some(submitted + SignedDuration::from_secs(3)));
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(
    test,
    expect(
        clippy::arithmetic_side_effects,
        reason = "tests may add small numbers"
    )
)]

pub mod approval;
pub mod batch;
pub mod event;
pub mod ids;
pub mod outcome;
pub mod payment;
pub mod person;
pub mod planted;
pub mod quota;
pub mod reconcile;
pub mod refund;
pub mod retry;

pub use event::{Event, EventKind, Source};
pub use ids::{BatchId, DifferenceId, MerchantName, PaymentId, PersonId, RefundId};
pub use outcome::{
    ErrorNote, Finding, Outcome, PaymentFinding, PaymentReport, Report, WechatState,
};
pub use payment::{OrderRef, Payment};
pub use person::{Actor, Role};
pub use refund::{
    Attention, AttentionReason, Command, FundsAccount, NewRefund, Observation, PendingReason, Plan,
    Refund, Refusal, Situation, Status, Step, Transition,
};

use jiff::{SignedDuration, Timestamp};

/// `time` plus `wait`, stopping at the end of representable time.
#[must_use]
pub fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}
