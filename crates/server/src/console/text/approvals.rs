//! Words of the page "Approvals".

use jiff::Timestamp;

use crate::console::format;
use crate::console::language::Language;
use crate::console::text::fill;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) empty_hint: &'static str,
    pub(crate) then: &'static str,
    pub(crate) now: &'static str,
    pub(crate) asked_by: &'static str,
    pub(crate) asked_at: &'static str,
    pub(crate) today: &'static str,
    pub(crate) today_value: &'static str,
    pub(crate) today_none: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) left_then: &'static str,
    pub(crate) left_now: &'static str,
    pub(crate) not_known: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) others: &'static str,
    pub(crate) others_value: &'static str,
    pub(crate) since: &'static str,
    pub(crate) paid_at: &'static str,
    pub(crate) expires: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) fingerprint: &'static str,
    pub(crate) own: &'static str,
    pub(crate) no_right: &'static str,
    pub(crate) voided: &'static str,
    pub(crate) comment: &'static str,
    pub(crate) comment_hint: &'static str,
    pub(crate) comment_wrong: &'static str,
    pub(crate) comment_missing: &'static str,
    pub(crate) approve: &'static str,
    pub(crate) approve_question: &'static str,
    pub(crate) reject: &'static str,
    pub(crate) order: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) see: &'static str,
    pub(crate) batch: &'static str,
    pub(crate) batch_lines: &'static str,
    pub(crate) batch_open: &'static str,
    pub(crate) batch_own: &'static str,
}

const ZH: Words = Words {
    title: "审批",
    lead: "同意的是这里显示的内容：金额、订单、单号、原因和资金来源。内容一变，审批自动作废。",
    empty: "没有等待审批的退款。",
    empty_hint: "超过审批规则的退款会出现在这里。",
    then: "申请时",
    now: "现在",
    asked_by: "申请人",
    asked_at: "申请时间",
    today: "申请人今日",
    today_value: "{n} 笔，共 {amount}",
    today_none: "未计数",
    reason: "原因",
    left_then: "可退余额",
    left_now: "可退余额（含本笔）",
    not_known: "未知",
    changed: "与申请时不同，请核对。",
    others: "该订单的其他退款",
    others_value: "{n} 笔",
    since: "其中申请后新增 {n} 笔",
    paid_at: "支付时间",
    expires: "{when}到期",
    expired: "已到期",
    fingerprint: "内容指纹",
    own: "这是你发起的退款，须由另一位同事审批。",
    no_right: "你的角色不能审批。",
    voided: "此前 {who} 在 {when} 同意过，但之后内容有变（{fields}），该审批已作废，需要重新审批。",
    comment: "审批意见",
    comment_hint: "写入退款的经过。拒绝时必填。",
    comment_wrong: "审批意见最多 500 个字，写成一行。",
    comment_missing: "拒绝时请写明原因。",
    approve: "同意",
    approve_question: "同意后将自动提交微信。确定吗？",
    reject: "拒绝",
    order: "订单",
    merchant: "商户",
    see: "查看经过",
    batch: "批量退款",
    batch_lines: "{n} 笔新退款",
    batch_open: "打开批次，逐行核对后决定",
    batch_own: "这是你提交的批次，须由另一位同事审批。",
};

const EN: Words = Words {
    title: "Approvals",
    lead: "You agree to what is shown here: amount, order, number, reason and account. When any of it changes, the approval is void.",
    empty: "Nothing waits for approval.",
    empty_hint: "Refunds beyond the rules appear here.",
    then: "When asked",
    now: "Now",
    asked_by: "Asked by",
    asked_at: "Asked at",
    today: "Asked by them today",
    today_value: "{n} refunds, {amount} in all",
    today_none: "not counted",
    reason: "Reason",
    left_then: "Left of the payment",
    left_now: "Left, this one included",
    not_known: "not known",
    changed: "Not what it was when asked: look again.",
    others: "Other refunds of the order",
    others_value: "{n}",
    since: "{n} of them since it was asked",
    paid_at: "Paid at",
    expires: "expires {when}",
    expired: "expired",
    fingerprint: "Fingerprint",
    own: "You asked for this one: another person must approve it.",
    no_right: "Your role does not approve.",
    voided: "{who} agreed at {when}, but it changed afterwards ({fields}): that approval is void and a new one is needed.",
    comment: "Comment",
    comment_hint: "It goes into the refund's history. Needed to reject.",
    comment_wrong: "A comment has at most 500 characters on one line.",
    comment_missing: "Say why you reject it.",
    approve: "Approve",
    approve_question: "It is submitted by itself afterwards. Approve it?",
    reject: "Reject",
    order: "Order",
    merchant: "Merchant",
    see: "Its history",
    batch: "Batch",
    batch_lines: "{n} new refunds",
    batch_open: "Open it, look at its lines, then decide",
    batch_own: "You submitted this batch: another person must approve it.",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// When an approval expires, as a person reads it; empty where it does not.
pub(crate) fn expires(until: Option<Timestamp>, now: Timestamp, language: Language) -> String {
    let words = Words::of(language);
    match until {
        Some(until) if until > now => {
            let when = format::relative(until, now, language);
            fill(words.expires, &[("when", &when)])
        }
        Some(_) => words.expired.to_owned(),
        None => String::new(),
    }
}

/// A part of the content that is agreed to, by its name in the text that is hashed.
pub(crate) fn part(name: &str, language: Language) -> &'static str {
    let (chinese, english) = match name {
        "mch_id" | "sub_mch_id" => ("商户号", "merchant number"),
        "out_trade_no" | "transaction_id" => ("订单号", "order number"),
        "out_refund_no" => ("退款单号", "refund number"),
        "amount" => ("金额", "amount"),
        "funds_account" => ("资金来源", "account"),
        "reason" => ("原因", "reason"),
        _ => ("内容", "content"),
    };
    language.of(chinese, english)
}
