//! One refund in the simulator's books, and WeChat's words for its parts in both generations.

use serde::{Deserialize, Serialize};

use super::OrderKey;
use super::coupon::{Coupon, CouponKind};

/// Generation of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// XML, symmetric signatures.
    V2,
    /// JSON, RSA signatures.
    V3,
}

/// Status of a refund, in v3's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    /// On its way.
    Processing,
    /// The money arrived; final.
    Success,
    /// The bank refused; someone has to act.
    Abnormal,
    /// Failed for good; final.
    Closed,
}

impl RefundStatus {
    /// v3's word.
    #[must_use]
    pub fn v3(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Abnormal => "ABNORMAL",
            Self::Closed => "CLOSED",
        }
    }

    /// v2's word.
    #[must_use]
    pub fn v2(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Abnormal => "CHANGE",
            Self::Closed => "REFUNDCLOSE",
        }
    }

    /// Whether nothing follows any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Closed)
    }
}

/// The way the money takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// Back to the paying account.
    Original,
    /// To another bank card, after abnormal handling.
    OtherBankcard,
}

impl Channel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Original => "ORIGINAL",
            Self::OtherBankcard => "OTHER_BANKCARD",
        }
    }
}

/// Where the merchant's money for a refund comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FundsAccount {
    /// Not named in the application: the merchant's default.
    Default,
    /// Takings not yet settled.
    Unsettled,
    /// The available balance.
    Available,
}

impl FundsAccount {
    pub(crate) fn v2(self) -> &'static str {
        match self {
            Self::Default | Self::Unsettled => "REFUND_SOURCE_UNSETTLED_FUNDS",
            Self::Available => "REFUND_SOURCE_RECHARGE_FUNDS",
        }
    }

    pub(crate) fn v3(self) -> &'static str {
        match self {
            Self::Default | Self::Unsettled => "UNSETTLED",
            Self::Available => "AVAILABLE",
        }
    }
}

/// Who asked for the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    /// An API call.
    Api,
    /// A person in the merchant portal (F-15).
    VendorPlatform,
}

impl Origin {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::VendorPlatform => "VENDOR_PLATFORM",
        }
    }
}

/// One refund in the simulator's books.
#[derive(Debug, Clone)]
pub struct Refund {
    pub(crate) order: OrderKey,
    /// WeChat's refund number.
    pub refund_id: String,
    /// The merchant's refund number.
    pub out_refund_no: String,
    /// Applied amount in fen.
    pub amount: i64,
    /// Cash part in fen (P43, P45).
    pub cash: i64,
    /// Coupons given back.
    pub coupons: Vec<Coupon>,
    /// Where it stands.
    pub status: RefundStatus,
    /// The way the money takes.
    pub channel: Channel,
    /// Text naming the account that receives the money.
    pub received_account: String,
    /// Funding source.
    pub funds: FundsAccount,
    /// When it was accepted, unix milliseconds of the simulator's clock.
    pub created_at_ms: i64,
    /// When the money arrived.
    pub success_at_ms: Option<i64>,
    /// Every status it reached, and when.
    pub(crate) reached: Vec<(i64, RefundStatus)>,
    /// Who asked.
    pub origin: Origin,
    /// Generation of the interface it was asked through.
    pub api: Api,
    /// How often an application with this number was received and accepted; the first counts.
    pub applications: u32,
    /// Repeats whose reason, notify URL or funding source was not that of the first application.
    pub differing_repeats: u32,
    pub(crate) reason: Option<String>,
    pub(crate) notify_url: Option<String>,
    /// Queries do not find it before this time (F-9).
    pub(crate) hidden_until_ms: i64,
    /// Whether the merchant's balance has paid for it.
    pub(crate) debited: bool,
    /// Events planned before this number was raised are void.
    pub(crate) plan: u32,
}

impl Refund {
    /// The status at a time, unix milliseconds.
    pub(crate) fn status_at(&self, unix_ms: i64) -> RefundStatus {
        self.reached
            .iter()
            .rev()
            .find(|(at_ms, _)| *at_ms <= unix_ms)
            .map_or(RefundStatus::Processing, |(_, status)| *status)
    }

    /// What it costs the merchant: without coupons that were not prepaid, less the fee.
    pub(crate) fn cost(&self) -> i64 {
        self.settlement() - super::fee_of(self.settlement())
    }

    pub(crate) fn coupon_part(&self) -> i64 {
        self.amount - self.cash
    }

    pub(crate) fn settlement(&self) -> i64 {
        let unpaid: i64 = self
            .coupons
            .iter()
            .filter(|c| c.kind == CouponKind::NoCash)
            .map(|c| c.amount)
            .sum();
        self.amount - unpaid
    }
}
