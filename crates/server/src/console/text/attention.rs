//! Words of the page "Attention": what each reason means and what to do about it.

use tuikuan_domain::AttentionReason;

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) awake: &'static str,
    pub(crate) asleep: &'static str,
    pub(crate) none: &'static str,
    pub(crate) none_asleep: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) all_merchants: &'static str,
    pub(crate) show: &'static str,
    pub(crate) number: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) said: &'static str,
    pub(crate) since: &'static str,
    pub(crate) assignee: &'static str,
    pub(crate) nobody: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) act: &'static str,
    pub(crate) to_me: &'static str,
    pub(crate) assign: &'static str,
    pub(crate) snooze: &'static str,
    pub(crate) tomorrow: &'static str,
    pub(crate) three_days: &'static str,
    pub(crate) wake: &'static str,
    pub(crate) sleeps_until: &'static str,
    pub(crate) note: &'static str,
    pub(crate) note_hint: &'static str,
    pub(crate) note_hint_abnormal: &'static str,
    pub(crate) settle: &'static str,
    pub(crate) settle_question: &'static str,
    pub(crate) more: &'static str,
    pub(crate) next: &'static str,
    pub(crate) back: &'static str,
    pub(crate) approvals: &'static str,
    pub(crate) approvals_wait: &'static str,
    pub(crate) batches_wait: &'static str,
    pub(crate) unplaced: &'static str,
    pub(crate) unplaced_advice: &'static str,
    pub(crate) notification: &'static str,
    pub(crate) endpoints: &'static str,
    pub(crate) endpoints_advice: &'static str,
    pub(crate) differences: &'static str,
    pub(crate) differences_advice: &'static str,
    pub(crate) days_open: &'static str,
    pub(crate) open_day: &'static str,
    pub(crate) all_days: &'static str,
}

/// 简体中文.
const ZH: Words = Words {
    title: "待处理",
    intro: "按原因分组，等得最久的在前。暂缓的到期会自动回来；原因一变，立即回来。",
    awake: "待处理",
    asleep: "已暂缓",
    none: "现在没有需要人处理的事。有了会出现在这里。",
    none_asleep: "没有暂缓的事项。",
    merchant: "商户",
    all_merchants: "全部商户",
    show: "查看",
    number: "退款单号",
    amount: "金额",
    said: "原因",
    since: "开始",
    assignee: "负责人",
    nobody: "未分配",
    actions: "操作",
    act: "处理",
    to_me: "由我负责",
    assign: "分配",
    snooze: "暂缓到",
    tomorrow: "明天",
    three_days: "三天后",
    wake: "取消暂缓",
    sleeps_until: "暂缓到 {time}",
    note: "处理说明",
    note_hint: "写明做了什么，会记入历史和审计日志。",
    note_hint_abnormal: "标记后这笔退款记为「线下已处理」，金额算作已退，不能撤销。",
    settle: "标记为已处理",
    settle_question: "确认这件事已经处理好了吗？说明会永久保留。",
    more: "查看全部 {n} 笔",
    next: "后面的",
    back: "返回全部原因",
    approvals: "去审批",
    approvals_wait: "有 {n} 笔退款等待审批。",
    batches_wait: "有 {n} 个批次等待审批。",
    unplaced: "无法对应的微信通知",
    unplaced_advice: "通知是真实的，但找不到对应的退款，或内容与记录不符。核对是否有人在商户平台或别的系统里操作；记录补齐或密钥修好后，可以在通知页重放。",
    notification: "通知",
    endpoints: "已停用的推送地址",
    endpoints_advice: "长时间推送失败，地址已自动停用，你的系统收不到新事件。修好接收端后重新启用，并补发失败的消息。",
    differences: "对账差异",
    differences_advice: "微信账单与我们的记录不一致，系统会逐笔向微信查询；查询后仍未消除的需要人处理：打开当天的对账页，按建议核对，查清后写明结论。",
    days_open: "{n} 条未处理",
    open_day: "打开当天",
    all_days: "查看对账日历",
};

/// English.
const EN: Words = Words {
    title: "Attention",
    intro: "Grouped by reason, the longest waiting first. What is put off comes back by itself, and at once when its reason changes.",
    awake: "Waiting",
    asleep: "Put off",
    none: "Nothing needs a person now. When something does, it is listed here.",
    none_asleep: "Nothing is put off.",
    merchant: "Merchant",
    all_merchants: "All merchants",
    show: "Show",
    number: "Refund number",
    amount: "Amount",
    said: "Why",
    since: "Since",
    assignee: "Taken by",
    nobody: "nobody",
    actions: "Actions",
    act: "Act",
    to_me: "I take it",
    assign: "Assign",
    snooze: "Put off until",
    tomorrow: "tomorrow",
    three_days: "in three days",
    wake: "Show again now",
    sleeps_until: "put off until {time}",
    note: "What was done",
    note_hint: "It is kept in the history and in the audit log.",
    note_hint_abnormal: "The refund is then recorded as settled offline and its amount as paid back, for good.",
    settle: "Dealt with",
    settle_question: "Is this dealt with? The note is kept for good.",
    more: "Show all {n}",
    next: "The next ones",
    back: "Back to all reasons",
    approvals: "To the approvals",
    approvals_wait: "{n} refunds wait for approval.",
    batches_wait: "{n} batches wait for approval.",
    unplaced: "Notifications nobody could place",
    unplaced_advice: "They are authentic, but name a refund we do not know, or contradict our record. See whether somebody acted in the merchant platform or another system; once the record is there or a key is mended, replay them on the page of notifications.",
    notification: "Notification",
    endpoints: "Webhook endpoints switched off",
    endpoints_advice: "Deliveries failed for too long, so the endpoint was switched off and your system hears of nothing new. Mend the receiver, enable it again, and redeliver what failed.",
    differences: "Differences from WeChat's bills",
    differences_advice: "A bill and our books disagree. WeChat is asked about each; what that does not settle is for a person: open the day, follow what is proposed, and note what you found.",
    days_open: "{n} open",
    open_day: "Open the day",
    all_days: "To the calendar",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// What to do about refunds that need a person for a reason.
pub(crate) const fn advice(reason: AttentionReason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        AttentionReason::Approval => (
            "需要另一个人同意。在「审批」页核对内容后同意或拒绝。",
            "A second person must agree. Compare the content on the page of approvals, then approve or reject.",
        ),
        AttentionReason::Abnormal => (
            "微信无法把钱退到原账户（卡已注销、冻结等）。打开退款单，选择退到用户的其他银行卡或退回商户；已用别的方式付给用户的，写明说明后标记。",
            "WeChat could not deliver the money (account closed or frozen). Open the refund and send it to another card or back to the merchant; if the buyer was paid another way, say so and mark it.",
        ),
        AttentionReason::Conflict => (
            "微信的说法与我们的记录矛盾，系统没有改动任何状态。打开退款单对照两边的金额和单号，查清后写明结论。",
            "WeChat contradicts our record; nothing was changed. Open the refund, compare amounts and numbers on both sides, and note what you found.",
        ),
        AttentionReason::InsufficientBalance => (
            "商户可用余额不足。充值后会自动继续，不需要重新发起。",
            "The merchant's balance is too low. Top it up; the refunds go on by themselves, nothing has to be sent again.",
        ),
        AttentionReason::Configuration => (
            "密钥、证书或权限有问题，微信拒绝了该商户的请求。运行 tuikuan doctor 查看具体问题，修好后自动继续。",
            "Keys, certificate or permissions are wrong, so WeChat refuses this merchant's calls. Run tuikuan doctor for the details; once mended, the refunds go on by themselves.",
        ),
        AttentionReason::Refused => (
            "微信明确拒绝，钱没有动。看清错误说明：能改正的改正后在退款单里重试（单号不变），否则写明说明后标记。",
            "WeChat refused for good, nothing moved. Read the error: mend the cause and retry from the refund (the number stays), or note how it was dealt with.",
        ),
        AttentionReason::UnknownForLong => (
            "已提交，但很久没有得到微信的确切答复，系统仍在查询。不要另行退款，钱可能已经在路上；先查网络和微信公告。",
            "It was sent, and WeChat has not answered for long; asking goes on. Do not pay another way, the money may be on its way; look at the network and at WeChat's announcements.",
        ),
        AttentionReason::ManyAttempts => (
            "同一请求多次提交，微信始终没有记录。系统会继续用同一单号尝试。请核对商户号、网络出口和微信商户平台。",
            "The same request was sent many times and WeChat has no trace of it. It is sent again under the same number. Check merchant number, network and the merchant platform.",
        ),
        AttentionReason::QueriesExhausted => (
            "计划内的查询已用完，微信仍显示处理中。打开退款单可以立即再查一次；超过七天请联系微信支付客服。",
            "The planned queries are used up and WeChat still says processing. Ask once more from the refund; after seven days, call WeChat Pay's support.",
        ),
    };
    language.of(chinese, english)
}
