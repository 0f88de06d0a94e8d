//! The sums of a bill: counted from its rows, compared with what its last line states.

use super::amount::{Fee, Yuan, signed_fen};
use super::column::Sum;
use super::error::{BillError, Damage};
use super::row::{Direction, Row};

/// What the rows of a bill add up to, in fen. Sums may be above [`tuikuan_terms::Fen::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// 总交易单数 or 资金流水总笔数: all detail lines.
    pub rows: u64,
    /// 应结订单总金额.
    pub settlement_fen: i64,
    /// 退款总金额.
    pub refund_fen: i64,
    /// 充值券退款总金额.
    pub coupon_refund_fen: i64,
    /// 手续费总金额: negative when more was given back than taken.
    pub fee: Fee,
    /// 订单总金额, or 总交易额 of old layouts.
    pub total_fen: i64,
    /// 申请退款总金额.
    pub requested_fen: i64,
    /// 收入笔数.
    pub incomes: u64,
    /// 收入金额.
    pub income_fen: i64,
    /// 支出笔数.
    pub expenses: u64,
    /// 支出金额.
    pub expense_fen: i64,
}

impl Summary {
    /// Counts one more row.
    pub(super) fn add(&mut self, row: &Row<'_>, line: u64) -> Result<(), BillError> {
        self.rows += 1;
        let add = |sum: &mut i64, amount: i64, column: Sum| match sum.checked_add(amount) {
            Some(more) => {
                *sum = more;
                Ok(())
            }
            None => Err(BillError::SumTooLarge {
                line,
                column: column.name(),
            }),
        };
        let trade = match row {
            Row::FundFlow(flow) => {
                let amount = flow.amount.get();
                return match flow.direction {
                    Direction::Income => {
                        self.incomes += 1;
                        add(&mut self.income_fen, amount, Sum::Income)
                    }
                    Direction::Expense => {
                        self.expenses += 1;
                        add(&mut self.expense_fen, amount, Sum::Expense)
                    }
                };
            }
            Row::Payment(payment) => &payment.trade,
            Row::Refund(refund) => &refund.trade,
        };
        let or_zero =
            |amount: Option<tuikuan_terms::Fen>| amount.map_or(0, tuikuan_terms::Fen::get);
        add(
            &mut self.settlement_fen,
            or_zero(trade.settlement),
            Sum::Settlement,
        )?;
        add(&mut self.refund_fen, trade.refund.get(), Sum::Refund)?;
        add(
            &mut self.coupon_refund_fen,
            trade.coupon_refund.get(),
            Sum::CouponRefund,
        )?;
        add(&mut self.total_fen, or_zero(trade.total), Sum::Total)?;
        add(
            &mut self.requested_fen,
            or_zero(trade.requested),
            Sum::Requested,
        )?;
        let mut fee = self.fee.thousandths();
        add(&mut fee, trade.fee.thousandths(), Sum::Fee)?;
        self.fee = Fee::from_thousandths(fee);
        Ok(())
    }

    /// A sum as the bill prints it.
    pub(super) fn print(&self, sum: Sum) -> String {
        match self.figure(sum) {
            Figure::Count(count) => count.to_string(),
            Figure::Money(fen) => Yuan(fen).to_string(),
            Figure::Fee(fee) => fee.to_string(),
        }
    }

    /// Compares a stated sum with the counted one.
    pub(super) fn compare(&self, sum: Sum, stated: &str, line: u64) -> Result<(), BillError> {
        let counted = self.figure(sum);
        let said = match counted {
            Figure::Count(_) => count(stated).map(Figure::Count),
            Figure::Money(_) => signed_fen(stated).map(Figure::Money),
            Figure::Fee(_) => Fee::read(stated).map(Figure::Fee),
        };
        match said {
            None => Err(BillError::Value {
                line,
                column: sum.name(),
            }),
            Some(said) if said == counted => Ok(()),
            Some(_) => Err(BillError::SumDiffers {
                line,
                column: sum.name(),
                stated: stated.to_owned(),
                counted: self.print(sum),
            }),
        }
    }

    const fn figure(&self, sum: Sum) -> Figure {
        match sum {
            Sum::Rows | Sum::FlowRows => Figure::Count(self.rows),
            Sum::Settlement => Figure::Money(self.settlement_fen),
            Sum::Refund => Figure::Money(self.refund_fen),
            Sum::CouponRefund => Figure::Money(self.coupon_refund_fen),
            Sum::Fee => Figure::Fee(self.fee),
            Sum::Total => Figure::Money(self.total_fen),
            Sum::Requested => Figure::Money(self.requested_fen),
            Sum::Incomes => Figure::Count(self.incomes),
            Sum::Income => Figure::Money(self.income_fen),
            Sum::Expenses => Figure::Count(self.expenses),
            Sum::Expense => Figure::Money(self.expense_fen),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Figure {
    Count(u64),
    Money(i64),
    Fee(Fee),
}

fn count(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The values of a summary line.
pub(super) fn values(line: &str) -> Result<impl Iterator<Item = &str>, Damage> {
    let rest = line.strip_prefix('`').ok_or(Damage::NoBacktick)?;
    Ok(rest.split(",`"))
}
