//! Identifiers that WeChat Pay and we exchange. Each is checked once, when it is parsed, and must
//! never be built any other way. Limits: WeChat Pay "limits and business rules" P18, P19, P23.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is shorter or longer than the identifier allows.
    #[error("{kind} has {length} bytes, allowed are {min} to {max}")]
    Length {
        /// The identifier's wire name.
        kind: &'static str,
        /// Length found, in bytes.
        length: usize,
        /// Smallest length allowed, in bytes.
        min: usize,
        /// Greatest length allowed, in bytes.
        max: usize,
    },
    /// The text holds a character that the identifier does not allow.
    #[error("{kind} contains {character:?}, allowed are {allowed}")]
    Character {
        /// The identifier's wire name.
        kind: &'static str,
        /// The first character that is not allowed.
        character: char,
        /// The characters allowed, in words.
        allowed: &'static str,
    },
}

fn check(kind: &'static str, text: &str, min: usize, max: usize, set: Set) -> Result<(), IdError> {
    if text.len() < min || text.len() > max {
        return Err(IdError::Length {
            kind,
            length: text.len(),
            min,
            max,
        });
    }
    match text.chars().find(|c| !set.holds(*c)) {
        Some(character) => Err(IdError::Character {
            kind,
            character,
            allowed: set.in_words(),
        }),
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
enum Set {
    Digits,
    Alphanumeric,
    TradeNo,
    RefundNo,
}

impl Set {
    fn holds(self, c: char) -> bool {
        match self {
            Self::Digits => c.is_ascii_digit(),
            Self::Alphanumeric => c.is_ascii_alphanumeric(),
            Self::TradeNo | Self::RefundNo => {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|' | '*' | '@')
            }
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Alphanumeric => "letters and digits",
            Self::TradeNo | Self::RefundNo => "letters, digits and _-|*@",
        }
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $min:literal..=$max:literal, $set:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name WeChat gives this identifier on the wire.
            pub const WIRE_NAME: &'static str = $kind;

            /// The identifier as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check($kind, text, $min, $max, $set)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check($kind, &text, $min, $max, $set)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

identifier!(
    /// A merchant number (`mch_id` in v2, `mchid` in v3): 8 to 10 digits.
    MchId, "mch_id", 8..=10, Set::Digits);
identifier!(
    /// A sub-merchant number (`sub_mch_id` in v2, `sub_mchid` in v3): 8 to 10 digits.
    SubMchId, "sub_mch_id", 8..=10, Set::Digits);
identifier!(
    /// The id of the account, mini program or app that is bound to the merchant (`appid`).
    AppId, "appid", 1..=32, Set::Alphanumeric);
identifier!(
    /// The merchant's order number (`out_trade_no`): 6 to 32 characters.
    OutTradeNo, "out_trade_no", 6..=32, Set::TradeNo);
identifier!(
    /// WeChat's order number (`transaction_id`), opaque.
    TransactionId, "transaction_id", 1..=32, Set::Alphanumeric);
identifier!(
    /// The merchant's refund number (`out_refund_no`), the idempotency key towards WeChat:
    /// 1 to 64 bytes of `[0-9A-Za-z_-|*@]`, unique per merchant number, never changed (INV-2).
    OutRefundNo, "out_refund_no", 1..=64, Set::RefundNo);
identifier!(
    /// WeChat's refund number (`refund_id`), opaque. Not our own refund id.
    WechatRefundId, "refund_id", 1..=32, Set::Alphanumeric);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_wire() {
        assert!("1900000109".parse::<MchId>().is_ok());
        assert!("19000001x9".parse::<MchId>().is_err());
        assert!("abcde".parse::<OutTradeNo>().is_err());
        assert!("R-20181119|0001*@A_b".parse::<OutRefundNo>().is_ok());
        assert!("R 1".parse::<OutRefundNo>().is_err());
        assert!("".parse::<OutRefundNo>().is_err());
        assert!("x".repeat(64).parse::<OutRefundNo>().is_ok());
        assert!("x".repeat(65).parse::<OutRefundNo>().is_err());
        assert!("退款".parse::<OutRefundNo>().is_err());
    }

    #[test]
    fn messages_name_the_field_and_the_limit() {
        let error = "abcde".parse::<OutTradeNo>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "out_trade_no has 5 bytes, allowed are 6 to 32"
        );
    }
}
