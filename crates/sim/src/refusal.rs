//! Why the simulator says no, and how each generation words it. The rules are the same for v2 and
//! v3; only code, HTTP status and text differ. Codes and texts: WeChat Pay error tables of the
//! refund, refund query and order query pages; "observed" ones stand in public integrator reports.

use crate::limits::Exhausted;

/// A refusal by a business rule, independent of the generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    OrderNotFound,
    OrderUnpaid,
    NotYourOrder,
    SubMerchantUnknown,
    Overdue,
    TotalDiffers,
    NumberUsedOtherwise,
    AboveRest,
    FullyRefunded,
    TooManyRefunds,
    TooSoon,
    CashPartTooSmall,
    NotEnough,
    RefundNotFound,
    OffsetBeyondEnd,
    NotAbnormal,
    Exhausted(Exhausted),
}

/// v3's form of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct V3Error {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// Number behind the last `-` of `Request-ID`, as far as published.
    pub(crate) number: u32,
}

const fn v3(status: u16, code: &'static str, message: &'static str) -> V3Error {
    V3Error {
        status,
        code,
        message,
        number: 268_435_460,
    }
}

const SAME_NUMBER: &str = "订单金额或退款金额与之前请求不一致，请核实后再试";
const SLOW_DOWN: &str = "频率限制，请降低申请频率再重试";
const SLOW_DOWN_OLD: &str = "频率限制，1个月之前的订单请降低申请频率再重试";
const TOO_MANY_BAD: &str = "无效请求过多，请1分钟后再重试";
const BALANCE: &str = "基本账户余额不足，请充值后重新发起";
const OVERDUE: &str = "订单已经超过可退款的最大期限";
const FULLY_REFUNDED: &str = "订单已全额退款";

impl Refusal {
    /// v2's error code and text.
    pub(crate) fn v2(&self) -> (&'static str, &'static str) {
        match self {
            Self::OrderNotFound | Self::OrderUnpaid => ("ORDERNOTEXIST", "订单不存在"),
            Self::NotYourOrder => ("INVALID_TRANSACTIONID", "无效transaction_id"),
            Self::SubMerchantUnknown => ("NOAUTH", "服务商与子商户没有授权关系"),
            Self::Overdue => ("TRADE_OVERDUE", OVERDUE),
            Self::TotalDiffers | Self::NumberUsedOtherwise => ("REFUND_FEE_MISMATCH", SAME_NUMBER),
            Self::AboveRest => ("INVALID_REQUEST", "refund_fee大于可退金额"),
            Self::FullyRefunded => ("ERROR", FULLY_REFUNDED),
            Self::TooManyRefunds => ("INVALID_REQUEST", "一笔订单最多支持50次部分退款"),
            Self::TooSoon => ("FREQUENCY_LIMITED", "同一笔订单的多次退款请至少间隔1分钟"),
            Self::CashPartTooSmall => ("INVALID_REQUEST", "退款金额过低，请申请全额退款"),
            Self::NotEnough => ("NOTENOUGH", BALANCE),
            Self::RefundNotFound => ("REFUNDNOTEXIST", "not exist"),
            Self::OffsetBeyondEnd => ("PARAM_ERROR", "offset超过总退款笔数"),
            Self::NotAbnormal => ("INVALID_REQUEST", "退款单状态不是退款异常"),
            Self::Exhausted(Exhausted::Refusals) => ("INVALID_REQ_TOO_MUCH", TOO_MANY_BAD),
            Self::Exhausted(Exhausted::OldOrders) => ("FREQUENCY_LIMITED", SLOW_DOWN_OLD),
            Self::Exhausted(Exhausted::Applications | Exhausted::Queries) => {
                ("FREQUENCY_LIMITED", SLOW_DOWN)
            }
        }
    }

    /// v3's status, code and text.
    pub(crate) fn v3(&self) -> V3Error {
        match self {
            Self::OrderNotFound | Self::OrderUnpaid => V3Error {
                number: 268_512_771,
                ..v3(404, "RESOURCE_NOT_EXISTS", "订单不存在")
            },
            Self::NotYourOrder => V3Error {
                number: 268_447_843,
                ..v3(403, "NO_AUTH", "商户号与订单不匹配，没有退款权限")
            },
            Self::SubMerchantUnknown => V3Error {
                number: 268_447_845,
                ..v3(403, "NO_AUTH", "服务商与子商户没有授权关系")
            },
            Self::Overdue => v3(403, "TRADE_OVERDUE", OVERDUE),
            Self::TotalDiffers => v3(400, "INVALID_REQUEST", "您的请求参数与订单信息不一致"),
            Self::NumberUsedOtherwise => V3Error {
                number: 268_498_688,
                ..v3(400, "INVALID_REQUEST", SAME_NUMBER)
            },
            Self::AboveRest => v3(400, "INVALID_REQUEST", "申请退款金额大于订单可退金额"),
            Self::FullyRefunded => v3(400, "INVALID_REQUEST", FULLY_REFUNDED),
            Self::TooManyRefunds => v3(400, "INVALID_REQUEST", "一笔订单最多支持50次部分退款"),
            Self::TooSoon => frequency("同一笔订单的多次退款请至少间隔1分钟"),
            Self::CashPartTooSmall => v3(400, "INVALID_REQUEST", "退款金额过低，请申请全额退款"),
            Self::NotEnough => v3(403, "NOT_ENOUGH", BALANCE),
            Self::RefundNotFound => v3(404, "RESOURCE_NOT_EXISTS", "退款单不存在"),
            Self::OffsetBeyondEnd => v3(400, "PARAM_ERROR", "offset超过总退款笔数"),
            Self::NotAbnormal => v3(
                400,
                "INVALID_REQUEST",
                "退款单状态不是退款异常，不能发起异常退款",
            ),
            Self::Exhausted(Exhausted::Refusals) => frequency(TOO_MANY_BAD),
            Self::Exhausted(Exhausted::OldOrders) => frequency(SLOW_DOWN_OLD),
            Self::Exhausted(Exhausted::Applications | Exhausted::Queries) => frequency(SLOW_DOWN),
        }
    }

    /// Whether it counts as an erroneous application (P2); being too fast does not.
    pub(crate) fn is_erroneous(&self) -> bool {
        !matches!(self, Self::Exhausted(_) | Self::TooSoon)
    }
}

const fn frequency(message: &'static str) -> V3Error {
    V3Error {
        number: 268_447_840,
        ..v3(429, "FREQUENCY_LIMITED", message)
    }
}

/// Text that stands beside a code put in by a fault.
pub(crate) fn text_of(code: &str) -> &'static str {
    match code {
        "SYSTEMERROR" | "SYSTEM_ERROR" => "系统超时",
        "BIZERR_NEED_RETRY" => "并发情况下，业务被拒绝，商户重试即可解决",
        "TRADE_OVERDUE" => OVERDUE,
        "ERROR" => FULLY_REFUNDED,
        "USER_ACCOUNT_ABNORMAL" => "用户账户异常或注销",
        "INVALID_REQ_TOO_MUCH" => TOO_MANY_BAD,
        "NOTENOUGH" | "NOT_ENOUGH" => BALANCE,
        "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED" => SLOW_DOWN,
        "REFUND_FEE_MISMATCH" => SAME_NUMBER,
        "ORDERNOTEXIST" | "ORDER_NOT_EXIST" => "订单不存在",
        "REFUNDNOTEXIST" => "not exist",
        "RESOURCE_NOT_EXISTS" => "查询的资源不存在",
        "ORDER_NOT_READY" => "订单处理中，暂时无法退款，请稍后再试",
        "CERT_ERROR" => "证书校验错误",
        "SIGNERROR" | "SIGN_ERROR" => "签名错误",
        "PARAM_ERROR" => "参数错误",
        "INVALID_REQUEST" => "请求参数符合参数格式，但不符合业务规则",
        "NOAUTH" | "NO_AUTH" => "没有权限",
        "MCHID_NOT_EXIST" | "MCH_NOT_EXISTS" => "商户号不存在",
        "APPID_NOT_EXIST" => "APPID不存在",
        _ => "系统繁忙，请稍后再试",
    }
}

/// HTTP status of a v3 code put in by a fault that names none.
pub(crate) fn status_of(code: &str) -> u16 {
    match code {
        "PARAM_ERROR" | "INVALID_REQUEST" | "REFUND_FEE_MISMATCH" => 400,
        "SIGN_ERROR" => 401,
        "RESOURCE_NOT_EXISTS" | "MCH_NOT_EXISTS" | "ORDER_NOT_EXIST" => 404,
        "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED" => 429,
        "NOT_ENOUGH"
        | "NO_AUTH"
        | "USER_ACCOUNT_ABNORMAL"
        | "TRADE_OVERDUE"
        | "RULE_LIMIT"
        | "TRADE_ERROR"
        | "REQUEST_BLOCKED" => 403,
        _ => 500,
    }
}
