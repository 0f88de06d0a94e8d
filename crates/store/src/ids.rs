//! Ids of what the store keeps beside refunds and payments: webhook endpoints, deliveries, API
//! keys. Each carries its prefix and is checked once.

use std::fmt;
use std::str::FromStr;

/// Why a text is not one of these ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: expected {prefix} followed by 8 to 40 letters, digits, - or _")]
pub struct IdError {
    /// What was expected, in words.
    pub kind: &'static str,
    /// Its prefix.
    pub prefix: &'static str,
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The prefix of every such id.
            pub const PREFIX: &'static str = $prefix;

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let fits = text.strip_prefix($prefix).is_some_and(|rest| {
                    (8..=40).contains(&rest.len())
                        && rest
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                });
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { kind: $kind, prefix: $prefix })
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

prefixed_id!(
    /// A webhook endpoint of a merchant.
    EndpointId, "endpoint id", "ep_");
prefixed_id!(
    /// One message to one endpoint; the `webhook-id` of every try.
    DeliveryId, "delivery id", "msg_");
prefixed_id!(
    /// An API key; not the key itself.
    KeyId, "key id", "key_");
