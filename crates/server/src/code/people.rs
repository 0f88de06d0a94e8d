//! What the rules about people refuse (INV-32, INV-33).

use super::{Code, code};

impl Code {
    /// One's own refund.
    pub const SAME_PERSON: Self = code(
        "same_person",
        403,
        "Another person must approve",
        "Who asked for a refund cannot approve it, nor send what needed an approval to another account; a key acts as its owner.",
    );
    /// A key that belongs to nobody.
    pub const APPROVAL_NEEDS_PERSON: Self = code(
        "approval_needs_person",
        403,
        "Only a person can approve or reject",
        "Use the console, or a key that belongs to a person.",
    );
    /// Not what was looked at.
    pub const CONTENT_CHANGED: Self = code(
        "content_changed",
        409,
        "The refund is not what was looked at",
        "Read the refund again, compare, then approve with its present `content_hash`.",
    );
    /// Too late to approve.
    pub const APPROVAL_EXPIRED: Self = code(
        "approval_expired",
        409,
        "Nobody approved in time",
        "The refund is withdrawn. Ask for it anew if it is still wanted.",
    );
    /// The limit of a day.
    pub const LIMIT_REACHED: Self = code(
        "limit_reached",
        409,
        "A limit of the day is reached",
        "`limit_of` says whose. Nothing was written. The day begins anew at midnight in Shanghai; an admin sets the limits.",
    );
    /// Rules that cannot be.
    pub const RULES_REFUSED: Self = code(
        "rules_refused",
        422,
        "The rules cannot be set",
        "The detail says why. Nothing was changed.",
    );
}
