//! Identifiers of our own. Public ids carry a prefix, so that a number in a ticket says what it is.

use std::fmt;
use std::str::FromStr;

/// Why a text is not one of our identifiers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: expected {expected}")]
pub struct OwnIdError {
    /// What was expected, in words.
    pub kind: &'static str,
    /// The accepted form.
    pub expected: &'static str,
}

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = OwnIdError;
            fn from_str(text: &str) -> Result<Self, OwnIdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(OwnIdError { kind: $kind, expected: $expected })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn prefixed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (16..=40).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

own_id!(
    /// Our id of a refund, `rf_` and a time-ordered unique part. Not WeChat's `refund_id`.
    RefundId, "refund id", "rf_ followed by 16 to 40 letters, digits or -",
    |text| prefixed(text, "rf_"));
own_id!(
    /// Our id of a payment, `pay_` and a time-ordered unique part.
    PaymentId, "payment id", "pay_ followed by 16 to 40 letters, digits or -",
    |text| prefixed(text, "pay_"));
own_id!(
    /// A person who signs in, `usr_` and a time-ordered unique part.
    PersonId, "person id", "usr_ followed by 16 to 40 letters, digits or -",
    |text| prefixed(text, "usr_"));
own_id!(
    /// A batch of refunds, `bt_` and a time-ordered unique part.
    BatchId, "batch id", "bt_ followed by 16 to 40 letters, digits or -",
    |text| prefixed(text, "bt_"));
own_id!(
    /// A difference between our books and WeChat's, `rd_` and a time-ordered unique part.
    DifferenceId, "difference id", "rd_ followed by 16 to 40 letters, digits or -",
    |text| prefixed(text, "rd_"));
own_id!(
    /// The short name of a merchant in the configuration: 1 to 32 of `a-z 0-9 - _`.
    MerchantName, "merchant name", "1 to 32 of a-z, 0-9, - and _",
    |text| !text.is_empty() && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')));
