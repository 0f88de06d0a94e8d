//! What can be wrong with a line, and what should be known about it, in stable words.

/// Why a line cannot become a refund as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The order stands on an earlier line, and not both lines have numbers of their own.
    OrderTwice,
    /// The refund number stands on an earlier line.
    NumberTwice,
    /// A refund of this number exists with other content.
    ContentDiffers,
    /// The refund of this line was withdrawn; its number is used up.
    Withdrawn,
    /// A batch refunded the order before, under its other number.
    RefundedBefore,
    /// The two order numbers belong to different payments.
    OrderNumbersDisagree,
    /// More than is left of the payment, earlier lines counted.
    AmountExceedsRefundable,
    /// Above the configured maximum.
    AmountAboveMaximum,
    /// The order has its full number of refunds, earlier lines counted.
    TooManyRefunds,
    /// The payment is older than a year.
    WindowClosed,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 10] = [
        Self::OrderTwice,
        Self::NumberTwice,
        Self::ContentDiffers,
        Self::Withdrawn,
        Self::RefundedBefore,
        Self::OrderNumbersDisagree,
        Self::AmountExceedsRefundable,
        Self::AmountAboveMaximum,
        Self::TooManyRefunds,
        Self::WindowClosed,
    ];

    /// The fault as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderTwice => "order_twice",
            Self::NumberTwice => "number_twice",
            Self::ContentDiffers => "content_differs",
            Self::Withdrawn => "withdrawn_before",
            Self::RefundedBefore => "refunded_before",
            Self::OrderNumbersDisagree => "order_numbers_disagree",
            Self::AmountExceedsRefundable => "amount_exceeds_refundable",
            Self::AmountAboveMaximum => "amount_above_maximum",
            Self::TooManyRefunds => "too_many_refunds",
            Self::WindowClosed => "refund_window_closed",
        }
    }

    /// Reads what [`Fault::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == text)
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::OrderTwice => {
                "take one of the lines out, or give both a distinct out_refund_no: the order is refunded twice then"
            }
            Self::NumberTwice => "give each line a distinct out_refund_no",
            Self::ContentDiffers => {
                "this refund number was used for another amount, order or reason; if a further refund is meant, give the line an out_refund_no of its own"
            }
            Self::Withdrawn => {
                "the refund of this line was cancelled before it was sent; to ask for it anew give the line an out_refund_no of its own"
            }
            Self::RefundedBefore => {
                "a batch has refunded this order under its other order number; if a further refund is meant, give the line an out_refund_no of its own"
            }
            Self::OrderNumbersDisagree => "give only one of the two order numbers",
            Self::AmountExceedsRefundable => {
                "lower the amount, or take the line out: refunds under way count as gone"
            }
            Self::AmountAboveMaximum => "the operator sets the maximum",
            Self::TooManyRefunds => "WeChat takes at most 50 refunds of one payment",
            Self::WindowClosed => {
                "WeChat refunds for one year: pay the customer another way and take the line out"
            }
        }
    }
}

/// What somebody should know about a line before it becomes a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// The payment is not registered: WeChat is asked for the order first.
    PaymentUnknown,
    /// The line is a refund already: nothing more happens.
    AlreadyRequested,
    /// The same amount of the same order was refunded a short while ago.
    SameAmountBefore,
    /// An earlier line refunds the same order: this one follows at least a minute later.
    Spaced,
}

impl Warning {
    /// All warnings.
    pub const ALL: [Self; 4] = [
        Self::PaymentUnknown,
        Self::AlreadyRequested,
        Self::SameAmountBefore,
        Self::Spaced,
    ];

    /// The warning as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentUnknown => "payment_unknown",
            Self::AlreadyRequested => "already_requested",
            Self::SameAmountBefore => "same_amount_before",
            Self::Spaced => "spaced",
        }
    }

    /// Reads what [`Warning::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.as_str() == text)
    }
}
