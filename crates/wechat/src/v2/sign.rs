//! The signature of a v2 message: fields in ASCII order, `name=value` joined by `&`, then the key
//! (v2 documentation chapter 4_3, checked against its published example).

use subtle::ConstantTimeEq;

use crate::v2::{ApiV2Key, Fields};

/// The two algorithms of v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignType {
    /// MD5, the default of the protocol.
    Md5,
    /// HMAC-SHA256.
    HmacSha256,
}

impl SignType {
    /// The spelling of the field `sign_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// Reads the field `sign_type`; only the two spellings exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Md5, Self::HmacSha256]
            .into_iter()
            .find(|t| t.as_str() == text)
    }
}

/// The string that is signed, without the key: all fields but `sign` that are not empty.
#[must_use]
pub fn canonical(fields: &Fields) -> String {
    let mut text = String::with_capacity(fields.signed_bytes_max());
    for field in fields.signed() {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(field);
    }
    text
}

/// The signature in upper-case hex: 32 characters for MD5, 64 for HMAC-SHA256.
#[must_use]
pub fn sign(fields: &Fields, key: &ApiV2Key, sign_type: SignType) -> String {
    let text = canonical(fields);
    match sign_type {
        SignType::Md5 => hex_upper(&key.md5(&text)),
        SignType::HmacSha256 => hex_upper(key.hmac_sha256(&text).as_ref()),
    }
}

/// Whether the message carries a right signature. The algorithm is that of `sign_type`, or else
/// follows from the length of `sign`.
#[must_use]
pub fn verify(fields: &Fields, key: &ApiV2Key) -> bool {
    let Some(given) = fields.get("sign") else {
        return false;
    };
    let sign_type = match fields.get("sign_type") {
        Some(text) => SignType::parse(text),
        None => match given.len() {
            32 => Some(SignType::Md5),
            64 => Some(SignType::HmacSha256),
            _ => None,
        },
    };
    let Some(sign_type) = sign_type else {
        return false;
    };
    let right = sign(fields, key, sign_type);
    right.as_bytes().ct_eq(given.as_bytes()).into()
}

pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    hex_with(bytes, b"0123456789ABCDEF")
}

pub(crate) fn hex_lower(bytes: &[u8]) -> String {
    hex_with(bytes, b"0123456789abcdef")
}

fn hex_with(bytes: &[u8], digits: &[u8; 16]) -> String {
    let digit = |n: u8| digits.get(usize::from(n)).copied().unwrap_or(b'0');
    let mut text = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    String::from_utf8(text).unwrap_or_default()
}
