//! Statuses and roles in words.

use tuikuan_domain::{PendingReason, Role, Status};

use crate::console::language::Language;

/// A status in a few words.
pub(crate) const fn status(status: Status, language: Language) -> &'static str {
    let (chinese, english) = match status {
        Status::AwaitingApproval => ("待审批", "Awaiting approval"),
        Status::Queued => ("排队中", "Queued"),
        Status::Submitting => ("提交中", "Submitting"),
        Status::Unknown => ("结果未知", "Not known yet"),
        Status::Processing => ("微信处理中", "With WeChat"),
        Status::Abnormal => ("退款异常", "Abnormal"),
        Status::Succeeded => ("已到账", "Arrived"),
        Status::SettledOffline => ("线下已处理", "Settled offline"),
        Status::Closed => ("已关闭", "Closed"),
        Status::Rejected => ("被拒绝", "Refused"),
        Status::Cancelled => ("已取消", "Cancelled"),
    };
    language.of(chinese, english)
}

/// What a queued refund waits for, in a few words.
pub(crate) const fn pending(reason: PendingReason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        PendingReason::RateLimit => ("等待频率配额", "waiting for the rate limit"),
        PendingReason::Spacing => (
            "同一订单需间隔一分钟",
            "a minute between refunds of one order",
        ),
        PendingReason::InsufficientBalance => (
            "余额不足，自动重试",
            "balance too low, tried again by itself",
        ),
        PendingReason::Scheduled => ("未到预定时间", "scheduled for later"),
        PendingReason::PaymentLookup => ("正在向微信查询订单", "asking WeChat for the order"),
        PendingReason::MerchantHold => ("商户配置需要修复", "the merchant's setup needs mending"),
    };
    language.of(chinese, english)
}

/// A role in a word.
pub(crate) const fn role(role: Role, language: Language) -> &'static str {
    let (chinese, english) = match role {
        Role::Viewer => ("查看", "Viewer"),
        Role::Operator => ("经办", "Operator"),
        Role::Approver => ("审批", "Approver"),
        Role::Admin => ("管理员", "Admin"),
    };
    language.of(chinese, english)
}

/// What a role may do.
pub(crate) const fn role_meaning(role: Role, language: Language) -> &'static str {
    let (chinese, english) = match role {
        Role::Viewer => ("只能查看", "looks, changes nothing"),
        Role::Operator => ("发起和处理退款", "asks for refunds and acts on them"),
        Role::Approver => ("另可审批他人的退款", "also approves refunds of others"),
        Role::Admin => (
            "另可管理用户、密钥和设置",
            "also manages people, keys and settings",
        ),
    };
    language.of(chinese, english)
}
