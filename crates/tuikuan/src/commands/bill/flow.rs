//! The refunds' side of a fund-flow bill: what refunds took from an account, and what came back to
//! it. The amounts are those of the account: what a refund takes is without the fee that is given back.

use serde_json::{Value, json};
use tuikuan_wechat::bill::{Direction, FundFlowRow};

use super::report::yuan;

/// 业务名称 of a refund's movements.
const REFUND: &str = "退款";

/// Movements that refunds made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RefundFlow {
    taken: u64,
    taken_fen: i64,
    returned: u64,
    returned_fen: i64,
}

impl RefundFlow {
    /// Takes a row in, if it is a refund's.
    pub(super) fn add(&mut self, row: &FundFlowRow<'_>) {
        if row.business_name != REFUND && row.business_type != REFUND {
            return;
        }
        let (count, sum) = match row.direction {
            Direction::Expense => (&mut self.taken, &mut self.taken_fen),
            Direction::Income => (&mut self.returned, &mut self.returned_fen),
        };
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(row.amount.get());
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "{} movements took ¥{} for refunds, {} brought ¥{} back",
            self.taken,
            yuan(Some(self.taken_fen)),
            self.returned,
            yuan(Some(self.returned_fen))
        )
    }

    pub(super) fn shape(&self) -> Value {
        json!({
            "taken": self.taken, "taken_amount": self.taken_fen,
            "returned": self.returned, "returned_amount": self.returned_fen,
        })
    }
}

#[cfg(test)]
mod tests {
    use tuikuan_terms::Fen;

    use super::*;

    fn row(name: &'static str, direction: Direction, amount: i64) -> FundFlowRow<'static> {
        FundFlowRow {
            at: 0,
            business_no: "",
            flow_no: "",
            business_name: name,
            business_type: name,
            direction,
            amount: Fen::new(amount).unwrap(),
            balance_fen: 0,
            applicant: "",
            note: "",
            voucher_no: "",
        }
    }

    #[test]
    fn only_movements_of_refunds_count() {
        let mut flow = RefundFlow::default();
        flow.add(&row("退款", Direction::Expense, 1968));
        flow.add(&row("退款", Direction::Expense, 626));
        flow.add(&row("退款", Direction::Income, 100));
        flow.add(&row("交易", Direction::Income, 99_999));
        assert_eq!((flow.taken, flow.taken_fen), (2, 2594));
        assert_eq!((flow.returned, flow.returned_fen), (1, 100));
        assert_eq!(
            flow.sentence(),
            "2 movements took ¥25.94 for refunds, 1 brought ¥1.00 back"
        );
    }
}
