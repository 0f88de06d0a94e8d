//! Words for what happened to a refund: where a change came from, why a person is needed, how an
//! attempt ended, what was said.

use tuikuan_domain::Source;
use tuikuan_domain::refund::AttentionReason;
use tuikuan_store::DeliveryStatus;

use crate::console::language::Language;
use crate::console::text::advice::advice;

/// An error in a line: its code, and WeChat's text as it came. Texts of ours are English and are told in
/// the reader's language; our codes are in lower case, or the network's.
pub(crate) fn trouble(code: &str, message: &str, language: Language) -> String {
    let network = ["TIMEOUT_", "CONNECT_", "LEASE_", "RESPONSE_", "HTTP_"];
    let ours = code.bytes().any(|byte| byte.is_ascii_lowercase())
        || network.iter().any(|begin| code.starts_with(begin));
    match language {
        Language::Chinese if ours => format!("{code} {}", advice(code, language).means),
        Language::Chinese | Language::English => format!("{code} {message}"),
    }
}

/// Where a change came from, in a word or two.
pub(crate) const fn source(source: Source, language: Language) -> &'static str {
    let (chinese, english) = match source {
        Source::Api => ("接口", "API"),
        Source::Console => ("控制台", "Console"),
        Source::Cli => ("命令行", "Command line"),
        Source::Batch => ("批量文件", "Batch file"),
        Source::Reply => ("微信应答", "WeChat's reply"),
        Source::Query => ("查询退款", "Query"),
        Source::Notification => ("微信通知", "Notification"),
        Source::Bill => ("微信账单", "WeChat's bill"),
        Source::Engine => ("系统", "Tuikuan"),
    };
    language.of(chinese, english)
}

/// Why a person is needed, in a few words.
pub(crate) const fn attention(reason: AttentionReason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        AttentionReason::Approval => ("等待审批", "waits for approval"),
        AttentionReason::Abnormal => ("退款异常", "could not be delivered"),
        AttentionReason::Conflict => ("与微信记录不一致", "contradicts WeChat's record"),
        AttentionReason::InsufficientBalance => ("商户余额不足", "balance too low"),
        AttentionReason::Configuration => ("商户配置需要修复", "setup needs mending"),
        AttentionReason::Refused => ("微信已拒绝", "refused by WeChat"),
        AttentionReason::UnknownForLong => ("长时间结果未知", "not known for long"),
        AttentionReason::ManyAttempts => ("多次提交仍无结果", "many attempts without a trace"),
        AttentionReason::QueriesExhausted => ("自动查询已用尽", "no more automatic queries"),
    };
    language.of(chinese, english)
}

/// What a person does about it.
pub(crate) const fn attention_advice(reason: AttentionReason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        AttentionReason::Approval => (
            "请另一位有审批权限的同事在“审批”页核对后同意或拒绝。",
            "Somebody else with the right to approve looks at it on the page Approvals.",
        ),
        AttentionReason::Abnormal => (
            "请联系买家：可改退到买家的另一张银行卡，或退回商户结算账户后线下付给买家，完成后在这里登记。",
            "Talk to the buyer: send the money to another bank card of theirs, or back to the merchant's account and pay the buyer another way; then say so here.",
        ),
        AttentionReason::Conflict => (
            "请在微信商户平台核对这笔退款的实际结果。核实前请勿重发，也不要另建退款；核实后在这里登记处理说明。",
            "Look this refund up in WeChat's merchant platform. Until that is clear, send nothing again and make no other refund; then note here what you found.",
        ),
        AttentionReason::InsufficientBalance => (
            "请为商户充值。系统会自动重试，充值后可点“立即重试”。",
            "Top up the merchant's balance. It is tried again by itself; after a top-up you can send it at once.",
        ),
        AttentionReason::Configuration => (
            "请检查该商户的密钥、证书、权限和网络（命令 tuikuan doctor 会逐项说明），修复后会自动继续。",
            "Check the merchant's keys, certificate, permissions and network (the command tuikuan doctor explains each); it goes on by itself afterwards.",
        ),
        AttentionReason::Refused => (
            "微信拒绝了这笔退款，没有资金变动。请按下面的建议处理，然后重试（沿用同一单号）或登记处理说明。",
            "WeChat refused it and no money moved. Follow the advice below, then retry under the same number, or note how it was dealt with.",
        ),
        AttentionReason::UnknownForLong => (
            "微信长时间没有给出可靠答复。系统仍在查询；请在商户平台核对，切勿另建退款。",
            "WeChat has given no reliable answer for long. Asking goes on; look it up in the merchant platform and make no other refund.",
        ),
        AttentionReason::ManyAttempts => (
            "同一请求多次提交，微信仍查不到。请检查网络出口和商户配置，切勿另建退款。",
            "The same request was sent many times and WeChat does not know it. Check network and setup; make no other refund.",
        ),
        AttentionReason::QueriesExhausted => (
            "微信处理时间已超过正常范围，自动查询已结束。请点“立即查询”，或在商户平台核对。",
            "WeChat takes longer than it ever should, and automatic queries have ended. Query now, or look it up in the merchant platform.",
        ),
    };
    language.of(chinese, english)
}

/// How an attempt ended.
pub(crate) fn attempt_end(end: Option<&str>, language: Language) -> &'static str {
    let (chinese, english) = match end {
        Some("accepted") => ("微信已受理", "taken by WeChat"),
        Some("refused") => ("微信未受理", "not taken by WeChat"),
        Some("not_sent") => ("未能连上微信，没有发出", "no connection, nothing was sent"),
        Some("unknown") => (
            "没有可靠答复，结果未知，先查询再重试",
            "no reliable answer: asked first, then sent again",
        ),
        Some("lost") => (
            "服务中断，结果未知，先查询再重试",
            "the service was interrupted: asked first, then sent again",
        ),
        Some(_) | None => ("进行中", "on its way"),
    };
    language.of(chinese, english)
}

/// What a conversation with WeChat was about.
pub(crate) fn exchange(kind: &str, language: Language) -> &'static str {
    let (chinese, english) = match kind {
        "submit" => ("提交微信", "Submit"),
        "query" => ("查询退款", "Query"),
        "look_up_payment" => ("查询订单", "Order query"),
        "abnormal" => ("异常退款", "Abnormal refund"),
        _ => ("微信", "WeChat"),
    };
    language.of(chinese, english)
}

/// Where a message to the merchant's systems stands.
pub(crate) const fn delivery(status: DeliveryStatus, language: Language) -> &'static str {
    let (chinese, english) = match status {
        DeliveryStatus::Pending => ("待送达", "on its way"),
        DeliveryStatus::Delivered => ("已送达", "delivered"),
        DeliveryStatus::Dead => ("已放弃，可重发", "given up, can be sent again"),
    };
    language.of(chinese, english)
}

/// A remark that stands in the history, by its name there.
pub(crate) fn remark(name: &str, language: Language) -> Option<&'static str> {
    let (chinese, english) = match name {
        "note.resolution" => ("处理说明", "How it was dealt with"),
        "note.remark" => ("备注", "Note"),
        "note.comment" => ("审批意见", "Comment"),
        "note.rescue" => (
            "上次提交时服务中断",
            "The service was interrupted while it was sent",
        ),
        "note.adopted" => (
            "在别处发起，从微信得知",
            "Made elsewhere, known from WeChat",
        ),
        "note.reported_amount" => ("微信报告的金额（分）", "Amount WeChat reported (fen)"),
        "note.reported_number" => ("微信报告的单号", "Number WeChat reported"),
        "note.reported_state" => ("微信报告的状态", "State WeChat reported"),
        "note.voided" => ("审批作废", "Approval void"),
        "note.elsewhere" => ("异常退款去向", "Abnormal refund sent to"),
        "note.elsewhere_outcome" => ("异常退款结果", "Abnormal refund came to"),
        _ => return None,
    };
    Some(language.of(chinese, english))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ours_are_told_in_the_readers_language_and_wechats_as_they_came() {
        let ours = ("order_not_found", "WeChat does not know this order");
        let told = trouble(ours.0, ours.1, Language::Chinese);
        assert!(told.starts_with("order_not_found 微信"), "{told}");
        let told = trouble(ours.0, ours.1, Language::English);
        assert_eq!(told, "order_not_found WeChat does not know this order");
        let told = trouble("PARAM_ERROR", "参数错误", Language::Chinese);
        assert_eq!(told, "PARAM_ERROR 参数错误");
    }
}
