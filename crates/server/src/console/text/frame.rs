//! Words of the frame around every page.

use crate::console::language::Language;

/// The words.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) product: &'static str,
    pub(crate) tagline: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) menu: &'static str,
    pub(crate) overview: &'static str,
    pub(crate) refunds: &'static str,
    pub(crate) approvals: &'static str,
    pub(crate) batches: &'static str,
    pub(crate) attention: &'static str,
    pub(crate) reconciliation: &'static str,
    pub(crate) notifications: &'static str,
    pub(crate) webhooks: &'static str,
    pub(crate) audit: &'static str,
    pub(crate) users: &'static str,
    pub(crate) merchants: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) beijing_time: &'static str,
    pub(crate) theme: &'static str,
    pub(crate) theme_system: &'static str,
    pub(crate) theme_light: &'static str,
    pub(crate) theme_dark: &'static str,
    pub(crate) copied: &'static str,
    pub(crate) copy: &'static str,
    pub(crate) not_live: &'static str,
    pub(crate) newer: &'static str,
    pub(crate) older: &'static str,
    pub(crate) none: &'static str,
    pub(crate) language: &'static str,
}

/// 简体中文.
const ZH: Words = Words {
    product: "Tuikuan 退款台",
    tagline: "微信支付退款",
    skip: "跳到正文",
    menu: "菜单",
    overview: "总览",
    refunds: "退款",
    approvals: "审批",
    batches: "批量退款",
    attention: "待处理",
    reconciliation: "对账",
    notifications: "微信通知",
    webhooks: "事件推送",
    audit: "审计日志",
    users: "用户与密钥",
    merchants: "商户",
    settings: "设置",
    sign_out: "退出登录",
    beijing_time: "北京时间",
    theme: "外观",
    theme_system: "跟随系统",
    theme_light: "浅色",
    theme_dark: "深色",
    copied: "已复制",
    copy: "复制",
    not_live: "连接中断，刷新页面可看到最新内容",
    newer: "较新",
    older: "较早",
    none: "暂无内容",
    language: "语言",
};

/// English.
const EN: Words = Words {
    product: "Tuikuan",
    tagline: "Refunds for WeChat Pay",
    skip: "Skip to the content",
    menu: "Menu",
    overview: "Overview",
    refunds: "Refunds",
    approvals: "Approvals",
    batches: "Batches",
    attention: "Attention",
    reconciliation: "Reconciliation",
    notifications: "Notifications",
    webhooks: "Webhooks",
    audit: "Audit log",
    users: "Users and keys",
    merchants: "Merchants",
    settings: "Settings",
    sign_out: "Sign out",
    beijing_time: "Beijing time",
    theme: "Appearance",
    theme_system: "System",
    theme_light: "Light",
    theme_dark: "Dark",
    copied: "Copied",
    copy: "Copy",
    not_live: "Connection lost; reload the page for the latest",
    newer: "Newer",
    older: "Older",
    none: "Nothing here",
    language: "Language",
};

impl Words {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        language.of(&ZH, &EN)
    }
}
