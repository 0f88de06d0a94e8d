//! Bugs on purpose. Each stands at the line it would be made, behind [`is`], which is `false` unless
//! the feature `planted` is on and a test of this thread has planted it: the simulation has to find
//! every one. Never to be switched on in a product.

/// One bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A resend goes out under a new number (INV-2, INV-3).
    NewNumber,
    /// No answer is called a refusal (INV-5).
    SilenceIsRefusal,
    /// A code that nobody knows is called a refusal (INV-5).
    UnknownCodeRefuses,
    /// Too small a balance ends the refund (INV-27).
    ShortageEnds,
    /// "No such refund" counts before WeChat must show it (INV-5).
    NotFoundTooEarly,
    /// The sums of a payment are checked on what was read earlier (INV-1).
    CheckBeforeLock,
    /// The reserve is released twice (INV-6).
    ReserveReleasedTwice,
    /// An end gives way to later evidence (INV-12).
    EndOverwritten,
    /// A submitted refund can be cancelled (INV-5).
    CancelSubmitted,
    /// The bytes leave before the attempt is committed (INV-4).
    SentBeforeCommit,
    /// A lease that ran out does not keep from sending (INV-24).
    SendsWithoutLease,
    /// A stale lease may write (INV-24).
    FenceIgnored,
    /// Two refunds of an order are sent within a minute (INV-9).
    SpacingIgnored,
    /// A resend carries another reason (INV-9).
    OtherReason,
    /// A resend carries another total (INV-9).
    OtherTotal,
    /// The quota is not asked (INV-26).
    QuotaIgnored,
    /// An unknown refund is not asked about (INV-13).
    NoQuery,
    /// An idempotency key gives another number each time (INV-15).
    KeyForgotten,
    /// A statement about another amount is applied (INV-21).
    AmountUnchecked,
    /// A v2 notification changes a status (INV-18).
    HintTrusted,
    /// A notification of an abnormal refund is answered with failure (INV-20).
    AbnormalNotTaken,
    /// A notification is answered with success before it is stored (INV-20).
    AnsweredUnstored,
    /// The same news make an event each time (INV-19).
    EventRepeated,
    /// A message is given up after its first failure (INV-30).
    MessageGivenUp,
    /// Who asked for a refund may agree to it (INV-32).
    OwnApproval,
    /// What nobody agreed to is sent (INV-32).
    SentUnapproved,
    /// A limit is read before, and not held when it is counted (INV-33).
    LimitReadBefore,
    /// A line of a batch gets a number of its batch's own (INV-2, INV-15).
    LineNumberAnew,
    /// A line of a batch is passed over (INV-13).
    LinePassedOver,
    /// A line of a bill that is not ours is passed over (INV-38, INV-39).
    StrangerUnseen,
    /// What a query does not settle is called healed (INV-38).
    HealedUnproved,
}

impl Bug {
    /// All bugs.
    pub const ALL: [Self; 31] = [
        Self::NewNumber,
        Self::SilenceIsRefusal,
        Self::UnknownCodeRefuses,
        Self::ShortageEnds,
        Self::NotFoundTooEarly,
        Self::CheckBeforeLock,
        Self::ReserveReleasedTwice,
        Self::EndOverwritten,
        Self::CancelSubmitted,
        Self::SentBeforeCommit,
        Self::SendsWithoutLease,
        Self::FenceIgnored,
        Self::SpacingIgnored,
        Self::OtherReason,
        Self::OtherTotal,
        Self::QuotaIgnored,
        Self::NoQuery,
        Self::KeyForgotten,
        Self::AmountUnchecked,
        Self::HintTrusted,
        Self::AbnormalNotTaken,
        Self::AnsweredUnstored,
        Self::EventRepeated,
        Self::MessageGivenUp,
        Self::OwnApproval,
        Self::SentUnapproved,
        Self::LimitReadBefore,
        Self::LineNumberAnew,
        Self::LinePassedOver,
        Self::StrangerUnseen,
        Self::HealedUnproved,
    ];
}

#[cfg(feature = "planted")]
mod place {
    use super::Bug;

    std::thread_local! {
        static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
    }

    /// Plants a bug in this thread, or removes it.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.with(|planted| planted.set(bug));
    }

    /// Whether this thread has this bug.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        PLANTED.with(|planted| planted.get() == Some(bug))
    }
}

#[cfg(feature = "planted")]
pub use place::{is, plant};

/// Never: nothing is planted in a product.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_bug: Bug) -> bool {
    false
}
