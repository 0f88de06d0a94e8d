//! Words of the pages "Reconciliation".

use tuikuan_domain::reconcile::{
    BillKind, Class, DayState, DifferenceState, Healing, LineState, Repair,
};

use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) no_merchant: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) show: &'static str,
    pub(crate) earlier: &'static str,
    pub(crate) later: &'static str,
    pub(crate) weekdays: [&'static str; 7],
    pub(crate) agrees: &'static str,
    pub(crate) open: &'static str,
    pub(crate) nothing_known: &'static str,
    pub(crate) chart: &'static str,
    pub(crate) chart_fees: &'static str,
    pub(crate) chart_summary: &'static str,
    pub(crate) fees_summary: &'static str,
    pub(crate) chart_none: &'static str,
    pub(crate) payments: &'static str,
    pub(crate) refunds: &'static str,
    pub(crate) fees_returned: &'static str,
    pub(crate) fees: &'static str,
    pub(crate) as_table: &'static str,
    pub(crate) day: &'static str,
    pub(crate) to_month: &'static str,
    pub(crate) bills: &'static str,
    pub(crate) bill: &'static str,
    pub(crate) state: &'static str,
    pub(crate) lines: &'static str,
    pub(crate) fetched: &'static str,
    pub(crate) next: &'static str,
    pub(crate) why: &'static str,
    pub(crate) never_wanted: &'static str,
    pub(crate) run: &'static str,
    pub(crate) run_hint: &'static str,
    pub(crate) report: &'static str,
    pub(crate) print_hint: &'static str,
    pub(crate) classes: &'static str,
    pub(crate) class: &'static str,
    pub(crate) any_class: &'static str,
    pub(crate) any_state: &'static str,
    pub(crate) matched: &'static str,
    pub(crate) differences: &'static str,
    pub(crate) none: &'static str,
    pub(crate) none_fits: &'static str,
    pub(crate) number: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) wechat: &'static str,
    pub(crate) repair: &'static str,
    pub(crate) note: &'static str,
    pub(crate) settle: &'static str,
    pub(crate) first_page: &'static str,
    pub(crate) older: &'static str,
}

/// 简体中文.
const ZH: Words = Words {
    title: "对账",
    intro: "每天 10 点后取微信的账单，与本系统的退款逐笔核对。有差异时先向微信查询，查询结果能修正的自动修正，其余的在这里处理。",
    no_merchant: "还没有配置商户。配置商户后，从当天起每天自动对账。",
    merchant: "商户",
    show: "查看",
    earlier: "上一月",
    later: "下一月",
    weekdays: ["一", "二", "三", "四", "五", "六", "日"],
    agrees: "一致",
    open: "{n} 笔差异",
    nothing_known: "未对账",
    chart: "每日支付与退款",
    chart_fees: "每日退还的手续费",
    chart_summary: "本月支付 {payments} 元，退款 {refunds} 元。",
    fees_summary: "本月收取手续费 {fees} 元，退还 {returned} 元。",
    chart_none: "本月还没有取到交易账单。",
    payments: "支付",
    refunds: "退款",
    fees_returned: "退还手续费",
    fees: "手续费",
    as_table: "查看数字",
    day: "日期",
    to_month: "返回月历",
    bills: "账单",
    bill: "账单",
    state: "状态",
    lines: "行数",
    fetched: "取得时间",
    next: "下次",
    why: "原因",
    never_wanted: "这一天还没有对过账。",
    run: "重新取账单并对账",
    run_hint: "已处理的差异不会重新打开；结果没有变化时什么都不变。",
    report: "下载 CSV",
    print_hint: "本页可直接打印。",
    classes: "核对结果",
    class: "类别",
    any_class: "全部类别",
    any_state: "全部状态",
    matched: "一致",
    differences: "差异",
    none: "没有差异。",
    none_fits: "没有符合条件的差异。",
    number: "退款单号",
    ours: "本系统",
    wechat: "微信账单",
    repair: "建议",
    note: "处理说明",
    settle: "标记为已处理",
    first_page: "第一页",
    older: "下一页",
};

/// English.
const EN: Words = Words {
    title: "Reconciliation",
    intro: "After 10:00 each day WeChat's bill is fetched and held against our refunds, one by one. Where they differ WeChat is asked, and what its answer mends is mended; the rest is here.",
    no_merchant: "No merchant is configured yet. From its first day on, each day is reconciled.",
    merchant: "Merchant",
    show: "Show",
    earlier: "Earlier",
    later: "Later",
    weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    agrees: "agrees",
    open: "{n} open",
    nothing_known: "not looked at",
    chart: "Payments and refunds by day",
    chart_fees: "Fees returned by day",
    chart_summary: "Paid this month: ¥{payments}; refunded: ¥{refunds}.",
    fees_summary: "Fees taken this month: ¥{fees}; returned: ¥{returned}.",
    chart_none: "No bill of trades has come for this month yet.",
    payments: "Payments",
    refunds: "Refunds",
    fees_returned: "Fees returned",
    fees: "Fees",
    as_table: "Show the numbers",
    day: "Day",
    to_month: "Back to the month",
    bills: "Bills",
    bill: "Bill",
    state: "State",
    lines: "Lines",
    fetched: "Fetched",
    next: "Next try",
    why: "Why",
    never_wanted: "This day was never reconciled.",
    run: "Fetch and compare again",
    run_hint: "What was settled stays settled; a run that finds the same changes nothing.",
    report: "Download CSV",
    print_hint: "This page can be printed as it is.",
    classes: "Result",
    class: "Class",
    any_class: "Any class",
    any_state: "Any state",
    matched: "Agree",
    differences: "Differences",
    none: "No differences.",
    none_fits: "No difference fits this filter.",
    number: "Refund number",
    ours: "Our books",
    wechat: "WeChat's bill",
    repair: "Proposed",
    note: "What was done",
    settle: "Mark as settled",
    first_page: "First page",
    older: "Next page",
};

impl Words {
    /// The words in a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Chinese => &ZH,
            Language::English => &EN,
        }
    }
}

/// A class.
pub(crate) fn class(class: Class, language: Language) -> &'static str {
    let (chinese, english) = match class {
        Class::Matched => ("一致", "agree"),
        Class::OursOnly => ("只在本系统", "only in our books"),
        Class::WechatOnly => ("只在微信账单", "only in WeChat's bill"),
        Class::AmountDiffers => ("金额不同", "amounts differ"),
        Class::StatusDiffers => ("状态不同", "states differ"),
        Class::LateByADay => ("跨日", "a day late"),
    };
    language.of(chinese, english)
}

/// Where a difference stands.
pub(crate) fn state(state: DifferenceState, language: Language) -> &'static str {
    let (chinese, english) = match state {
        DifferenceState::Open => ("待处理", "open"),
        DifferenceState::Healed => ("已自动修正", "healed"),
        DifferenceState::Resolved => ("已人工处理", "settled"),
    };
    language.of(chinese, english)
}

/// What is proposed.
pub(crate) fn repair(repair: Repair, language: Language) -> &'static str {
    let (chinese, english) = match repair {
        Repair::Query => ("正在向微信查询", "WeChat is being asked"),
        Repair::Adopt => (
            "微信确认后登记为外部退款",
            "taken in as made elsewhere once WeChat confirms it",
        ),
        Repair::WaitForNextBill => ("等待次日账单", "wait for the next day's bill"),
        Repair::ReviewRefund => (
            "微信的答复与退款记录矛盾，请打开退款核对",
            "WeChat contradicts the record: open the refund and compare",
        ),
        Repair::ReviewPayment => (
            "订单余额容不下这笔外部退款，请核对订单",
            "the payment cannot hold it: look at the payment",
        ),
        Repair::AskWechat => (
            "账单与查询结果矛盾，请联系微信支付客服",
            "bill and query contradict each other: ask WeChat's support",
        ),
        Repair::Nothing => ("无需处理", "nothing to do"),
    };
    language.of(chinese, english)
}

/// What healed a difference.
pub(crate) fn healing(healing: Healing, language: Language) -> &'static str {
    let (chinese, english) = match healing {
        Healing::QueryAgrees => (
            "查询结果一致，账单较旧",
            "the query agrees, the bill was older",
        ),
        Healing::Adopted => ("已登记为外部退款", "taken in as made elsewhere"),
        Healing::OtherBill => ("在相邻日的账单中", "in the bill of a neighbouring day"),
        Healing::Gone => ("重新对账后消失", "gone in a later run"),
    };
    language.of(chinese, english)
}

/// Where a bill stands.
pub(crate) fn day_state(state: DayState, language: Language) -> &'static str {
    let (chinese, english) = match state {
        DayState::Wanted => ("待取", "awaited"),
        DayState::Fetched => ("已核对", "compared"),
        DayState::Empty => ("当日无交易", "nothing that day"),
        DayState::Missing => ("缺失", "missing"),
        DayState::Failed => ("失败", "failed"),
    };
    language.of(chinese, english)
}

/// Which bill.
pub(crate) fn bill(kind: BillKind, language: Language) -> &'static str {
    let (chinese, english) = match kind {
        BillKind::Refunds => ("退款账单", "refunds"),
        BillKind::Trades => ("交易账单", "all trades"),
    };
    language.of(chinese, english)
}

/// A state in WeChat's bill.
pub(crate) fn line_state(state: LineState, language: Language) -> &'static str {
    let (chinese, english) = match state {
        LineState::Success => ("退款成功", "refunded"),
        LineState::Processing => ("处理中", "in process"),
        LineState::Abnormal => ("退款异常", "abnormal"),
        LineState::Failed => ("退款失败", "failed"),
        LineState::Other => ("其他", "other"),
    };
    language.of(chinese, english)
}
