//! The rows of bills as values. Texts borrow from the reader's line, so a row lives until the next
//! is asked for; times are unix seconds, money is fen. Column names stand beside the fields.

use tuikuan_terms::Fen;

use super::BillKind;
use super::amount::{Fee, fen, signed_fen};
use super::cells::Cells;
use super::column::Column;
use super::error::{BillError, Damage};
use crate::time::beijing_seconds;

/// One detail line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'a> {
    /// A payment, or one that was reversed.
    Payment(PaymentRow<'a>),
    /// A refund.
    Refund(RefundRow<'a>),
    /// A movement of the merchant's account.
    FundFlow(FundFlowRow<'a>),
}

/// 交易状态.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillTradeState {
    /// `SUCCESS`: paid.
    Success,
    /// `REFUND`: a refund.
    Refund,
    /// `REVOKED`: a payment-code order that was reversed.
    Revoked,
}

impl BillTradeState {
    /// The word of the bill.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Revoked => "REVOKED",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Refund, Self::Revoked]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What payments and refunds have in common. Amounts are as printed: a refund's `settlement`,
/// `coupon` and `total` are zero, the order's amounts do not stand in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade<'a> {
    /// 交易时间: of the payment, or when the refund was accepted (old layouts: of the payment).
    pub at: i64,
    /// 公众账号ID.
    pub app_id: &'a str,
    /// 商户号: 8 to 10 digits; the provider's in provider mode.
    pub mch_id: &'a str,
    /// 特约商户号; absent for an ordinary merchant, where the bill says `0`.
    pub sub_mch_id: Option<&'a str>,
    /// 设备号.
    pub device_info: &'a str,
    /// 微信订单号.
    pub transaction_id: &'a str,
    /// 商户订单号.
    pub out_trade_no: &'a str,
    /// 用户标识: the payer, a personal datum.
    pub open_id: &'a str,
    /// 交易类型: `JSAPI`, `NATIVE`, ...
    pub trade_type: &'a str,
    /// 交易状态.
    pub state: BillTradeState,
    /// 付款银行.
    pub bank: &'a str,
    /// 货币种类: `CNY`.
    pub currency: &'a str,
    /// 应结订单金额: the total without non-prepaid coupons; not in old layouts.
    pub settlement: Option<Fen>,
    /// 代金券金额.
    pub coupon: Fen,
    /// 退款金额: without refunded non-prepaid coupons; in old layouts the whole amount.
    pub refund: Fen,
    /// 充值券退款金额.
    pub coupon_refund: Fen,
    /// 商品名称, as printed: WeChat writes `\ ` for a comma.
    pub goods: &'a str,
    /// 商户数据包, as printed.
    pub attach: &'a str,
    /// 手续费: negative when it is given back.
    pub fee: Fee,
    /// 费率, like `0.60%`.
    pub rate: &'a str,
    /// 订单金额, or 总金额 of old layouts.
    pub total: Option<Fen>,
    /// 申请退款金额: what was applied for; not in old layouts.
    pub requested: Option<Fen>,
    /// 费率备注.
    pub rate_note: &'a str,
}

/// A payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentRow<'a> {
    /// Everything the bill says of it.
    pub trade: Trade<'a>,
}

/// 退款状态: the state when the bill was made, never brought up to date. It ends nothing
/// (INV-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BillRefundStatus<'a> {
    /// `SUCCESS`.
    Success,
    /// `PROCESSING`.
    Processing,
    /// `FAIL`.
    Fail,
    /// `CHANGE`: abnormal.
    Change,
    /// A word that is not documented.
    Other(&'a str),
}

impl<'a> BillRefundStatus<'a> {
    /// The word of the bill.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Success => "SUCCESS",
            Self::Processing => "PROCESSING",
            Self::Fail => "FAIL",
            Self::Change => "CHANGE",
            Self::Other(word) => word,
        }
    }

    /// Reads the word; only an empty one is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Some(match text {
            "" => return None,
            "SUCCESS" => Self::Success,
            "PROCESSING" => Self::Processing,
            "FAIL" => Self::Fail,
            "CHANGE" => Self::Change,
            other => Self::Other(other),
        })
    }
}

/// A refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRow<'a> {
    /// Everything it has in common with payments.
    pub trade: Trade<'a>,
    /// 退款申请时间: only in bills of the kind REFUND.
    pub requested_at: Option<i64>,
    /// 退款成功时间: only in bills of the kind REFUND, and only when it had arrived.
    pub succeeded_at: Option<i64>,
    /// 微信退款单号.
    pub refund_id: &'a str,
    /// 商户退款单号.
    pub out_refund_no: &'a str,
    /// 退款类型: `ORIGINAL`, `BALANCE`, an open set.
    pub refund_type: &'a str,
    /// 退款状态.
    pub status: BillRefundStatus<'a>,
}

impl RefundRow<'_> {
    /// What was applied for: 申请退款金额, or 退款金额 in layouts without it. That is the same
    /// amount in the old layout; where the layout has 应结订单金额 but not 申请退款金额, refunded
    /// coupons that were not prepaid are missing from it.
    #[must_use]
    pub fn amount(&self) -> Fen {
        self.trade.requested.unwrap_or(self.trade.refund)
    }

    /// When it was accepted, which decides the day of its bill.
    #[must_use]
    pub fn accepted_at(&self) -> i64 {
        self.requested_at.unwrap_or(self.trade.at)
    }
}

/// 收支类型.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// 收入: to the merchant.
    Income,
    /// 支出: from the merchant.
    Expense,
}

impl Direction {
    /// The word of the bill.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Income => "收入",
            Self::Expense => "支出",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Income, Self::Expense]
            .into_iter()
            .find(|direction| direction.as_str() == text)
    }
}

/// A movement of the merchant's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundFlowRow<'a> {
    /// 记账时间: when the money left or reached the account.
    pub at: i64,
    /// 微信支付业务单号: of a refund its `refund_id`.
    pub business_no: &'a str,
    /// 资金流水单号.
    pub flow_no: &'a str,
    /// 业务名称: 退款, ...
    pub business_name: &'a str,
    /// 业务类型: 退款, 退款关闭, 退还交易手续费, ...
    pub business_type: &'a str,
    /// 收支类型.
    pub direction: Direction,
    /// 收支金额(元): of a refund without the fee given back.
    pub amount: Fen,
    /// 账户结余(元) in fen, of either sign.
    pub balance_fen: i64,
    /// 资金变更提交申请人, like `1900000109API`.
    pub applicant: &'a str,
    /// 备注.
    pub note: &'a str,
    /// 业务凭证号: of a refund its `out_refund_no` (observed).
    pub voucher_no: &'a str,
}

impl<'a> Row<'a> {
    pub(super) fn read(kind: BillKind, cells: Cells<'a>) -> Result<Self, BillError> {
        if kind == BillKind::FundFlow {
            return read_flow(cells).map(Self::FundFlow);
        }
        let trade = read_trade(cells)?;
        let number = cells.text(Column::RefundId);
        let refunded = !matches!(number, "" | "0");
        let right = match (kind, trade.state) {
            (BillKind::Refund, state) => refunded && state != BillTradeState::Success,
            (BillKind::Success, state) => !refunded && state != BillTradeState::Refund,
            (_, BillTradeState::Success) => !refunded,
            (_, BillTradeState::Refund) => refunded,
            (_, BillTradeState::Revoked) => true,
        };
        if !right {
            return Err(BillError::Line {
                line: cells.number,
                damage: Damage::WrongKind,
            });
        }
        if refunded {
            read_refund(cells, trade).map(Self::Refund)
        } else {
            Ok(Self::Payment(PaymentRow { trade }))
        }
    }
}

fn read_trade(cells: Cells<'_>) -> Result<Trade<'_>, BillError> {
    let zero_if_absent = |column| {
        cells
            .read_if_there(column, fen)
            .map(|amount| amount.unwrap_or(Fen::ZERO))
    };
    Ok(Trade {
        at: cells.read(Column::TradeTime, |text| beijing_seconds(text.as_bytes()))?,
        app_id: cells.text(Column::AppId),
        mch_id: cells.read(Column::MchId, merchant)?,
        sub_mch_id: match cells.text(Column::SubMchId) {
            "" | "0" => None,
            _ => Some(cells.read(Column::SubMchId, merchant)?),
        },
        device_info: cells.text(Column::DeviceInfo),
        transaction_id: cells.read(Column::TransactionId, number)?,
        out_trade_no: cells.read(Column::OutTradeNo, number)?,
        open_id: cells.text(Column::OpenId),
        trade_type: cells.text(Column::TradeType),
        state: cells.read(Column::TradeState, BillTradeState::parse)?,
        bank: cells.text(Column::Bank),
        currency: cells.text(Column::Currency),
        settlement: cells.read_if_there(Column::Settlement, fen)?,
        coupon: zero_if_absent(Column::Coupon)?,
        refund: zero_if_absent(Column::Refund)?,
        coupon_refund: zero_if_absent(Column::CouponRefund)?,
        goods: cells.text(Column::Goods),
        attach: cells.text(Column::Attach),
        fee: cells.read(Column::Fee, Fee::read)?,
        rate: cells.text(Column::Rate),
        total: cells.read_if_there(Column::Total, fen)?,
        requested: cells.read_if_there(Column::Requested, fen)?,
        rate_note: cells.text(Column::RateNote),
    })
}

fn read_refund<'a>(cells: Cells<'a>, trade: Trade<'a>) -> Result<RefundRow<'a>, BillError> {
    let time = |column| match cells.text(column) {
        "" => Ok(None),
        text => beijing_seconds(text.as_bytes())
            .map(Some)
            .ok_or_else(|| cells.refused(column)),
    };
    Ok(RefundRow {
        trade,
        requested_at: time(Column::RequestedAt)?,
        succeeded_at: time(Column::SucceededAt)?,
        refund_id: cells.read(Column::RefundId, number)?,
        out_refund_no: cells.read(Column::OutRefundNo, number)?,
        refund_type: cells.text(Column::RefundType),
        status: cells.read(Column::RefundStatus, BillRefundStatus::parse)?,
    })
}

fn read_flow(cells: Cells<'_>) -> Result<FundFlowRow<'_>, BillError> {
    Ok(FundFlowRow {
        at: cells.read(Column::BookedAt, |text| beijing_seconds(text.as_bytes()))?,
        business_no: cells.text(Column::BusinessNo),
        flow_no: cells.text(Column::FlowNo),
        business_name: cells.text(Column::BusinessName),
        business_type: cells.text(Column::BusinessType),
        direction: cells.read(Column::Direction, Direction::parse)?,
        amount: cells.read(Column::Amount, fen)?,
        balance_fen: cells.read(Column::Balance, signed_fen)?,
        applicant: cells.text(Column::Applicant),
        note: cells.text(Column::Note),
        voucher_no: cells.text(Column::VoucherNo),
    })
}

/// A merchant's number.
fn merchant(text: &str) -> Option<&str> {
    let right = (8..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    right.then_some(text)
}

/// A number of an order or a refund: of whatever form, but there. Systems older than the API's
/// rules made numbers that these would refuse; what they mean is for the comparison to find out.
fn number(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
