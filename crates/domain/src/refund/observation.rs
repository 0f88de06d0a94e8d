//! The second door's input: what WeChat says about a refund.

use jiff::Timestamp;

use crate::outcome::{ErrorNote, Finding, Outcome, PaymentFinding, Report};
use crate::payment::Payment;
use crate::refund::ElsewhereEnd;

/// What WeChat says. Evidence ranks: verified query, verified v3 notification, verified reply
/// (INV-16); a v2 notification is a hint and no evidence at all (INV-18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The answer to an attempt.
    Reply {
        /// Which attempt, from 1.
        attempt: u32,
        /// What the answer proves.
        outcome: Outcome,
    },
    /// The request could not be built: the configuration lacks something. No attempt began.
    NotBuilt(ErrorNote),
    /// The answer to a query.
    Query {
        /// What it found.
        finding: Finding,
        /// When it was asked: what WeChat did not know then says nothing about later.
        asked: Timestamp,
    },
    /// A signed notification.
    Notification(Report),
    /// The answer to the call that sends an abnormal refund elsewhere.
    Elsewhere(ElsewhereEnd),
    /// A notification that proves nothing: look now.
    Hint,
    /// The answer to a query of the order, and for a paid order the payment record to draw on.
    PaymentLookup {
        /// What WeChat says of the order.
        finding: PaymentFinding,
        /// For a paid order: the record, new (version 0) or as stored.
        payment: Option<Box<Payment>>,
    },
}
