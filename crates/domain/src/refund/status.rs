//! The statuses of a refund and what each means for the payment's money. The text of a status
//! exists here only.

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Accepted by us; a second person must agree.
    AwaitingApproval,
    /// Will be submitted when it is due.
    Queued,
    /// An attempt is on its way: the intention is committed, the answer not yet in.
    Submitting,
    /// An attempt ended without an answer that proves anything.
    Unknown,
    /// WeChat has taken it.
    Processing,
    /// WeChat could not deliver the money; a person must act.
    Abnormal,
    /// The money has arrived. Absorbing.
    Succeeded,
    /// An abnormal refund that a person settled another way.
    SettledOffline,
    /// WeChat closed it; the merchant has the money.
    Closed,
    /// WeChat refused it for good, nothing moved. Left by `retry` only.
    Rejected,
    /// Withdrawn before it was submitted.
    Cancelled,
}

/// What a status holds of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Money {
    /// The amount is reserved.
    Reserved,
    /// The amount is spent.
    Spent,
    /// The amount is free again.
    Released,
}

impl Status {
    /// All statuses, in the order of a life.
    pub const ALL: [Self; 11] = [
        Self::AwaitingApproval,
        Self::Queued,
        Self::Submitting,
        Self::Unknown,
        Self::Processing,
        Self::Abnormal,
        Self::Succeeded,
        Self::SettledOffline,
        Self::Closed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The status as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Unknown => "unknown",
            Self::Processing => "processing",
            Self::Abnormal => "abnormal",
            Self::Succeeded => "succeeded",
            Self::SettledOffline => "settled_offline",
            Self::Closed => "closed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// The type of the event that says a refund entered this status.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "refund.awaiting_approval",
            Self::Queued => "refund.queued",
            Self::Submitting => "refund.submitting",
            Self::Unknown => "refund.unknown",
            Self::Processing => "refund.processing",
            Self::Abnormal => "refund.abnormal",
            Self::Succeeded => "refund.succeeded",
            Self::SettledOffline => "refund.settled_offline",
            Self::Closed => "refund.closed",
            Self::Rejected => "refund.rejected",
            Self::Cancelled => "refund.cancelled",
        }
    }

    /// Reads what [`Status::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// What it holds of the payment.
    #[must_use]
    pub const fn money(self) -> Money {
        match self {
            Self::AwaitingApproval
            | Self::Queued
            | Self::Submitting
            | Self::Unknown
            | Self::Processing
            | Self::Abnormal => Money::Reserved,
            Self::Succeeded | Self::SettledOffline => Money::Spent,
            Self::Closed | Self::Rejected | Self::Cancelled => Money::Released,
        }
    }

    /// Whether the refund has ended (`rejected` may still be retried by a person).
    #[must_use]
    pub const fn is_end(self) -> bool {
        !matches!(self.money(), Money::Reserved)
    }

    /// Whether WeChat may be asked about the refund now.
    #[must_use]
    pub const fn can_query(self) -> bool {
        matches!(self, Self::Unknown | Self::Processing | Self::Abnormal)
    }

    /// Whether it counts against the number of refunds of its payment.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Rejected | Self::Cancelled)
    }
}

/// What a queued refund waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingReason {
    /// WeChat's or our own rate limit.
    RateLimit,
    /// The minute between two refunds of one order, or the order is not ready at WeChat.
    Spacing,
    /// The merchant's balance.
    InsufficientBalance,
    /// The caller's `not_before`.
    Scheduled,
    /// WeChat is asked for the order.
    PaymentLookup,
    /// The merchant's keys, certificate or permissions need mending.
    MerchantHold,
}

impl PendingReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::RateLimit,
        Self::Spacing,
        Self::InsufficientBalance,
        Self::Scheduled,
        Self::PaymentLookup,
        Self::MerchantHold,
    ];

    /// The reason as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Spacing => "spacing",
            Self::InsufficientBalance => "insufficient_balance",
            Self::Scheduled => "scheduled",
            Self::PaymentLookup => "payment_lookup",
            Self::MerchantHold => "merchant_hold",
        }
    }

    /// Reads what [`PendingReason::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_variant_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(status.event_type(), format!("refund.{}", status.as_str()));
        }
        for reason in PendingReason::ALL {
            assert_eq!(PendingReason::parse(reason.as_str()), Some(reason));
        }
    }
}
