//! Words of the page "Notifications".

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) all_merchants: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) any_outcome: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) show: &'static str,
    pub(crate) received: &'static str,
    pub(crate) format: &'static str,
    pub(crate) refund: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) nothing_changed: &'static str,
    pub(crate) repeats: &'static str,
    pub(crate) open: &'static str,
    pub(crate) none: &'static str,
    pub(crate) none_yet: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) refused_hint: &'static str,
    pub(crate) refused_none: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) times: &'static str,
    pub(crate) replay: &'static str,
    pub(crate) replay_hint: &'static str,
    pub(crate) replay_page: &'static str,
    pub(crate) replay_question: &'static str,
    pub(crate) replayed: &'static str,
    pub(crate) number: &'static str,
    pub(crate) verified: &'static str,
    pub(crate) verified_v2: &'static str,
    pub(crate) verified_v3: &'static str,
    pub(crate) told_at: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) body: &'static str,
    pub(crate) raw_hint: &'static str,
    pub(crate) raw_gone: &'static str,
    pub(crate) care: &'static str,
    pub(crate) to_attention: &'static str,
    pub(crate) back: &'static str,
}

/// 简体中文.
const ZH: Words = Words {
    title: "微信通知",
    intro: "只保存能证明来自微信的通知；重复的只记次数。",
    merchant: "商户",
    all_merchants: "全部商户",
    outcome: "结果",
    any_outcome: "全部结果",
    from: "从",
    to: "到",
    show: "查看",
    received: "收到时间",
    format: "格式",
    refund: "退款",
    changed: "引起的变化",
    nothing_changed: "没有变化",
    repeats: "重复",
    open: "查看",
    none: "没有符合条件的通知。",
    none_yet: "还没有收到微信的通知。请确认 public_url 能从公网访问，并与商户平台里配置的通知地址一致。",
    refused: "被拒收的通知（本次启动以来）",
    refused_hint: "这些消息无法证明来自微信，没有保存，也没有改变任何状态。偶尔出现的错误签名是微信的探测，属于正常；大量出现时请检查密钥和时钟。",
    refused_none: "没有被拒收的通知。",
    reason: "原因",
    times: "次数",
    replay: "重放",
    replay_hint: "用现在的密钥重新验签、解密，并再次走同一处理流程；已经生效的不会重复生效。",
    replay_page: "重放本页（最多 {n} 条）",
    replay_question: "确定重放吗？已经生效的通知不会重复生效。",
    replayed: "已重放 {done} 条，{failed} 条未能处理。",
    number: "编号",
    verified: "如何验证",
    verified_v2: "用 APIv2 密钥解密。v2 通知没有签名，只作为提示：立即向微信查询，以查询结果为准。",
    verified_v3: "签名、时间和序列号均通过验证，再用 APIv3 密钥解密。",
    told_at: "微信记录的成功时间",
    headers: "请求头",
    body: "正文",
    raw_hint: "签名、密文和个人信息已隐去。",
    raw_gone: "原文已按保留期限删除。",
    care: "需要人处理",
    to_attention: "去待处理",
    back: "返回列表",
};

/// English.
const EN: Words = Words {
    title: "Notifications",
    intro: "Only what is proven to come from WeChat is kept; of a repeat, only the count.",
    merchant: "Merchant",
    all_merchants: "All merchants",
    outcome: "Outcome",
    any_outcome: "Any outcome",
    from: "From",
    to: "To",
    show: "Show",
    received: "Received",
    format: "Format",
    refund: "Refund",
    changed: "What it changed",
    nothing_changed: "nothing",
    repeats: "Repeats",
    open: "Open",
    none: "No notification fits this filter.",
    none_yet: "No notification has come yet. See that public_url can be reached from the internet, and that it is the address WeChat was given.",
    refused: "Refused since the last start",
    refused_hint: "These messages could not be proven to come from WeChat: not kept, nothing changed. A wrong signature now and then is a probe of WeChat's; many of them mean wrong keys or a wrong clock.",
    refused_none: "None was refused.",
    reason: "Reason",
    times: "Times",
    replay: "Replay",
    replay_hint: "Verified and decrypted again with the keys of today, then through the same door; what took effect already does not take effect twice.",
    replay_page: "Replay this page (at most {n})",
    replay_question: "Replay? What took effect already does not take effect twice.",
    replayed: "{done} replayed, {failed} could not be taken in.",
    number: "Number",
    verified: "How it was verified",
    verified_v2: "Decrypted with the API v2 key. A v2 notification carries no signature and is a hint only: WeChat is asked at once, and that answer counts.",
    verified_v3: "Signature, time and serial were verified, then it was decrypted with the API v3 key.",
    told_at: "WeChat's time of success",
    headers: "Headers",
    body: "Body",
    raw_hint: "Signatures, ciphertext and personal data are hidden.",
    raw_gone: "The text was removed with age.",
    care: "Needs a person",
    to_attention: "To the page Attention",
    back: "Back to the list",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// Every outcome there is, in the order of the filter.
pub(crate) const OUTCOMES: [&str; 9] = [
    "applied",
    "hint",
    "payment",
    "adopted",
    "unmatched",
    "conflict",
    "unreadable",
    "not_paid",
    "other",
];

/// What a notification came to, in words.
pub(crate) fn outcome(outcome: &str, language: Language) -> &'static str {
    let (chinese, english) = match outcome {
        "applied" => ("已对照记录处理", "held against our record"),
        "hint" => ("提示，已改为查询", "a hint: WeChat is asked"),
        "payment" => ("支付已登记", "payment registered"),
        "adopted" => ("别处发起的退款，已登记", "made elsewhere, recorded"),
        "unmatched" => ("找不到对应的退款", "names a refund we do not know"),
        "conflict" => ("与已登记的支付不符", "contradicts the registered payment"),
        "unreadable" => ("内容无法识别", "its content cannot be read"),
        "not_paid" => ("未支付，无需处理", "not paid, nothing to do"),
        _ => ("与退款无关", "not about refunds"),
    };
    language.of(chinese, english)
}

/// The class of the badge of an outcome.
pub(crate) fn outcome_class(outcome: &str) -> &'static str {
    match outcome {
        "applied" | "payment" | "adopted" => "good",
        "hint" => "processing",
        "unmatched" | "unreadable" => "warn",
        "conflict" => "bad",
        _ => "queued",
    }
}

/// Why a notification was refused, in words.
pub(crate) fn refusal(reason: &str, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        "signature" => ("签名错误", "the signature is wrong"),
        "unknown_serial" => ("未知的密钥序列号", "signed with a key we do not know"),
        "stale" => ("时间相差过大", "its time is too far from ours"),
        "unsigned" => ("没有签名", "it is not signed"),
        "key" => (
            "无法解密，密钥可能不对",
            "it does not decrypt; the key may be wrong",
        ),
        "no_key" => ("未配置对应的密钥", "the key for it is not configured"),
        "other_merchant" => ("属于别的商户", "it is for another merchant"),
        _ => ("格式不符", "it is not in WeChat's format"),
    };
    language.of(chinese, english)
}
