//! Words of the pages that ask for a new refund, and of the page "Payment".

use tuikuan_domain::Refusal;

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) find: &'static str,
    pub(crate) find_label: &'static str,
    pub(crate) find_hint: &'static str,
    pub(crate) find_wrong: &'static str,
    pub(crate) go: &'static str,
    pub(crate) several: &'static str,
    pub(crate) not_known: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) order: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) amount_hint: &'static str,
    pub(crate) amount_wrong: &'static str,
    pub(crate) amount_zero: &'static str,
    pub(crate) amount_over: &'static str,
    pub(crate) rest: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) reason_hint: &'static str,
    pub(crate) reason_none: &'static str,
    pub(crate) reason_wrong: &'static str,
    pub(crate) check: &'static str,
    pub(crate) replaces: &'static str,
    pub(crate) check_title: &'static str,
    pub(crate) check_lead: &'static str,
    pub(crate) left_after: &'static str,
    pub(crate) unknown_total: &'static str,
    pub(crate) needs_second: &'static str,
    pub(crate) confirm: &'static str,
    pub(crate) change: &'static str,
    pub(crate) others: &'static str,
    pub(crate) unknown_title: &'static str,
    pub(crate) unknown_lead: &'static str,
    pub(crate) unknown_link: &'static str,
    pub(crate) unknown_nothing: &'static str,
    pub(crate) differs: &'static str,
    pub(crate) see: &'static str,
    pub(crate) payment_title: &'static str,
    pub(crate) refunds: &'static str,
    pub(crate) no_refunds: &'static str,
    pub(crate) paid_at: &'static str,
    pub(crate) until: &'static str,
    pub(crate) days_left: &'static str,
    pub(crate) window_closed: &'static str,
    pub(crate) external: &'static str,
    pub(crate) ask: &'static str,
    pub(crate) lookup: &'static str,
    pub(crate) pay_id: &'static str,
    pub(crate) full: &'static str,
}

const ZH: Words = Words {
    title: "新建退款",
    find: "查找订单",
    find_label: "商户订单号或微信订单号",
    find_hint: "完整的单号，区分大小写。",
    find_wrong: "单号为 6 到 32 位字母、数字和 _-|*@。",
    go: "查找",
    several: "多个商户有这个单号，请选择：",
    not_known: "系统里还没有这个订单。可以直接发起：系统先向微信查询订单金额，查不到或金额不足时不会退款。",
    merchant: "商户",
    order: "订单",
    amount: "退款金额（元）",
    amount_hint: "例如 128 或 128.50。",
    amount_wrong: "金额请写成 128 或 128.50，不带逗号和符号，最多两位小数。",
    amount_zero: "金额至少为 0.01 元。",
    amount_over: "金额超过了可退的 {left}。",
    rest: "全部剩余 {left}",
    reason: "退款原因",
    reason_hint: "买家可以看到；可不填，最多 80 字节（约 26 个汉字），不含表情。",
    reason_none: "不填写",
    reason_wrong: "原因最多 80 字节（约 26 个汉字），不含表情和换行。",
    check: "核对",
    replaces: "代替已关闭的退款",
    check_title: "请核对后确认",
    check_lead: "确认后立即受理，同一张表单只会产生一笔退款。",
    left_after: "退款后可退",
    unknown_total: "订单金额待向微信查询",
    needs_second: "这笔退款可能需要另一位同事审批。",
    confirm: "确认退款",
    change: "返回修改",
    others: "该订单已有 {n} 笔退款",
    unknown_title: "结果未知",
    unknown_lead: "系统没有及时答复，这笔退款可能已受理。请不要重新填写提交，先查看结果。",
    unknown_link: "查看这次提交的结果",
    unknown_nothing: "目前没有查到这次提交的退款。请稍等片刻再刷新本页；若一直没有，可返回原页面重新提交同一张表单，不会重复退款。",
    differs: "这张表单已经提交过，内容不同。没有产生新的退款。",
    see: "查看已提交的退款",
    payment_title: "订单 {number}",
    refunds: "该订单的退款",
    no_refunds: "还没有退款。",
    paid_at: "支付时间",
    until: "可退至",
    days_left: "还剩 {n} 天",
    window_closed: "支付已超过一年，微信不再支持退款。",
    external: "在别处退款",
    ask: "对该订单退款",
    lookup: "系统里还没有这个订单的金额，正在向微信查询。",
    pay_id: "编号",
    full: "该订单已全部退款或占用，没有可退余额。",
};

const EN: Words = Words {
    title: "New refund",
    find: "Find the order",
    find_label: "Order number, the merchant's or WeChat's",
    find_hint: "The whole number, upper and lower case as it is.",
    find_wrong: "An order number has 6 to 32 letters, digits and _-|*@.",
    go: "Find",
    several: "Several merchants have this number. Choose:",
    not_known: "This order is not known here yet. You can ask all the same: WeChat is asked for its total first, and nothing is refunded if it does not exist or is too small.",
    merchant: "Merchant",
    order: "Order",
    amount: "Amount (yuan)",
    amount_hint: "Such as 128 or 128.50.",
    amount_wrong: "Write the amount as 128 or 128.50: no commas, no signs, at most two decimals.",
    amount_zero: "A refund is at least 0.01 yuan.",
    amount_over: "That is more than the {left} left.",
    rest: "The rest, {left}",
    reason: "Reason",
    reason_hint: "The buyer sees it. May be empty; at most 80 bytes (26 Chinese characters), no emoji.",
    reason_none: "None",
    reason_wrong: "A reason has at most 80 bytes (26 Chinese characters) on one line, without emoji.",
    check: "Check",
    replaces: "Stands in for the closed refund",
    check_title: "Check, then confirm",
    check_lead: "It is accepted at once. One form makes one refund, however often it is sent.",
    left_after: "Left afterwards",
    unknown_total: "WeChat is asked for the order's total",
    needs_second: "This refund may need another person's approval.",
    confirm: "Refund it",
    change: "Change it",
    others: "The order has {n} refunds already",
    unknown_title: "Not known yet",
    unknown_lead: "There was no answer in time; the refund may be accepted. Do not submit it again. See what is known first.",
    unknown_link: "What is known of this form",
    unknown_nothing: "Nothing is known of this form at present. Wait a moment and reload this page; if nothing comes, go back and send the same form again: it cannot refund twice.",
    differs: "This form was sent before with other content. Nothing new was made.",
    see: "See the refund",
    payment_title: "Order {number}",
    refunds: "Refunds of this order",
    no_refunds: "No refunds yet.",
    paid_at: "Paid at",
    until: "Refundable until",
    days_left: "{n} days left",
    window_closed: "It was paid more than a year ago; WeChat no longer refunds it.",
    external: "Refunded elsewhere",
    ask: "Refund this order",
    lookup: "The order's total is not known here yet; WeChat is being asked.",
    pay_id: "Id",
    full: "All of it is refunded or on the way; nothing is left.",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// Why a request was refused, in a sentence.
pub(crate) const fn refused(refusal: &Refusal, language: Language) -> &'static str {
    let (chinese, english) = match refusal {
        Refusal::AmountZero => ("金额至少为 0.01 元。", "A refund is at least 0.01 yuan."),
        Refusal::AmountAboveMaximum { .. } => (
            "金额超过了系统配置的上限。",
            "The amount is above the configured maximum.",
        ),
        Refusal::AmountExceedsRefundable { .. } => (
            "金额超过了订单现在的可退余额，没有退款。",
            "The amount is more than is left of the order now; nothing was refunded.",
        ),
        Refusal::RefundableChanged { .. } => (
            "打开表单后，订单的可退余额变了：可能有同事刚刚退过同一笔。没有退款，请核对下面的最新余额。",
            "What is left of the order changed since the form was opened: somebody may have refunded the same case. Nothing was refunded; look at what is left now.",
        ),
        Refusal::TooManyRefunds => (
            "该订单已有 50 笔退款，微信不再受理。",
            "The order has 50 refunds; WeChat takes no more.",
        ),
        Refusal::WindowClosed { .. } => (
            "订单支付已超过一年，微信不再支持退款。",
            "The order was paid more than a year ago; WeChat no longer refunds it.",
        ),
        Refusal::ReplacesUnknown | Refusal::ReplacesNotClosed { .. } => (
            "只能代替同一订单中微信已关闭的退款。",
            "Only a refund of the same order that WeChat has closed can be replaced.",
        ),
        Refusal::AlreadyReplaced { .. } => (
            "那笔已关闭的退款已由另一笔退款代替。",
            "The closed refund is replaced by another one already.",
        ),
        Refusal::LimitReached { .. } => (
            "已达到今日限额，没有退款。请联系管理员或明天再试。",
            "A limit of the day is reached; nothing was refunded. Ask an administrator, or try tomorrow.",
        ),
        Refusal::NotFound
        | Refusal::ContentDiffers { .. }
        | Refusal::OrderNumbersDisagree
        | Refusal::NotIn { .. }
        | Refusal::Contradicted
        | Refusal::SamePerson
        | Refusal::NotAPerson
        | Refusal::ContentChanged
        | Refusal::ApprovalExpired { .. }
        | Refusal::ElsewhereUnderWay { .. }
        | Refusal::AlreadySubmitted => (
            "没有退款：内容与已有记录不一致，请核对。",
            "Nothing was refunded: it does not agree with what is known. Look again.",
        ),
    };
    language.of(chinese, english)
}
