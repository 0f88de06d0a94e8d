//! Bills and differences as others see them.

use serde::Serialize;
use tuikuan_domain::reconcile::{BillKind, Class, DifferenceState};
use tuikuan_store::{BillDay, Difference, DifferenceCount};
use utoipa::ToSchema;

use crate::shape::Time;

/// What one bill adds up to, or why it is not there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bill)]
pub struct BillBody<'a> {
    /// `wanted`, `fetched`, `empty` (WeChat says that nothing happened), `missing` (long overdue) or
    /// `failed` (what came is not the bill, or it could not be asked for).
    pub state: &'static str,
    /// How often it was asked for in vain since it was last processed.
    pub tries: u32,
    /// Why it is not there.
    #[schema(required = true)]
    pub error: Option<&'a str>,
    /// When it was processed last.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub fetched_at: Option<Time>,
    /// When it will be asked for.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Time>,
    /// SHA-256 of the file as it came, in hex.
    #[schema(required = true)]
    pub hash: Option<&'a str>,
    /// Lines of this merchant.
    pub lines: u64,
    /// Payments, and what was paid in fen.
    pub payments: u64,
    /// What was paid, in fen.
    pub payments_amount: i64,
    /// Refunds.
    pub refunds: u64,
    /// What was refunded, in fen.
    pub refunds_amount: i64,
    /// Fees taken, in yuan with five decimals, as bills print them.
    #[schema(example = "12.34500")]
    pub fees: String,
    /// Fees given back, likewise, not negative.
    #[schema(example = "0.06000")]
    pub fees_returned: String,
}

impl<'a> BillBody<'a> {
    /// The shape of a bill.
    #[must_use]
    pub fn of(bill: &'a BillDay) -> Self {
        let sums = &bill.sums;
        Self {
            state: bill.state.as_str(),
            tries: bill.tries,
            error: bill.error.as_deref(),
            fetched_at: bill.fetched_at.map(Time),
            next_at: bill.due_at.map(Time),
            hash: bill.hash.as_deref(),
            lines: sums.lines,
            payments: sums.payments,
            payments_amount: sums.payments_fen,
            refunds: sums.refunds,
            refunds_amount: sums.refunds_fen,
            fees: fee(sums.fees),
            fees_returned: fee(sums.fees_returned),
        }
    }
}

/// Thousandths of a fen as yuan with five decimals.
#[must_use]
pub fn fee(thousandths: i64) -> String {
    let (sign, size) = (
        if thousandths < 0 { "-" } else { "" },
        thousandths.unsigned_abs(),
    );
    format!("{sign}{}.{:05}", size / 100_000, size % 100_000)
}

/// How many refunds of a day are what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DifferenceCount)]
pub struct CountBody {
    /// The class.
    pub class: &'static str,
    /// Still open.
    pub open: u64,
    /// Settled by a query or a later bill.
    pub healed: u64,
    /// Settled by a person.
    pub resolved: u64,
}

impl CountBody {
    /// The counts of each class that a difference can have.
    #[must_use]
    pub fn all(counts: &[DifferenceCount]) -> Vec<Self> {
        let of = |class: Class, state: DifferenceState| {
            let of = counts
                .iter()
                .filter(|count| count.class == class && count.state == state);
            of.map(|count| count.count).sum()
        };
        let classes = Class::ALL.iter().filter(|class| **class != Class::Matched);
        classes
            .map(|class| Self {
                class: class.as_str(),
                open: of(*class, DifferenceState::Open),
                healed: of(*class, DifferenceState::Healed),
                resolved: of(*class, DifferenceState::Resolved),
            })
            .collect()
    }
}

/// A day of a merchant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationBody<'a> {
    /// The merchant.
    pub merchant: &'a str,
    /// The day in Beijing.
    #[schema(format = Date, example = "2026-11-20")]
    pub date: String,
    /// `wanted`, `fetched`, `empty`, `missing` or `failed`, as of the bill of refunds.
    pub state: &'static str,
    /// Refunds that agree on both sides.
    pub matched: u64,
    /// The differences, by class.
    pub differences: Vec<CountBody>,
    /// The bill of refunds.
    #[schema(required = true)]
    pub refunds_bill: Option<BillBody<'a>>,
    /// The bill of all trades, for the sums.
    #[schema(required = true)]
    pub trades_bill: Option<BillBody<'a>>,
}

impl<'a> ReconciliationBody<'a> {
    /// The shape of a day, of which at least one bill is known.
    #[must_use]
    pub fn of(
        (merchant, date): (&'a str, String),
        bills: &[&'a BillDay],
        counts: &[DifferenceCount],
    ) -> Self {
        let bill = |kind| bills.iter().find(|bill| bill.bill.kind == kind).copied();
        let refunds = bill(BillKind::Refunds);
        let state = refunds.or(bill(BillKind::Trades));
        Self {
            merchant,
            date,
            state: state.map_or("wanted", |bill| bill.state.as_str()),
            matched: refunds.map_or(0, |bill| bill.sums.matched),
            differences: CountBody::all(counts),
            refunds_bill: refunds.map(BillBody::of),
            trades_bill: bill(BillKind::Trades).map(BillBody::of),
        }
    }
}

/// A difference between our books and WeChat's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub struct DifferenceBody<'a> {
    /// Its id.
    #[schema(example = "rd_019ab0c2d3e47f8091a2b3c4d5e6f708")]
    pub id: &'a str,
    /// The merchant.
    pub merchant: &'a str,
    /// In the bill of which day.
    #[schema(format = Date)]
    pub date: String,
    /// The refund's number, as the bill prints it.
    pub out_refund_no: &'a str,
    /// `ours_only`, `wechat_only`, `amount_differs`, `status_differs` or `late_by_a_day`.
    pub class: &'static str,
    /// `open`, `healed` or `resolved`.
    pub state: &'static str,
    /// What is proposed: `query`, `adopt`, `wait_for_next_bill`, `review_refund`, `review_payment`,
    /// `ask_wechat` or `nothing`.
    pub repair: &'static str,
    /// What healed it: `query_agrees`, `adopted`, `other_bill` or `gone`.
    #[schema(required = true)]
    pub healing: Option<&'static str>,
    /// What a person wrote.
    #[schema(required = true)]
    pub note: Option<&'a str>,
    /// Who settled it.
    #[schema(required = true)]
    pub settled_by: Option<&'a str>,
    /// When it was found first.
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Time,
    /// When it was settled.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub settled_at: Option<Time>,
    /// Our refund's id.
    #[schema(required = true)]
    pub refund: Option<&'a str>,
    /// What we hold, in fen.
    #[schema(required = true)]
    pub our_amount: Option<i64>,
    /// Where it stood with us when it was found.
    #[schema(required = true)]
    pub our_status: Option<&'static str>,
    /// What the bill says, in fen.
    #[schema(required = true)]
    pub bill_amount: Option<i64>,
    /// The state in the bill: `SUCCESS`, `PROCESSING`, `CHANGE`, `FAIL` or `OTHER`.
    #[schema(required = true)]
    pub bill_state: Option<&'static str>,
    /// WeChat's number of the refund.
    #[schema(required = true)]
    pub refund_id: Option<&'a str>,
    /// WeChat's number of the order.
    #[schema(required = true)]
    pub transaction_id: Option<&'a str>,
    /// The merchant's number of the order.
    #[schema(required = true)]
    pub out_trade_no: Option<&'a str>,
    /// When WeChat accepted it, by the bill.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub accepted_at: Option<Time>,
}

impl<'a> DifferenceBody<'a> {
    /// The shape of a difference.
    #[must_use]
    pub fn of(difference: &'a Difference) -> Self {
        let facts = &difference.facts;
        Self {
            id: difference.id.as_str(),
            merchant: difference.merchant.as_str(),
            date: difference.day.to_string(),
            out_refund_no: &difference.out_refund_no,
            class: difference.class.as_str(),
            state: difference.state.as_str(),
            repair: difference.repair.as_str(),
            healing: difference.healing.map(|healing| healing.as_str()),
            note: difference.note.as_deref(),
            settled_by: difference.settled_by.as_deref(),
            found_at: Time(difference.found_at),
            settled_at: difference.settled_at.map(Time),
            refund: facts.refund_id.as_ref().map(|id| id.as_str()),
            our_amount: facts.our_amount.map(|amount| amount.get()),
            our_status: facts.our_status.map(|status| status.as_str()),
            bill_amount: facts.bill_amount.map(|amount| amount.get()),
            bill_state: facts.bill_state.map(|state| state.as_str()),
            refund_id: facts.wechat_refund_id.as_deref(),
            transaction_id: facts.transaction_id.as_deref(),
            out_trade_no: facts.out_trade_no.as_deref(),
            accepted_at: facts.accepted_at.map(Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_printed_as_bills_print_them() {
        assert_eq!(fee(0), "0.00000");
        assert_eq!(fee(1_234_500), "12.34500");
        assert_eq!(fee(-6_000), "-0.06000");
    }
}
