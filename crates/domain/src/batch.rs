//! Many refunds asked for in one file: checked as a whole before anything happens, agreed to as a
//! whole by a second person, then fed into the queue bit by bit. A batch makes no refunds of its own
//! kind: each line becomes an ordinary one, under a number that depends on the line alone, so that no
//! crash, no second upload and no edited file refunds a line twice.

use std::time::Duration;

use jiff::Timestamp;
use tuikuan_terms::{Fen, MchId, OutRefundNo, OutTradeNo, TransactionId};

use crate::ids::{BatchId, MerchantName};
use crate::payment::OrderRef;
use crate::person::Actor;
use crate::quota::Limits;
use crate::refund::{Reason, Status};
use crate::retry::Schedule;

mod check;
mod fault;
mod steer;

pub use check::{Checker, Checking, Facts, KnownPayment, KnownRefund, Verdict};
pub use fault::{Fault, Warning};
pub use steer::{Faulty, Need, Steer, SteerRefusal, steer};

/// The most lines of one file.
pub const LINES_MAX: u32 = 200_000;

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchState {
    /// Its lines are being taken in.
    Draft,
    /// Every line was checked; nothing happens until somebody submits it.
    Checked,
    /// A second person must agree.
    AwaitingApproval,
    /// Its lines become refunds.
    Running,
    /// No further line becomes a refund until it is resumed.
    Paused,
    /// Withdrawn: what was not sent is never sent.
    Cancelled,
    /// A second person did not agree.
    Rejected,
    /// Every line has come to an end.
    Finished,
}

impl BatchState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::Checked,
        Self::AwaitingApproval,
        Self::Running,
        Self::Paused,
        Self::Cancelled,
        Self::Rejected,
        Self::Finished,
    ];

    /// The state as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Checked => "checked",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Finished => "finished",
        }
    }

    /// Reads what [`BatchState::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It has not become a refund yet.
    Pending,
    /// It never becomes one: a fault of the dry run, or the door refused it.
    Refused,
    /// It was withdrawn before it became one.
    Withdrawn,
    /// It is a refund, which stands there.
    Refund(Status),
}

impl Outcome {
    /// The outcome as text, stable: `pending`, `refused`, `withdrawn` or the refund's status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Refund(status) => status.as_str(),
        }
    }

    /// Reads what [`Outcome::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "refused" => Some(Self::Refused),
            "withdrawn" => Some(Self::Withdrawn),
            status => Status::parse(status).map(Self::Refund),
        }
    }

    /// Whether more is to come of the line by itself.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending => true,
            Self::Refused | Self::Withdrawn => false,
            Self::Refund(status) => !status.is_end(),
        }
    }
}

/// Where a line's refund number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbering {
    /// It stands in the file.
    Given,
    /// It was computed from the order: one such refund for each order, for ever.
    Computed,
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file; the first line is 1.
    pub number: u32,
    /// The order, by one or both numbers.
    pub order: OrderRef,
    /// What to refund.
    pub amount: Fen,
    /// The refund's number, for life (INV-2).
    pub out_refund_no: OutRefundNo,
    /// Where that comes from.
    pub numbering: Numbering,
    /// Shown to the buyer.
    pub reason: Option<Reason>,
}

impl Line {
    /// The line's order under its other number, where that is known: a batch may have refunded it
    /// under that. `None` for a line with a number of its own: it means a further refund.
    #[must_use]
    pub fn other_order(
        &self,
        out_trade_no: &OutTradeNo,
        transaction_id: Option<&TransactionId>,
    ) -> Option<OrderRef> {
        match (self.numbering, &self.order.out_trade_no) {
            (Numbering::Given, _) => None,
            (Numbering::Computed, Some(_)) => Some(OrderRef {
                out_trade_no: None,
                transaction_id: Some(transaction_id?.clone()),
            }),
            (Numbering::Computed, None) => Some(OrderRef {
                out_trade_no: Some(out_trade_no.clone()),
                transaction_id: None,
            }),
        }
    }
}

/// What the dry run found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Lines of the file.
    pub lines: u32,
    /// Lines that become new refunds.
    pub new_lines: u32,
    /// What those are together, in fen: the balance the merchant needs.
    pub new_amount: i64,
    /// Lines that are refunds already; nothing more happens for them.
    pub existing_lines: u32,
    /// Lines with a fault.
    pub faulty_lines: u32,
    /// What those are together, in fen.
    pub faulty_amount: i64,
    /// Lines with a warning.
    pub warned_lines: u32,
    /// Lines whose payment is not registered: WeChat is asked for their orders.
    pub unknown_payments: u32,
    /// The most new refunds of one order: they follow each other a minute apart.
    pub of_one_order: u32,
}

impl Summary {
    /// What the file asks for, in fen; nothing is counted twice.
    #[must_use]
    pub fn refundable_lines(&self) -> u32 {
        self.new_lines.saturating_add(self.existing_lines)
    }

    /// How long it takes at least: by the quota, and by the minute between two refunds of an order.
    #[must_use]
    pub fn takes(&self, limits: &Limits, schedule: &Schedule) -> Duration {
        let rate = u32::try_from(limits.submits_per_second)
            .unwrap_or(u32::MAX)
            .max(1);
        let by_quota = Duration::from_secs(u64::from(self.new_lines.div_ceil(rate)));
        let waits = self.of_one_order.saturating_sub(1);
        let spacing = schedule.spacing.unsigned_abs();
        by_quota.max(spacing.saturating_mul(waits))
    }
}

/// Who did something to a batch, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Our id.
    pub id: BatchId,
    /// The merchant of all its lines.
    pub merchant: MerchantName,
    /// The merchant number.
    pub mch_id: MchId,
    /// What the uploader called it.
    pub name: Option<String>,
    /// SHA-256 over merchant and canonical lines: the same file again is the same batch, and an
    /// approval is of exactly this (INV-32).
    pub content: [u8; 32],
    /// Where it stands.
    pub state: BatchState,
    /// What the dry run found.
    pub summary: Summary,
    /// Who uploaded it.
    pub created: Mark,
    /// When the dry run ended.
    pub checked_at: Option<Timestamp>,
    /// Who submitted it.
    pub requested: Option<Mark>,
    /// With which API key, if with one: its days count every line (INV-33).
    pub requested_key: Option<Box<str>>,
    /// Until when somebody else must have agreed, if somebody must.
    pub approval_until: Option<Timestamp>,
    /// Who agreed.
    pub approved: Option<Mark>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Grows by one with each act on it.
    pub version: i64,
}

impl Batch {
    /// The content as text: what an approval names.
    #[must_use]
    pub fn content_text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in self.content {
            let _written = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_states_and_outcomes_reads_back() {
        for state in BatchState::ALL {
            assert_eq!(BatchState::parse(state.as_str()), Some(state));
        }
        let refunds = Status::ALL.into_iter().map(Outcome::Refund);
        let own = [Outcome::Pending, Outcome::Refused, Outcome::Withdrawn];
        for outcome in own.into_iter().chain(refunds) {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
    }

    #[test]
    fn the_time_is_that_of_the_quota_or_of_the_minutes_between_refunds() {
        let (limits, schedule) = (Limits::default(), Schedule::default());
        let many = Summary {
            new_lines: 10_000,
            of_one_order: 1,
            ..Summary::default()
        };
        assert_eq!(many.takes(&limits, &schedule), Duration::from_secs(67));
        let one = Summary {
            new_lines: 3,
            of_one_order: 3,
            ..Summary::default()
        };
        assert_eq!(one.takes(&limits, &schedule), Duration::from_secs(120));
    }
}
