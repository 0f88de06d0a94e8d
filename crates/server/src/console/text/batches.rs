//! Words of the pages about batches.

use tuikuan_domain::batch::{BatchState, Fault, Outcome, Warning};
use tuikuan_engine::batch::file::FileFaultKind;

use crate::console::language::Language;
use crate::console::text::{fill, status};

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) bring: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) file: &'static str,
    pub(crate) file_hint: &'static str,
    pub(crate) check: &'static str,
    pub(crate) no_file: &'static str,
    pub(crate) file_bad: &'static str,
    pub(crate) busy: &'static str,
    pub(crate) none: &'static str,
    pub(crate) name: &'static str,
    pub(crate) unnamed: &'static str,
    pub(crate) state: &'static str,
    pub(crate) lines: &'static str,
    pub(crate) each_line: &'static str,
    pub(crate) line: &'static str,
    pub(crate) column: &'static str,
    pub(crate) what: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) created: &'static str,
    pub(crate) order: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) facts: &'static str,
    pub(crate) acts: &'static str,
    pub(crate) new_lines: &'static str,
    pub(crate) balance: &'static str,
    pub(crate) takes: &'static str,
    pub(crate) existing: &'static str,
    pub(crate) unknown: &'static str,
    pub(crate) warned: &'static str,
    pub(crate) faulty: &'static str,
    pub(crate) created_by: &'static str,
    pub(crate) requested_by: &'static str,
    pub(crate) approval_until: &'static str,
    pub(crate) approved_by: &'static str,
    pub(crate) progress: &'static str,
    pub(crate) result: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) submit_question: &'static str,
    pub(crate) leave_out: &'static str,
    pub(crate) own: &'static str,
    pub(crate) approve: &'static str,
    pub(crate) approve_hint: &'static str,
    pub(crate) approve_question: &'static str,
    pub(crate) reject: &'static str,
    pub(crate) reject_question: &'static str,
    pub(crate) pause: &'static str,
    pub(crate) resume: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) cancel_question: &'static str,
    pub(crate) all_lines: &'static str,
    pub(crate) no_lines: &'static str,
    pub(crate) further: &'static str,
    pub(crate) moved_on: &'static str,
    pub(crate) has_faults: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) same_person: &'static str,
    pub(crate) changed: &'static str,
}

impl Words {
    /// In a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// 简体中文.
const ZH: Words = Words {
    title: "批量退款",
    intro: "上传一个文件，先逐行试算，确认后再整批退款。同一个文件重复上传仍是同一批，不会重复退款。",
    bring: "上传文件",
    merchant: "商户",
    file: "文件",
    file_hint: "CSV（UTF-8 或 GBK）或 JSON Lines，最多 20 万行。首行写列名：商户订单号 或 微信订单号，金额(元) 或 金额(分)，可选 商户退款单号、退款原因。",
    check: "上传并试算",
    no_file: "请选择一个文件。",
    file_bad: "文件中有 {count} 处错误，没有保存任何内容。每类错误列出前 20 处，修改后请重新上传。",
    busy: "同一个文件正在上传，请稍候再试。",
    none: "还没有批量退款。",
    name: "名称",
    unnamed: "未命名",
    state: "状态",
    lines: "行数",
    each_line: "逐行明细",
    line: "行",
    column: "列",
    what: "说明",
    amount: "金额",
    created: "创建",
    order: "订单",
    reason: "退款原因",
    outcome: "进展",
    facts: "试算结果",
    acts: "操作",
    new_lines: "将退款",
    balance: "所需余额",
    takes: "预计至少",
    existing: "已有退款",
    unknown: "订单未登记",
    warned: "有提醒",
    faulty: "有错误",
    created_by: "上传人",
    requested_by: "提交人",
    approval_until: "审批截止",
    approved_by: "审批人",
    progress: "已结束 {done} / {lines} 行",
    result: "下载结果",
    submit: "提交退款",
    submit_question: "确定按试算结果整批退款吗？",
    leave_out: "跳过有错误的行，其余照常退款",
    own: "需要另一位有审批权限的人同意。",
    approve: "同意",
    approve_hint: "你同意的是这份内容：",
    approve_question: "确定同意整批退款吗？",
    reject: "不同意",
    reject_question: "确定不同意吗？整批都不会退款。",
    pause: "暂停",
    resume: "继续",
    cancel: "撤回未发送的",
    cancel_question: "确定撤回所有尚未发送的退款吗？已发送的会继续到底。",
    all_lines: "全部",
    no_lines: "没有这样的行。",
    further: "后面的行",
    moved_on: "这一批的状态已经变化，请看现在的状态。",
    has_faults: "有的行有错误：请修改文件重新上传，或勾选跳过这些行。",
    nothing: "没有可以退款的行。",
    same_person: "提交人不能自己审批，需要另一个人。",
    changed: "内容与你看到的不一致，请重新查看后再审批。",
};

/// English.
const EN: Words = Words {
    title: "Batches",
    intro: "Bring a file: every line is checked first, and the whole is refunded once you agree. The same file again is the same batch; nothing is refunded twice.",
    bring: "Bring a file",
    merchant: "Merchant",
    file: "File",
    file_hint: "CSV (UTF-8 or GBK) or JSON lines, at most 200,000 lines. The first line names the columns: out_trade_no or transaction_id, amount_yuan or amount_fen, and where wanted out_refund_no, reason.",
    check: "Upload and check",
    no_file: "Choose a file.",
    file_bad: "The file has {count} faults; nothing was kept. The first 20 of each kind are listed. Mend the file and bring it again.",
    busy: "The same file is being taken in already; try again in a moment.",
    none: "No batches yet.",
    name: "Name",
    unnamed: "Without a name",
    state: "State",
    lines: "Lines",
    each_line: "Line by line",
    line: "Line",
    column: "Column",
    what: "What to know",
    amount: "Amount",
    created: "Made",
    order: "Order",
    reason: "Reason",
    outcome: "Progress",
    facts: "Dry run",
    acts: "What to do",
    new_lines: "To refund",
    balance: "Balance needed",
    takes: "Takes at least",
    existing: "Refunds already",
    unknown: "Orders not registered",
    warned: "With a warning",
    faulty: "With a fault",
    created_by: "Uploaded by",
    requested_by: "Submitted by",
    approval_until: "To be approved by",
    approved_by: "Approved by",
    progress: "{done} of {lines} lines have ended",
    result: "Download the result",
    submit: "Submit",
    submit_question: "Refund the whole as the dry run says?",
    leave_out: "Leave lines with a fault out and refund the others",
    own: "Another person who may approve has to agree.",
    approve: "Approve",
    approve_hint: "You agree to this content:",
    approve_question: "Approve the whole batch?",
    reject: "Reject",
    reject_question: "Reject it? Nothing of the batch is refunded then.",
    pause: "Pause",
    resume: "Go on",
    cancel: "Withdraw what was not sent",
    cancel_question: "Withdraw all refunds that were not sent? What was sent goes on to its end.",
    all_lines: "All",
    no_lines: "There are no such lines.",
    further: "Further lines",
    moved_on: "The batch has moved on meanwhile: look where it stands now.",
    has_faults: "Lines have a fault: mend the file and bring it again, or tick the box to leave them out.",
    nothing: "No line of it can be refunded.",
    same_person: "Whoever submitted it cannot approve it: another person must.",
    changed: "This is not the content you looked at: look again, then approve.",
};

/// Where a batch stands, in a word.
pub(crate) const fn state(state: BatchState, language: Language) -> &'static str {
    let (chinese, english) = match state {
        BatchState::Draft => ("读取中", "Being taken in"),
        BatchState::Checked => ("已试算", "Checked"),
        BatchState::AwaitingApproval => ("待审批", "Awaiting approval"),
        BatchState::Running => ("退款中", "Running"),
        BatchState::Paused => ("已暂停", "Paused"),
        BatchState::Cancelled => ("已撤回", "Withdrawn"),
        BatchState::Rejected => ("未获同意", "Rejected"),
        BatchState::Finished => ("已完成", "Finished"),
    };
    language.of(chinese, english)
}

/// The class of its badge.
pub(crate) const fn class(state: BatchState) -> &'static str {
    match state {
        BatchState::Draft | BatchState::Checked | BatchState::Cancelled => "queued",
        BatchState::AwaitingApproval | BatchState::Paused => "warn",
        BatchState::Running => "processing",
        BatchState::Rejected => "bad",
        BatchState::Finished => "good",
    }
}

/// Where a line stands, in a word.
pub(crate) const fn outcome(outcome: Outcome, language: Language) -> &'static str {
    match outcome {
        Outcome::Pending => language.of("待退款", "To come"),
        Outcome::Refused => language.of("不退款", "Left out"),
        Outcome::Withdrawn => language.of("已撤回", "Withdrawn"),
        Outcome::Refund(of) => status::status(of, language),
    }
}

/// The class of its badge.
pub(crate) const fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pending | Outcome::Withdrawn => "queued",
        Outcome::Refused => "bad",
        Outcome::Refund(of) => of.as_str(),
    }
}

/// A fault of the dry run, and what to do.
pub(crate) const fn fault(fault: Fault, language: Language) -> &'static str {
    let chinese = match fault {
        Fault::OrderTwice => "同一订单出现两次：删去一行，或给每行各自的商户退款单号",
        Fault::NumberTwice => "商户退款单号重复：每行要各不相同",
        Fault::ContentDiffers => {
            "该退款单号已用于别的内容；如需再退一笔，请给这一行单独的商户退款单号"
        }
        Fault::Withdrawn => "这一行的退款已被撤回；如需重新退款，请给这一行单独的商户退款单号",
        Fault::RefundedBefore => {
            "该订单已按另一个订单号批量退款；如需再退一笔，请给这一行单独的商户退款单号"
        }
        Fault::OrderNumbersDisagree => "两个订单号不是同一笔支付：只保留一个",
        Fault::AmountExceedsRefundable => "超过订单剩余可退金额（在途退款已计入）",
        Fault::AmountAboveMaximum => "超过系统设置的最大金额",
        Fault::TooManyRefunds => "一笔订单最多退款 50 次",
        Fault::WindowClosed => "支付已超过一年，微信不再退款",
    };
    language.of(chinese, fault.advice())
}

/// A warning of the dry run.
pub(crate) const fn warning(warning: Warning, language: Language) -> &'static str {
    let (chinese, english) = match warning {
        Warning::PaymentUnknown => (
            "订单未登记，将先向微信查询",
            "not registered: WeChat is asked for the order first",
        ),
        Warning::AlreadyRequested => (
            "已有这笔退款，不会再退",
            "a refund already: nothing more happens",
        ),
        Warning::SameAmountBefore => (
            "30 天内退过相同金额，请确认不是重复",
            "the same amount was refunded within 30 days: make sure this is meant",
        ),
        Warning::Spaced => (
            "同一订单的退款至少间隔一分钟",
            "follows the other refund of the order a minute later",
        ),
    };
    language.of(chinese, english)
}

/// A fault of a file in Chinese; in English the reader of the file says it with the numbers.
pub(crate) const fn file_fault(kind: FileFaultKind, language: Language) -> Option<&'static str> {
    let chinese = match kind {
        FileFaultKind::Encoding => "文件编码不是 UTF-8 或 GBK：请另存为“CSV UTF-8”",
        FileFaultKind::Columns => {
            "首行列名不完整或不认识：需要 商户订单号 或 微信订单号，以及 金额(元) 或 金额(分)；多余的列请删去"
        }
        FileFaultKind::Json => "不是规定格式的 JSON：每行一个对象，amount_yuan 用文本",
        FileFaultKind::CellCount => "单元格数与首行不符：含分隔符的内容要加双引号",
        FileFaultKind::CellTooLong => "单元格内容过长",
        FileFaultKind::Rounded => "数字被 Excel 四舍五入，无法还原：请先把该列设为文本格式再导出",
        FileFaultKind::Missing => "缺少必填内容：订单号或金额",
        FileFaultKind::OrderNumber => "订单号格式不对",
        FileFaultKind::RefundNumber => "商户退款单号格式不对：最多 64 位字母、数字或 _-|*@",
        FileFaultKind::Amount => "金额不对：元写成 39.60，分写成 3960，不带符号、逗号和单位",
        FileFaultKind::Reason => "退款原因最多 80 字节，不能有表情符号",
        FileFaultKind::Merchant => "这一行属于别的商户：一个文件只能有一个商户",
        FileFaultKind::Empty => "文件中没有退款",
        FileFaultKind::TooManyLines => "行数太多：最多 20 万行，请拆分",
        FileFaultKind::Sum => "金额合计过大：请检查金额的单位",
    };
    match language {
        Language::Chinese => Some(chinese),
        Language::English => None,
    }
}

/// A text with a number in it.
pub(crate) fn filled(text: &str, count: &str) -> String {
    fill(text, &[("count", count)])
}

/// `2 分 5 秒`.
pub(crate) fn duration(seconds: u64, language: Language) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (minutes, language) {
        (0, Language::Chinese) => format!("{rest} 秒"),
        (0, Language::English) => format!("{rest} s"),
        (_, Language::Chinese) => format!("{minutes} 分 {rest} 秒"),
        (_, Language::English) => format!("{minutes} min {rest} s"),
    }
}
