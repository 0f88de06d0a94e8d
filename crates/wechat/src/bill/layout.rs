//! Which columns a bill has, in which order: the layout that was read, or one to print.

use super::column::{Column, Sum};
use super::error::BillError;
use super::{BillKind, COLUMNS_MAX};

/// How merchants without the feature "non-prepaid coupons" see their coupon columns named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldNames {
    /// 企业红包.
    RedPacket,
    /// 代金券或立减优惠.
    Coupon,
}

/// The columns of a bill with the names they are printed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub(super) kind: BillKind,
    pub(super) columns: Vec<(Column, &'static str)>,
    pub(super) sums: Vec<(Sum, &'static str)>,
}

const HEAD: [Column; 14] = [
    Column::TradeTime,
    Column::AppId,
    Column::MchId,
    Column::SubMchId,
    Column::DeviceInfo,
    Column::TransactionId,
    Column::OutTradeNo,
    Column::OpenId,
    Column::TradeType,
    Column::TradeState,
    Column::Bank,
    Column::Currency,
    Column::Settlement,
    Column::Coupon,
];
const TIMES: [Column; 2] = [Column::RequestedAt, Column::SucceededAt];
const REFUND: [Column; 6] = [
    Column::RefundId,
    Column::OutRefundNo,
    Column::Refund,
    Column::CouponRefund,
    Column::RefundType,
    Column::RefundStatus,
];
const TAIL: [Column; 4] = [Column::Goods, Column::Attach, Column::Fee, Column::Rate];
const FLOW: [Column; 11] = [
    Column::BookedAt,
    Column::BusinessNo,
    Column::FlowNo,
    Column::BusinessName,
    Column::BusinessType,
    Column::Direction,
    Column::Amount,
    Column::Balance,
    Column::Applicant,
    Column::Note,
    Column::VoucherNo,
];
const TRADE_SUMS: [Sum; 7] = [
    Sum::Rows,
    Sum::Settlement,
    Sum::Refund,
    Sum::CouponRefund,
    Sum::Fee,
    Sum::Total,
    Sum::Requested,
];
const FLOW_SUMS: [Sum; 5] = [
    Sum::FlowRows,
    Sum::Incomes,
    Sum::Income,
    Sum::Expenses,
    Sum::Expense,
];

const fn of_refunds(sum: Sum) -> bool {
    matches!(sum, Sum::Refund | Sum::CouponRefund | Sum::Requested)
}

impl Layout {
    /// What WeChat prints today: 27 columns for ALL, 20 for SUCCESS, 29 for REFUND, 11 for the
    /// fund flow (v2 chapters 9_6 and 9_18).
    #[must_use]
    pub fn current(kind: BillKind) -> Self {
        let mut columns = Vec::new();
        let mut sums: Vec<Sum> = TRADE_SUMS.to_vec();
        match kind {
            BillKind::FundFlow => {
                columns.extend(FLOW);
                sums = FLOW_SUMS.to_vec();
            }
            BillKind::All | BillKind::Refund => {
                columns.extend(HEAD);
                if kind == BillKind::Refund {
                    columns.extend(TIMES);
                }
                columns.extend(REFUND);
                columns.extend(TAIL);
                columns.extend([Column::Total, Column::Requested, Column::RateNote]);
            }
            BillKind::Success => {
                columns.extend(HEAD);
                columns.extend(TAIL);
                columns.extend([Column::Total, Column::RateNote]);
                sums.retain(|sum| !of_refunds(*sum));
            }
        }
        Self {
            kind,
            columns: columns.into_iter().map(|c| (c, c.name())).collect(),
            sums: sums.into_iter().map(|s| (s, s.name())).collect(),
        }
    }

    /// The old layout of trade bills, which still exists (v2 chapter 9_6): 24, 18 or 26 columns.
    /// Its 退款金额 is the whole amount applied for. The fund-flow bill never had another one.
    #[must_use]
    pub fn old(kind: BillKind, names: OldNames) -> Self {
        if kind == BillKind::FundFlow {
            return Self::current(kind);
        }
        let (coupon, coupon_refund, coupon_refunds) = match names {
            OldNames::RedPacket => ("企业红包金额", "企业红包退款金额", "总企业红包退款金额"),
            OldNames::Coupon => (
                "代金券或立减优惠金额",
                "代金券或立减优惠退款金额",
                "总代金券或立减优惠退款金额",
            ),
        };
        let mut layout = Self::current(kind);
        let late = [Column::Total, Column::Requested, Column::RateNote];
        layout.columns.retain(|(column, _)| !late.contains(column));
        for (column, name) in &mut layout.columns {
            match *column {
                Column::SubMchId => *name = "子商户号",
                Column::Settlement => (*column, *name) = (Column::Total, "总金额"),
                Column::Coupon => *name = coupon,
                Column::CouponRefund => *name = coupon_refund,
                _ => {}
            }
        }
        let sums = [
            (Sum::Rows, Sum::Rows.name()),
            (Sum::Total, "总交易额"),
            (Sum::Refund, "总退款金额"),
            (Sum::CouponRefund, coupon_refunds),
            (Sum::Fee, Sum::Fee.name()),
        ];
        layout.sums = sums
            .into_iter()
            .filter(|(sum, _)| kind != BillKind::Success || !of_refunds(*sum))
            .collect();
        layout
    }

    /// The kind of bill.
    #[must_use]
    pub const fn kind(&self) -> BillKind {
        self.kind
    }

    /// The columns, in the order of the file, with their printed names. Columns that this version
    /// does not know are left out.
    #[must_use]
    pub fn columns(&self) -> &[(Column, &'static str)] {
        &self.columns
    }

    /// Whether the bill has the column.
    #[must_use]
    pub fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|(known, _)| *known == column)
    }

    /// Columns without which rows of the kind mean nothing.
    pub(super) fn require(&self) -> Result<(), BillError> {
        let needed: &[Column] = match self.kind {
            BillKind::FundFlow => &FLOW,
            BillKind::Success => &TRADE_NEEDS,
            BillKind::All | BillKind::Refund => &REFUND,
        };
        let trade: &[Column] = match self.kind {
            BillKind::FundFlow => &[],
            _ => &TRADE_NEEDS,
        };
        match needed
            .iter()
            .chain(trade)
            .find(|column| !self.has(**column))
        {
            Some(column) => Err(BillError::MissingColumn {
                column: column.name(),
                kind: self.kind,
            }),
            None if trade.is_empty() || self.has(Column::Settlement) => Ok(()),
            None if self.has(Column::Total) => Ok(()),
            None => Err(BillError::MissingColumn {
                column: Column::Total.name(),
                kind: self.kind,
            }),
        }
    }

    /// Sums that must be stated for the columns there are.
    pub(super) fn require_sums(&self) -> Result<(), BillError> {
        let needed: &[(Option<Column>, Sum)] = match self.kind {
            BillKind::FundFlow => &[
                (None, Sum::FlowRows),
                (None, Sum::Income),
                (None, Sum::Expense),
            ],
            _ => &[
                (None, Sum::Rows),
                (Some(Column::Fee), Sum::Fee),
                (Some(Column::Refund), Sum::Refund),
                (Some(Column::Requested), Sum::Requested),
            ],
        };
        let missing = needed.iter().find(|(column, sum)| {
            column.is_none_or(|column| self.has(column))
                && !self.sums.iter().any(|(known, _)| known == sum)
        });
        match missing {
            Some((_, sum)) => Err(BillError::MissingColumn {
                column: sum.name(),
                kind: self.kind,
            }),
            None => Ok(()),
        }
    }
}

const TRADE_NEEDS: [Column; 6] = [
    Column::TradeTime,
    Column::MchId,
    Column::TransactionId,
    Column::OutTradeNo,
    Column::TradeState,
    Column::Fee,
];

/// Names of a header line, cut at commas; lenient about spaces and stray backticks around them.
pub(super) fn names(line: &str) -> Result<impl Iterator<Item = &str>, BillError> {
    let names = line.split(',');
    let found = names.clone().count();
    if found > COLUMNS_MAX {
        return Err(BillError::TooManyColumns { found });
    }
    Ok(names.map(|name| name.trim_matches(|c: char| c.is_whitespace() || c == '`')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_the_documented_number_of_columns() {
        let width = |layout: Layout| layout.columns().len();
        assert_eq!(width(Layout::current(BillKind::All)), 27);
        assert_eq!(width(Layout::current(BillKind::Success)), 20);
        assert_eq!(width(Layout::current(BillKind::Refund)), 29);
        assert_eq!(width(Layout::current(BillKind::FundFlow)), 11);
        assert_eq!(width(Layout::old(BillKind::All, OldNames::RedPacket)), 24);
        assert_eq!(width(Layout::old(BillKind::Success, OldNames::Coupon)), 18);
        assert_eq!(width(Layout::old(BillKind::Refund, OldNames::Coupon)), 26);
    }
}
