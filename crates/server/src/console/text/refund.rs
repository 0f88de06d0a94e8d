//! Words of the page "Refund".

use tuikuan_domain::Status;

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) copy_link: &'static str,
    pub(crate) journey: &'static str,
    pub(crate) accepted: &'static str,
    pub(crate) approval: &'static str,
    pub(crate) approval_wait: &'static str,
    pub(crate) submitted: &'static str,
    pub(crate) not_submitted: &'static str,
    pub(crate) due: &'static str,
    pub(crate) processing: &'static str,
    pub(crate) since: &'static str,
    pub(crate) next_query: &'static str,
    pub(crate) arrived: &'static str,
    pub(crate) next: &'static str,
    pub(crate) needs: &'static str,
    pub(crate) error: &'static str,
    pub(crate) error_means: &'static str,
    pub(crate) error_now: &'static str,
    pub(crate) said: &'static str,
    pub(crate) timeline: &'static str,
    pub(crate) raw: &'static str,
    pub(crate) no_reply: &'static str,
    pub(crate) attempt: &'static str,
    pub(crate) same_number: &'static str,
    pub(crate) no_change: &'static str,
    pub(crate) repeats: &'static str,
    pub(crate) tries: &'static str,
    pub(crate) resend: &'static str,
    pub(crate) by: &'static str,
    pub(crate) payment: &'static str,
    pub(crate) left: &'static str,
    pub(crate) bar: &'static str,
    pub(crate) no_payment: &'static str,
    pub(crate) order: &'static str,
    pub(crate) transaction: &'static str,
    pub(crate) paid_at: &'static str,
    pub(crate) refunded: &'static str,
    pub(crate) reserved: &'static str,
    pub(crate) times: &'static str,
    pub(crate) see_payment: &'static str,
    pub(crate) this_refund: &'static str,
    pub(crate) number: &'static str,
    pub(crate) wechat_number: &'static str,
    pub(crate) id: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) api: &'static str,
    pub(crate) funds: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) no_reason: &'static str,
    pub(crate) asked_by: &'static str,
    pub(crate) agreed_by: &'static str,
    pub(crate) received_by: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) replaces: &'static str,
    pub(crate) replaced_by: &'static str,
    pub(crate) webhooks: &'static str,
    pub(crate) none: &'static str,
    pub(crate) metadata: &'static str,
    pub(crate) query: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) retry_now: &'static str,
    pub(crate) retry_question: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) cancel_question: &'static str,
    pub(crate) to_approval: &'static str,
    pub(crate) elsewhere: &'static str,
    pub(crate) again: &'static str,
    pub(crate) resolve: &'static str,
    pub(crate) resolve_hint: &'static str,
    pub(crate) resolve_abnormal_hint: &'static str,
    pub(crate) note: &'static str,
    pub(crate) note_hint: &'static str,
    pub(crate) note_wrong: &'static str,
    pub(crate) send: &'static str,
    pub(crate) buyer: &'static str,
    pub(crate) buyer_hint: &'static str,
    pub(crate) viewer: &'static str,
}

const ZH: Words = Words {
    title: "退款 {number}",
    copy_link: "复制链接",
    journey: "进度",
    accepted: "已受理",
    approval: "待审批",
    approval_wait: "{until} 前有效",
    submitted: "已提交微信",
    not_submitted: "尚未提交",
    due: "预计 {time}",
    processing: "微信处理中",
    since: "已 {time}",
    next_query: "下次查询 {time}",
    arrived: "到账",
    next: "接下来",
    needs: "需要人工处理",
    error: "最近的错误",
    error_means: "含义",
    error_now: "建议",
    said: "原文",
    timeline: "经过",
    raw: "原始报文（已脱敏）",
    no_reply: "没有应答",
    attempt: "第 {n} 次提交",
    same_number: "沿用同一退款单号",
    no_change: "状态未变化",
    repeats: "重复 {n} 次",
    tries: "尝试 {n} 次",
    resend: "重新推送",
    by: "操作人",
    payment: "原支付",
    left: "可退 {amount}",
    bar: "已退 {refunded}，处理中 {reserved}，可退 {left}",
    no_payment: "正在向微信查询订单金额，查到后会显示在这里。",
    order: "商户订单号",
    transaction: "微信订单号",
    paid_at: "支付时间",
    refunded: "已退",
    reserved: "处理中",
    times: "退款次数",
    see_payment: "查看该订单的全部退款",
    this_refund: "这笔退款",
    number: "退款单号",
    wechat_number: "微信退款单号",
    id: "编号",
    merchant: "商户",
    api: "接口",
    funds: "资金来源",
    reason: "原因",
    no_reason: "未填写",
    asked_by: "发起",
    agreed_by: "审批",
    received_by: "退回到",
    attempts: "提交次数",
    replaces: "代替",
    replaced_by: "已由此代替",
    webhooks: "推送",
    none: "无",
    metadata: "附加数据",
    query: "立即查询",
    retry: "重试（同一单号）",
    retry_now: "立即重试",
    retry_question: "将用同一退款单号重新提交。确定吗？",
    cancel: "取消退款",
    cancel_question: "取消后不会提交微信，占用的金额立即释放。确定取消吗？",
    to_approval: "前往审批",
    elsewhere: "异常退款",
    again: "重新退款",
    resolve: "登记处理结果",
    resolve_hint: "说明核实到的情况，例如“已在商户平台核对，结果一致”。",
    resolve_abnormal_hint: "登记后这笔退款以“线下已处理”结束，金额计为已退。例如“已现金付给买家，收据 4711”。",
    note: "添加备注",
    note_hint: "只写入经过，不改变退款。",
    note_wrong: "请填写 1 到 500 个字，写成一行。",
    send: "提交",
    buyer: "给买家的话",
    buyer_hint: "可直接复制发给买家：",
    viewer: "你的角色只能查看，不能操作。",
};

const EN: Words = Words {
    title: "Refund {number}",
    copy_link: "Copy link",
    journey: "Progress",
    accepted: "Accepted",
    approval: "Approval",
    approval_wait: "until {until}",
    submitted: "Submitted",
    not_submitted: "not yet",
    due: "about {time}",
    processing: "With WeChat",
    since: "for {time}",
    next_query: "next query {time}",
    arrived: "Arrived",
    next: "What happens next",
    needs: "Needs a person",
    error: "The last error",
    error_means: "Means",
    error_now: "To do",
    said: "Its text",
    timeline: "History",
    raw: "Raw messages (redacted)",
    no_reply: "no reply",
    attempt: "Attempt {n}",
    same_number: "under the same number",
    no_change: "no change",
    repeats: "repeated {n} times",
    tries: "{n} tries",
    resend: "Send again",
    by: "by",
    payment: "The payment",
    left: "{amount} left",
    bar: "{refunded} refunded, {reserved} on the way, {left} left",
    no_payment: "WeChat is being asked for the order's total; it will be shown here.",
    order: "Order number",
    transaction: "WeChat order",
    paid_at: "Paid at",
    refunded: "Refunded",
    reserved: "On the way",
    times: "Refunds",
    see_payment: "All refunds of this order",
    this_refund: "This refund",
    number: "Number",
    wechat_number: "WeChat number",
    id: "Id",
    merchant: "Merchant",
    api: "Interface",
    funds: "Paid from",
    reason: "Reason",
    no_reason: "none given",
    asked_by: "Asked by",
    agreed_by: "Approved by",
    received_by: "Received by",
    attempts: "Attempts",
    replaces: "Replaces",
    replaced_by: "Replaced by",
    webhooks: "Webhooks",
    none: "none",
    metadata: "Metadata",
    query: "Query now",
    retry: "Retry (same number)",
    retry_now: "Retry now",
    retry_question: "It is submitted again under the same number. Go on?",
    cancel: "Cancel the refund",
    cancel_question: "It will not be submitted, and its amount is free again. Cancel it?",
    to_approval: "To the approval",
    elsewhere: "Abnormal refund",
    again: "Refund again",
    resolve: "Note how it was dealt with",
    resolve_hint: "Say what was found, for example \"looked up in the merchant platform, agrees\".",
    resolve_abnormal_hint: "The refund ends as \"settled offline\" and its amount counts as refunded. For example \"paid out in cash, receipt 4711\".",
    note: "Add a note",
    note_hint: "It goes into the history and changes nothing.",
    note_wrong: "A note has 1 to 500 characters on one line.",
    send: "Send",
    buyer: "For the buyer",
    buyer_hint: "Copy this to the buyer:",
    viewer: "Your role looks and changes nothing.",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// What happens next to a refund in a status; `{time}` is when.
pub(crate) const fn next(status: Status, language: Language) -> &'static str {
    let (chinese, english) = match status {
        Status::AwaitingApproval => (
            "等待另一位同事审批。同意后自动提交微信；到期未审批则自动取消。",
            "Another person must agree. It is submitted afterwards by itself; if nobody agrees in time it is withdrawn.",
        ),
        Status::Queued => ("将自动提交微信。", "It will be submitted by itself."),
        Status::Submitting => (
            "正在提交微信，等待答复。",
            "It is being submitted; the answer is awaited.",
        ),
        Status::Unknown => (
            "提交后没有得到可靠答复，不代表失败。系统正在向微信查询；查不到时用同一单号重新提交，不会重复退款。",
            "There was no reliable answer, which is no failure. WeChat is being asked; if it knows nothing, the same number is sent again, and nothing is paid twice.",
        ),
        Status::Processing => (
            "微信已受理，正在退给买家。退回零钱通常几分钟到账，退回银行卡一般 1 到 3 个工作日。",
            "WeChat has taken it and is paying the buyer: minutes to the WeChat balance, one to three working days to a bank card.",
        ),
        Status::Abnormal => (
            "银行没有收下这笔钱，资金在微信。需要有人处理：改退到买家的另一张卡，或退回商户后线下付给买家。",
            "The bank did not take the money; WeChat holds it. A person must act: send it to another card of the buyer, or back to the merchant and pay another way.",
        ),
        Status::Succeeded => (
            "已经到账，无需再做什么。",
            "The money has arrived. Nothing more to do.",
        ),
        Status::SettledOffline => (
            "已按说明线下处理，金额计为已退。无需再做什么。",
            "It was settled another way and counts as refunded. Nothing more to do.",
        ),
        Status::Closed => (
            "微信关闭了这笔退款，钱在商户账户，买家没有收到。仍需退款时，请点“重新退款”，会使用新的单号并与此关联。",
            "WeChat closed it: the merchant has the money, the buyer has not. To refund after all, use \"Refund again\": a new number, linked to this one.",
        ),
        Status::Rejected => (
            "微信没有受理，没有资金变动，占用的金额已释放。排除原因后可重试，单号不变。",
            "WeChat refused it and nothing moved; the amount is free again. Once the cause is mended, retry it under the same number.",
        ),
        Status::Cancelled => (
            "已取消，没有提交微信，占用的金额已释放。",
            "It was withdrawn before it was submitted; the amount is free again.",
        ),
    };
    language.of(chinese, english)
}

/// A sentence for the buyer, in Chinese: who pays with WeChat reads it. `{amount}` is the amount in
/// yuan, `{account}` where it arrived, `{time}` when.
pub(crate) const fn for_buyer(status: Status) -> &'static str {
    match status {
        Status::AwaitingApproval | Status::Queued => {
            "您好，您的退款 {amount} 元已登记，正在安排提交微信支付，请您留意后续通知。"
        }
        Status::Submitting | Status::Unknown => {
            "您好，您的退款 {amount} 元正在与微信支付确认结果，请您放心，确认后会第一时间退回，款项不会丢失。"
        }
        Status::Processing => {
            "您好，您的退款 {amount} 元微信支付已受理，正在退回原支付账户。退回零钱通常几分钟到账，退回银行卡一般 1-3 个工作日到账，请留意微信通知。"
        }
        Status::Abnormal => {
            "您好，您的退款 {amount} 元在退回原支付账户时未能入账，款项安全，我们正在为您换一种方式退回，会尽快与您联系。"
        }
        Status::Succeeded => "您好，您的退款 {amount} 元已于 {time} 退回{account}，请您查收。",
        Status::SettledOffline => {
            "您好，您的退款 {amount} 元已通过其他方式处理完成，如有疑问请随时联系我们。"
        }
        Status::Closed => {
            "您好，您的退款 {amount} 元未能完成，款项仍在商户处，我们会为您重新办理。"
        }
        Status::Rejected | Status::Cancelled => {
            "您好，您的 {amount} 元退款申请未能提交成功，我们会与您联系并说明后续处理。"
        }
    }
}
