//! Error codes in words for those who must do something: what happened, and what to do now. The
//! catalogue of codes is the protocol's; a code that is not here is unknown, and then nothing is
//! concluded from it.

use crate::console::language::Language;

/// What a code means for a person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advice {
    /// What happened.
    pub(crate) means: &'static str,
    /// What to do now.
    pub(crate) now: &'static str,
}

/// Two languages of one advice.
struct Both {
    zh: Advice,
    en: Advice,
}

const fn both(zh: (&'static str, &'static str), en: (&'static str, &'static str)) -> Both {
    Both {
        zh: Advice {
            means: zh.0,
            now: zh.1,
        },
        en: Advice {
            means: en.0,
            now: en.1,
        },
    }
}

/// The advice for a code; for one that nobody knows, that it proves nothing.
pub(crate) fn advice(code: &str, language: Language) -> Advice {
    let both = of(code).unwrap_or(&STRANGE);
    language.of(both.zh, both.en)
}

fn of(code: &str) -> Option<&'static Both> {
    Some(match code {
        "TIMEOUT_NO_RESPONSE"
        | "HTTP_202"
        | "HTTP_5XX_WITHOUT_CODE"
        | "SERVICE_UNAVAILABLE"
        | "SYSTEMERROR"
        | "SYSTEM_ERROR"
        | "BIZERR_NEED_RETRY" => &SILENCE,
        "RESPONSE_UNVERIFIABLE" | "RESPONSE_UNREADABLE" => &UNVERIFIED,
        "CONNECT_FAILED" | "LEASE_EXPIRED" => &NOT_SENT,
        "NOTENOUGH" | "NOT_ENOUGH" => &BALANCE,
        "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED" | "INVALID_REQ_TOO_MUCH" => &RATE,
        "REQUEST_BLOCKED" => &BLOCKED,
        "ORDER_NOT_READY" => &NOT_READY,
        "SIGNERROR" | "SIGN_ERROR" | "V2_RETURN_CODE_FAIL" => &SIGNATURE,
        "NOAUTH" | "NO_AUTH" | "RULE_LIMIT" => &PERMISSION,
        "CERT_ERROR" => &CERTIFICATE,
        "APPID_NOT_EXIST" | "MCHID_NOT_EXIST" | "MCH_NOT_EXISTS" | "APPID_MCHID_NOT_MATCH" => {
            &IDENTITY
        }
        "not_configured" => &NOT_CONFIGURED,
        "ORDERNOTEXIST" | "ORDER_NOT_EXIST" | "INVALID_TRANSACTIONID" | "order_not_found" => {
            &NO_ORDER
        }
        "RESOURCE_NOT_EXISTS" | "REFUNDNOTEXIST" => &NO_TRACE,
        "order_not_paid" | "TRADE_ERROR" => &NOT_PAID,
        "TRADE_OVERDUE" | "refund_window_closed" => &TOO_OLD,
        "USER_ACCOUNT_ABNORMAL" => &BUYER_ACCOUNT,
        "REFUND_FEE_MISMATCH" | "total_mismatch" => &AMOUNT_DIFFERS,
        "amount_exceeds_refundable" | "refundable_changed" => &NOTHING_LEFT,
        "too_many_refunds" => &FIFTY,
        "amount_above_maximum" => &ABOVE_MAXIMUM,
        "ERROR" | "INVALID_REQUEST" => &BUSINESS,
        "PARAM_ERROR"
        | "LACK_PARAMS"
        | "NOT_UTF8"
        | "POST_DATA_EMPTY"
        | "REQUIRE_POST_METHOD"
        | "XML_FORMAT_ERROR" => &PARAMETERS,
        "approval_rejected" => &APPROVAL_REFUSED,
        "approval_expired" => &APPROVAL_LATE,
        _ => return None,
    })
}

const SILENCE: Both = both(
    (
        "微信没有给出可靠的答复。这不代表失败，钱可能已经在退。",
        "无需操作：系统先查询，再用同一单号重试。请勿另建退款。",
    ),
    (
        "WeChat gave no reliable answer. That is no failure: the money may be on its way.",
        "Nothing to do: WeChat is asked first, then the same number is sent again. Make no other refund.",
    ),
);

const UNVERIFIED: Both = both(
    (
        "收到了答复，但签名无法验证，因此不作数。",
        "系统会自动查询。若持续出现，请检查微信支付公钥或平台证书的配置。",
    ),
    (
        "There was an answer, but its signature could not be verified, so it counts for nothing.",
        "WeChat is asked by itself. If this goes on, check WeChat's public key or platform certificate in the setup.",
    ),
);

const NOT_SENT: Both = both(
    (
        "没有连上微信，请求没有发出。",
        "系统会自动重试。若持续出现，请检查服务器的网络、DNS 和防火墙。",
    ),
    (
        "WeChat could not be reached; nothing was sent.",
        "It is tried again by itself. If this goes on, check network, DNS and firewall of the server.",
    ),
);

const BALANCE: Both = both(
    (
        "商户可用于退款的余额不足。",
        "请在商户平台充值，或等待新的收款。系统会自动重试，单号不变；充值后可点“立即重试”。",
    ),
    (
        "The merchant's balance does not cover the refund.",
        "Top up in the merchant platform, or wait for takings. It is tried again under the same number; after a top-up you can retry at once.",
    ),
);

const RATE: Both = both(
    (
        "请求过于频繁，微信暂不受理。",
        "无需操作：系统会放慢并自动重试。",
    ),
    (
        "WeChat takes no more requests for the moment.",
        "Nothing to do: the engine slows down and tries again.",
    ),
);

const BLOCKED: Both = both(
    (
        "微信拦截了这个请求。",
        "请登录商户平台查看风险提示并按要求处理，再重试。",
    ),
    (
        "WeChat blocked the request.",
        "Look for a warning in the merchant platform, deal with it, then retry.",
    ),
);

const NOT_READY: Both = both(
    ("微信仍在处理这笔订单。", "无需操作：约一分钟后自动重试。"),
    (
        "WeChat is still busy with the order.",
        "Nothing to do: it is tried again in about a minute.",
    ),
);

const SIGNATURE: Both = both(
    (
        "微信认为签名不正确，通常是商户密钥配置有误。",
        "请检查该商户的 API 密钥、证书序列号和私钥（命令 tuikuan doctor），修复后自动继续。",
    ),
    (
        "WeChat finds the signature wrong; nearly always a key in the setup is.",
        "Check the merchant's API key, certificate serial and private key (tuikuan doctor); it goes on by itself afterwards.",
    ),
);

const PERMISSION: Both = both(
    (
        "商户没有使用退款接口的权限，或超出了业务规则。",
        "请在商户平台的产品中心开通权限，或联系微信支付客服，然后重试。",
    ),
    (
        "The merchant lacks the permission for this interface, or breaks a rule of WeChat's.",
        "Open the product in the merchant platform or ask WeChat's support, then retry.",
    ),
);

const CERTIFICATE: Both = both(
    (
        "商户 API 证书无效或已过期。",
        "请更换证书并更新配置，之后会自动继续。",
    ),
    (
        "The merchant's API certificate is invalid or has expired.",
        "Renew it and update the setup; it goes on by itself afterwards.",
    ),
);

const IDENTITY: Both = both(
    (
        "商户号或 appid 不存在，或两者不匹配。",
        "请核对该商户的配置，修复后会自动继续。",
    ),
    (
        "Merchant number or appid do not exist, or do not belong together.",
        "Check the merchant's setup; it goes on by itself afterwards.",
    ),
);

const NOT_CONFIGURED: Both = both(
    (
        "配置中缺少这次请求需要的密钥或证书，没有发出。",
        "请补全该商户的配置（命令 tuikuan doctor 会说明缺什么）。",
    ),
    (
        "The setup lacks a key or certificate for this request; nothing was sent.",
        "Complete the merchant's setup (tuikuan doctor says what is missing).",
    ),
);

const NO_ORDER: Both = both(
    (
        "微信没有这笔订单，没有资金变动。",
        "请核对订单号和商户是否正确。订单号填错时，请取消或保留此记录，并用正确的订单号新建退款。",
    ),
    (
        "WeChat has no such order; no money moved.",
        "Check order number and merchant. If the number was wrong, ask for a new refund with the right one.",
    ),
);

const NO_TRACE: Both = both(
    (
        "微信暂时查不到。刚提交的退款可能要等一会儿才能查到。",
        "无需操作：系统会再次查询，必要时用同一单号重新提交。",
    ),
    (
        "WeChat does not know it at the moment; a fresh refund may take a while to show.",
        "Nothing to do: it is asked again, and sent again under the same number if need be.",
    ),
);

const NOT_PAID: Both = both(
    (
        "订单没有支付成功，或已撤销，不能退款。",
        "请核对订单号；确认已支付时，请稍后重试。",
    ),
    (
        "The order was not paid, or was revoked: there is nothing to refund.",
        "Check the order number; if it was paid after all, retry later.",
    ),
);

const TOO_OLD: Both = both(
    (
        "订单支付已超过一年，微信不再支持退款。",
        "请用其他方式（如转账）退给买家，并登记处理说明。",
    ),
    (
        "The order was paid more than a year ago; WeChat no longer refunds it.",
        "Pay the buyer another way, and note how it was dealt with.",
    ),
);

const BUYER_ACCOUNT: Both = both(
    (
        "买家的账户已注销或异常，微信无法退回。",
        "请联系买家，用其他方式退款，并登记处理说明。",
    ),
    (
        "The buyer's account was closed or is not in order.",
        "Talk to the buyer, pay another way, and note how it was dealt with.",
    ),
);

const AMOUNT_DIFFERS: Both = both(
    (
        "金额与微信记录的订单或之前的同号退款不一致。",
        "请核对订单金额和退款金额。核对前请勿用新的单号重复退款。",
    ),
    (
        "An amount differs from WeChat's record of the order, or of this number.",
        "Check order total and amount. Until that is clear, use no other number.",
    ),
);

const NOTHING_LEFT: Both = both(
    (
        "订单的可退余额不足，没有提交微信。",
        "请查看该订单的其他退款；需要时按剩余金额新建退款。",
    ),
    (
        "Not enough is left of the order; it was not sent.",
        "Look at the order's other refunds; ask for what is left if that is right.",
    ),
);

const FIFTY: Both = both(
    (
        "一笔订单最多退款 50 次，次数已用完。",
        "请用其他方式退给买家。",
    ),
    (
        "An order has at most 50 refunds, and they are used up.",
        "Pay the buyer another way.",
    ),
);

const ABOVE_MAXIMUM: Both = both(
    (
        "金额超过了系统配置的上限。",
        "请核对金额；确需放宽时，请管理员修改配置。",
    ),
    (
        "The amount is above the configured maximum.",
        "Check it; the administrator can raise the maximum.",
    ),
);

const BUSINESS: Both = both(
    (
        "微信认为请求不符合业务规则，具体原因见微信的说明。",
        "系统会先查询确认结果。若已确认未受理，请按说明修正后重试；切勿用新的单号重复退款。",
    ),
    (
        "WeChat says the request breaks a rule; its text tells which.",
        "It is asked first whether anything moved. If nothing did, mend the cause and retry; use no other number.",
    ),
);

const PARAMETERS: Both = both(
    (
        "微信认为请求参数有误，没有资金变动。",
        "请核对订单号、金额和原因。这通常是数据或程序问题，请把本页链接发给技术支持。",
    ),
    (
        "WeChat finds a parameter wrong; no money moved.",
        "Check order number, amount and reason; if they are right, show this page to your developers.",
    ),
);

const APPROVAL_REFUSED: Both = both(
    (
        "审批人没有同意，没有提交微信。",
        "请查看审批意见；修正后可新建退款。",
    ),
    (
        "The second person did not agree; it was not sent.",
        "Read the comment; ask again once the cause is mended.",
    ),
);

const APPROVAL_LATE: Both = both(
    ("审批超时，没有提交微信。", "仍需退款时，请重新发起。"),
    (
        "Nobody agreed in time; it was not sent.",
        "Ask for it anew if it is still wanted.",
    ),
);

const STRANGE: Both = both(
    (
        "这个错误码不在目录中，不能据此判断结果。",
        "系统会先向微信查询。请勿另建退款；若持续出现，请在商户平台核对。",
    ),
    (
        "This code is not in the catalogue, so nothing is concluded from it.",
        "WeChat is asked first. Make no other refund; if this goes on, look it up in the merchant platform.",
    ),
);

#[cfg(test)]
mod tests {
    use tuikuan_wechat::error_code::{Interface, all};

    use super::*;

    #[test]
    fn every_code_a_refund_can_meet_has_advice_in_both_languages() {
        let met = |interface| {
            !matches!(
                interface,
                Interface::V2DownloadBill
                    | Interface::V2DownloadFundFlow
                    | Interface::V3BillTrade
                    | Interface::V3BillFundFlow
                    | Interface::V3BillDownload
            )
        };
        for entry in all().iter().filter(|entry| met(entry.interface)) {
            assert!(of(entry.code).is_some(), "{}", entry.code);
        }
        for language in Language::ALL {
            let strange = advice("<script>", language);
            assert!(!strange.means.is_empty() && !strange.now.is_empty());
        }
    }
}
