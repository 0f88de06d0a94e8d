//! What an act on a refund says of itself on the page after it.

use crate::console::language::Language;

/// A short message about a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// WeChat is asked.
    Queried,
    /// It is sent again.
    Retried,
    /// Withdrawn.
    Cancelled,
    /// Dealt with.
    Resolved,
    /// A note.
    Noted,
    /// Sent again.
    Redelivered,
    /// A new refund.
    RefundAsked,
    /// The same form again.
    RefundKnown,
    /// Agreed.
    Approved,
    /// Not agreed.
    Refused,
    /// The door refused.
    NotPossible,
    /// Too late to withdraw.
    AlreadySubmitted,
    /// Could pay twice.
    Contradicted,
    /// Not enough left.
    NothingLeft,
    /// Past WeChat's limits.
    NotRefundable,
    /// Somebody else must.
    SamePerson,
    /// Too late to agree.
    ApprovalExpired,
    /// A limit of the day.
    LimitReached,
    /// Sent elsewhere.
    ElsewhereAccepted,
    /// Not sent elsewhere.
    ElsewhereRefused,
    /// Nobody knows yet.
    ElsewhereUnknown,
    /// One at a time.
    ElsewhereUnderWay,
}

/// What is known of a message: the word in the cookie, the class of its box, the texts.
type Row = (Told, &'static str, &'static str, [&'static str; 2]);

/// All of them.
const ALL: &[Row] = &[
    (
        Told::Queried,
        "queried",
        "good",
        [
            "正在向微信查询，结果会自动显示。",
            "WeChat is being asked; the answer appears by itself.",
        ],
    ),
    (
        Told::Retried,
        "retried",
        "good",
        [
            "将用同一单号重新提交。",
            "It is sent again under the same number.",
        ],
    ),
    (
        Told::Cancelled,
        "cancelled",
        "good",
        [
            "退款已取消，没有提交微信。",
            "The refund is cancelled and was not submitted.",
        ],
    ),
    (
        Told::Resolved,
        "resolved",
        "good",
        ["处理结果已登记。", "What you found is noted."],
    ),
    (
        Told::Noted,
        "noted",
        "good",
        ["备注已写入经过。", "The note is in the history."],
    ),
    (
        Told::Redelivered,
        "redelivered",
        "good",
        ["将重新推送。", "The message is sent again."],
    ),
    (
        Told::RefundAsked,
        "refund_asked",
        "good",
        ["退款已受理。", "The refund is accepted."],
    ),
    (
        Told::RefundKnown,
        "refund_known",
        "warn",
        [
            "这张表单已经提交过，这就是那笔退款，没有重复退款。",
            "This form was sent before: this is its refund, and nothing was refunded twice.",
        ],
    ),
    (
        Told::Approved,
        "approved",
        "good",
        [
            "已同意，将自动提交微信。",
            "Approved; it is submitted by itself.",
        ],
    ),
    (
        Told::Refused,
        "refused",
        "good",
        [
            "已拒绝，这笔退款不会提交微信。",
            "Rejected; it is not submitted.",
        ],
    ),
    (
        Told::NotPossible,
        "not_possible",
        "warn",
        [
            "现在不能这样做：退款的状态可能刚刚改变，请核对后再试。",
            "That is not possible now: the refund may have changed. Look again.",
        ],
    ),
    (
        Told::AlreadySubmitted,
        "already_submitted",
        "warn",
        [
            "退款已提交微信，不能取消。",
            "It was already submitted and cannot be cancelled.",
        ],
    ),
    (
        Told::Contradicted,
        "contradicted",
        "bad",
        [
            "微信可能已有这笔退款，重发会重复退款。请先核对并登记处理结果。",
            "WeChat may have this refund: sending it again could pay twice. Settle the conflict first.",
        ],
    ),
    (
        Told::NothingLeft,
        "nothing_left",
        "warn",
        [
            "订单的可退余额已变化或不足，没有改变任何内容。",
            "What is left of the order changed or is not enough; nothing was done.",
        ],
    ),
    (
        Told::NotRefundable,
        "not_refundable",
        "warn",
        [
            "订单已超过一年或已退满 50 次，微信不再支持退款。",
            "The order is older than a year or has its 50 refunds; WeChat takes no more.",
        ],
    ),
    (
        Told::SamePerson,
        "same_person",
        "warn",
        [
            "自己发起的退款需由另一位同事审批或改退。",
            "Who asked for a refund cannot approve it, nor send what was approved elsewhere.",
        ],
    ),
    (
        Told::ApprovalExpired,
        "approval_expired",
        "warn",
        [
            "审批已过期，请重新发起退款。",
            "The approval has expired; ask for the refund anew.",
        ],
    ),
    (
        Told::LimitReached,
        "limit_reached",
        "warn",
        [
            "已达到今日限额，没有改变任何内容。",
            "A limit of the day is reached; nothing was done.",
        ],
    ),
    (
        Told::ElsewhereAccepted,
        "elsewhere_accepted",
        "good",
        [
            "微信已受理改退，结果会自动显示。",
            "WeChat has taken it; what becomes of it appears by itself.",
        ],
    ),
    (
        Told::ElsewhereRefused,
        "elsewhere_refused",
        "bad",
        [
            "微信没有受理改退，原因见“最近的错误”，修正后可再试。",
            "WeChat did not take it. The last error says why; mend it and try again.",
        ],
    ),
    (
        Told::ElsewhereUnknown,
        "elsewhere_unknown",
        "warn",
        [
            "没有得到可靠答复，正在向微信查询。请等待结果，不要重复提交。",
            "There was no reliable answer and WeChat is being asked. Wait for it; send nothing again.",
        ],
    ),
    (
        Told::ElsewhereUnderWay,
        "elsewhere_under_way",
        "warn",
        [
            "刚刚已提交过一次，正在等待微信的结果，请稍后再试。",
            "It was sent a moment ago; wait for what WeChat says.",
        ],
    ),
];

impl Told {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        let found = ALL.iter().find(|row| row.0 == self);
        found.unwrap_or(&ALL[0])
    }

    /// The word in the cookie.
    pub(super) fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The class of its box.
    pub(super) fn class(self) -> &'static str {
        self.row().2
    }

    /// The text.
    pub(super) fn text(self, language: Language) -> &'static str {
        let [chinese, english] = self.row().3;
        language.of(chinese, english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_a_row_of_its_own() {
        for (place, row) in ALL.iter().enumerate() {
            assert_eq!(row.0.row().1, row.1);
            assert!(ALL.iter().skip(place + 1).all(|other| other.1 != row.1));
        }
        assert_eq!(ALL.len(), Told::ElsewhereUnderWay as usize + 1);
    }
}
