//! What an act says of itself on the page after it. The word travels in a cookie, the text does not:
//! nobody can put a text of their own onto a page.

use crate::console::language::Language;

mod refund;

pub(crate) use refund::Told;

/// A short message after a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Something was saved.
    Saved,
    /// The password is new.
    PasswordChanged,
    /// Sessions have ended.
    SessionsEnded,
    /// The second factor is set up.
    SecondFactorSet,
    /// Signed out.
    SignedOut,
    /// A user was disabled.
    UserDisabled,
    /// A user may sign in again.
    UserEnabled,
    /// A key is no longer good.
    KeyRevoked,
    /// Somebody else was quicker.
    ChangedMeanwhile,
    /// About a refund.
    Refund(Told),
    /// An administrator removed somebody's second factor.
    SecondFactorRemoved,
    /// Refused: nobody would be left to manage people.
    LastAdmin,
    /// It is put off.
    Snoozed,
    /// It is dealt with.
    Settled,
    /// It cannot be marked so in its present status.
    CannotSettle,
    /// A note is wanted.
    NoteMissing,
    /// A notification was taken in once more.
    Replayed,
    /// Its text is gone.
    ReplayGone,
    /// It cannot be verified or opened.
    ReplayRefused,
    /// A message is sent again.
    Redelivered,
    /// An endpoint is gone.
    EndpointDeleted,
    /// A day's bills are fetched and compared now.
    BillWanted,
    /// WeChat has no bill of that day.
    NoBill,
}

impl Notice {
    /// All of them but those about a refund.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Saved,
        Self::PasswordChanged,
        Self::SessionsEnded,
        Self::SecondFactorSet,
        Self::SignedOut,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::KeyRevoked,
        Self::ChangedMeanwhile,
        Self::SecondFactorRemoved,
        Self::LastAdmin,
        Self::Snoozed,
        Self::Settled,
        Self::CannotSettle,
        Self::NoteMissing,
        Self::Replayed,
        Self::ReplayGone,
        Self::ReplayRefused,
        Self::Redelivered,
        Self::EndpointDeleted,
        Self::BillWanted,
        Self::NoBill,
    ];

    /// The word in the cookie.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::PasswordChanged => "password_changed",
            Self::SessionsEnded => "sessions_ended",
            Self::SecondFactorSet => "second_factor_set",
            Self::SignedOut => "signed_out",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::KeyRevoked => "key_revoked",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::Refund(told) => told.as_str(),
            Self::SecondFactorRemoved => "second_factor_removed",
            Self::LastAdmin => "last_admin",
            Self::Snoozed => "snoozed",
            Self::Settled => "settled",
            Self::CannotSettle => "cannot_settle",
            Self::NoteMissing => "note_missing",
            Self::Replayed => "replayed",
            Self::ReplayGone => "replay_gone",
            Self::ReplayRefused => "replay_refused",
            Self::Redelivered => "redelivered",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::BillWanted => "bill_wanted",
            Self::NoBill => "no_bill",
        }
    }

    /// Reads what [`Notice::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .chain(Told::all().map(Self::Refund))
            .find(|notice| notice.as_str() == text)
    }

    /// The class of its box: `good`, `warn` or `bad`.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::ChangedMeanwhile
            | Self::LastAdmin
            | Self::NoBill
            | Self::CannotSettle
            | Self::NoteMissing
            | Self::ReplayGone
            | Self::ReplayRefused => "warn",
            Self::Refund(told) => told.class(),
            _ => "good",
        }
    }

    /// The text.
    pub(crate) fn text(self, language: Language) -> &'static str {
        let (chinese, english) = match self {
            Self::Refund(told) => return told.text(language),
            Self::Saved => ("已保存。", "Saved."),
            Self::PasswordChanged => (
                "密码已修改，其他设备已退出登录。",
                "The password is changed; all other sessions have ended.",
            ),
            Self::SessionsEnded => ("已退出登录。", "The session has ended."),
            Self::SecondFactorSet => ("动态验证码已启用。", "The second factor is set up."),
            Self::SignedOut => ("你已退出登录。", "You are signed out."),
            Self::UserDisabled => (
                "用户已停用，其登录和密钥立即失效。",
                "The user is disabled; sessions and keys end at once.",
            ),
            Self::UserEnabled => ("用户已恢复。", "The user may sign in again."),
            Self::KeyRevoked => ("密钥已吊销。", "The key is revoked."),
            Self::SecondFactorRemoved => (
                "动态验证码已移除，该用户下次登录时重新设置。",
                "The second factor is removed; the user sets up a new one at the next sign-in.",
            ),
            Self::LastAdmin => (
                "未保存：这是最后一个可用的管理员。请先添加另一个管理员。",
                "Not saved: this is the last active administrator. Add another one first.",
            ),
            Self::ChangedMeanwhile => (
                "未保存：内容已被他人修改，请核对后重试。",
                "Not saved: somebody else changed this meanwhile. Look again, then repeat.",
            ),
            Self::Snoozed => (
                "已暂缓，到时会自动回来。",
                "Put off; it comes back by itself.",
            ),
            Self::Settled => ("已标记为处理完毕。", "Noted as dealt with."),
            Self::CannotSettle => (
                "未执行：这笔退款现在的状态不能这样标记，请打开退款单处理。",
                "Not done: in its present status the refund cannot be marked so. Open the refund.",
            ),
            Self::NoteMissing => (
                "未执行：请写明做了什么，不超过 500 字。",
                "Not done: say what was done, in at most 500 characters.",
            ),
            Self::Replayed => ("已重放。", "It was taken in once more."),
            Self::ReplayGone => (
                "未执行：原文已按保留期限删除。",
                "Not done: its text was removed with age.",
            ),
            Self::ReplayRefused => (
                "未执行：用现在的密钥仍无法验证或解密。",
                "Not done: with the keys of today it cannot be verified or opened either.",
            ),
            Self::Redelivered => ("已安排重发。", "It will be sent again."),
            Self::EndpointDeleted => ("推送地址已删除。", "The endpoint is deleted."),
            Self::BillWanted => (
                "正在取账单并对账，稍后刷新本页。",
                "The bills are being fetched and compared; reload this page in a moment.",
            ),
            Self::NoBill => (
                "未执行：微信没有这一天的账单。当日账单次日 10 点后才有，保留三个月。",
                "Not done: WeChat has no bill of that day. It comes after 10:00 on the next day and is kept for three months.",
            ),
        };
        language.of(chinese, english)
    }
}
