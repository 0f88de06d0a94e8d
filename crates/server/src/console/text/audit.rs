//! Words of the page "Audit log", and every action in a few words.

use tuikuan_store::AuditFault;

use super::fill;
use crate::console::language::Language;

/// The words.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) anybody: &'static str,
    pub(crate) cli: &'static str,
    pub(crate) engine: &'static str,
    pub(crate) action: &'static str,
    pub(crate) anything: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) show: &'static str,
    pub(crate) verify: &'static str,
    pub(crate) export: &'static str,
    pub(crate) number: &'static str,
    pub(crate) at: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) open: &'static str,
    pub(crate) sound: &'static str,
}

const ZH: Words = Words {
    title: "审计日志",
    intro: "每一次操作都与其结果同时写入，不能修改或删除；记录之间用哈希相连。",
    actor: "操作人",
    anybody: "所有人",
    cli: "命令行",
    engine: "系统",
    action: "操作",
    anything: "所有操作",
    subject: "对象",
    from: "从",
    to: "到",
    show: "筛选",
    verify: "校验整条链",
    export: "导出当前筛选",
    number: "序号",
    at: "时间",
    detail: "详情",
    open: "查看",
    sound: "校验通过：{n} 条记录完整无缺。末条哈希 {hash}；保存在别处，以后可以用 tuikuan audit verify 对照。",
};

const EN: Words = Words {
    title: "Audit log",
    intro: "Every act is written together with what it does, and is never altered or removed; the entries form a chain of hashes.",
    actor: "Who",
    anybody: "anybody",
    cli: "command line",
    engine: "Tuikuan",
    action: "What",
    anything: "anything",
    subject: "About",
    from: "From",
    to: "To",
    show: "Filter",
    verify: "Verify the whole chain",
    export: "Export this filter",
    number: "No.",
    at: "When",
    detail: "Detail",
    open: "show",
    sound: "The chain is sound: {n} entries, none missing. The last hash is {hash}; keep it elsewhere to compare later with tuikuan audit verify.",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}

/// What is wrong with the chain, and where.
pub(crate) fn fault(fault: &AuditFault, language: Language) -> String {
    let (text, number) = match fault {
        AuditFault::Gap { expected } => (
            language.of(
                "校验失败：缺少第 {n} 条记录。",
                "The chain is broken: entry {n} is missing.",
            ),
            *expected,
        ),
        AuditFault::Altered { number } => (
            language.of(
                "校验失败：第 {n} 条记录或它之前的记录被改动。",
                "The chain is broken: entry {n}, or one before it, was altered.",
            ),
            *number,
        ),
        AuditFault::Counter { last, .. } => (
            language.of(
                "校验失败：日志到第 {n} 条为止，与计数不符。",
                "The chain is broken: the log ends at entry {n}, its counter was altered.",
            ),
            *last,
        ),
        AuditFault::HeadDiffers { number } => (
            language.of(
                "校验失败：第 {n} 条与导出时的记录不同。",
                "The chain is broken: entry {n} is not the one that was exported.",
            ),
            *number,
        ),
        AuditFault::Cut { last, .. } => (
            language.of(
                "校验失败：第 {n} 条之后的记录被截去。",
                "The chain is broken: what came after entry {n} was cut off.",
            ),
            *last,
        ),
    };
    fill(text, &[("n", &number.to_string())])
}

/// Every action: its name, in Chinese, in English.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("refund.requested", "发起退款", "refund requested"),
    ("refund.approved", "同意退款", "refund approved"),
    ("refund.rejected", "不同意退款", "refund not approved"),
    ("refund.cancelled", "取消退款", "refund cancelled"),
    ("refund.retried", "重试退款", "refund retried"),
    ("refund.resolved", "人工了结", "refund resolved"),
    ("refund.queried", "立即查询", "refund queried"),
    ("refund.noted", "添加备注", "remark added"),
    (
        "refund.sent_elsewhere",
        "异常退款改退其他账户",
        "abnormal refund sent to another account",
    ),
    ("refunds.exported", "导出退款", "refunds exported"),
    ("attention.assigned", "指派待处理事项", "attention assigned"),
    ("attention.snoozed", "推迟待处理事项", "attention put off"),
    (
        "attention.woken",
        "恢复待处理事项",
        "attention brought back",
    ),
    ("attention.settled", "了结待处理事项", "attention settled"),
    (
        "deliveries.redelivered",
        "重新推送事件",
        "webhooks sent again",
    ),
    (
        "notification.replayed",
        "重新处理通知",
        "notification replayed",
    ),
    (
        "notification.settled",
        "通知处理结果",
        "outcome of a replayed notification",
    ),
    ("endpoint.tested", "测试推送地址", "endpoint tested"),
    ("batch.uploaded", "上传批次", "batch uploaded"),
    ("batch.submitted", "提交批次", "batch submitted"),
    ("batch.approved", "同意批次", "batch approved"),
    ("batch.rejected", "不同意批次", "batch not approved"),
    ("batch.expired", "批次审批过期", "batch approval expired"),
    ("batch.paused", "暂停批次", "batch paused"),
    ("batch.resumed", "继续批次", "batch resumed"),
    ("batch.cancelled", "取消批次", "batch cancelled"),
    ("batch.exported", "导出批次结果", "batch result exported"),
    ("reconciliation.run", "重新对账", "day reconciled again"),
    ("difference.resolved", "了结对账差异", "difference settled"),
    (
        "differences.exported",
        "导出对账差异",
        "differences exported",
    ),
    ("payment.registered", "登记支付", "payment registered"),
    ("key.used", "当日首次使用密钥", "key used first that day"),
    ("rules.changed", "修改规则", "rules changed"),
    ("rules.removed", "恢复通用规则", "rules removed"),
    ("key.created", "创建密钥", "key created"),
    ("key.revoked", "吊销密钥", "key revoked"),
    ("endpoint.created", "添加推送地址", "endpoint added"),
    ("endpoint.updated", "修改推送地址", "endpoint changed"),
    ("endpoint.deleted", "删除推送地址", "endpoint removed"),
    (
        "endpoint.disabled",
        "推送地址自动停用",
        "endpoint switched off",
    ),
    (
        "endpoint.secret_rotated",
        "更换推送密钥",
        "endpoint secret rotated",
    ),
    (
        "config.loaded",
        "载入配置并启动",
        "started with a configuration",
    ),
    ("audit.exported", "导出审计日志", "audit log exported"),
    (
        "user.set_up",
        "创建首个管理员",
        "first administrator set up",
    ),
    ("user.created", "添加用户", "user added"),
    (
        "user.role_changed",
        "修改用户权限",
        "rights of a user changed",
    ),
    ("user.disabled", "停用用户", "user disabled"),
    ("user.enabled", "恢复用户", "user enabled"),
    ("user.language_changed", "修改界面语言", "language changed"),
    ("user.password_changed", "修改密码", "password changed"),
    (
        "user.password_accepted",
        "密码通过，待验证码",
        "password accepted, second factor asked",
    ),
    (
        "user.second_factor_set",
        "启用动态验证码",
        "second factor set up",
    ),
    (
        "user.second_factor_used",
        "通过动态验证码",
        "second factor shown",
    ),
    (
        "user.second_factor_removed",
        "移除动态验证码",
        "second factor removed",
    ),
    ("user.signed_in", "登录", "signed in"),
    ("user.sign_in_failed", "登录失败", "sign-in failed"),
    ("session.ended", "退出登录", "session ended"),
    ("sessions.ended", "退出全部登录", "all sessions ended"),
    ("invitation.made", "生成链接", "link made"),
    ("invitation.accepted", "使用链接", "link used"),
];

/// An action in a few words; `None` for one of another version.
pub(crate) fn action(name: &str, language: Language) -> Option<&'static str> {
    let found = ACTIONS.iter().find(|known| known.0 == name)?;
    Some(language.of(found.1, found.2))
}

#[cfg(test)]
mod tests {
    use tuikuan_store::Action;

    use super::*;

    #[test]
    fn every_action_has_words() {
        let missing: Vec<_> = Action::ALL
            .iter()
            .filter(|known| action(known.name, Language::Chinese).is_none())
            .map(|known| known.name)
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
