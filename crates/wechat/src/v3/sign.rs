//! `WECHATPAY2-SHA256-RSA2048`: what a merchant signs, and how WeChat's answers and notifications are
//! verified (v3 documentation 4012365342, 4013071191; wechatpay-go `core/auth`). Both sides of the
//! wire stand here, because the simulator checks what the merchant writes.

use std::fmt;

use crate::account::Stamp;
use crate::error::VerifyError;
use crate::http::single;
use crate::key::{PrivateKey, PublicKey};
use crate::trusted::TrustedKeys;

/// The name of the scheme, in `Authorization` and `Wechatpay-Signature-Type`.
pub const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
/// A signature this old, in seconds, is refused; the same into the future.
pub const WINDOW_S: i64 = 300;
/// WeChat's probe signatures begin so; they must fail like any wrong signature.
pub const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";

/// The bytes a merchant signs.
#[must_use]
pub fn request_message(method: &str, path: &str, stamp: &Stamp, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{path}\n{}\n{}\n", stamp.unix_seconds, stamp.nonce)
        .into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// The bytes WeChat signs.
#[must_use]
pub fn reply_message(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// Verifies an answer or a notification over its raw bytes: headers present exactly once, time
/// within [`WINDOW_S`], key chosen by serial, signature. Gives the serial of the key.
///
/// # Errors
/// [`VerifyError`]; never panics, whatever the bytes.
pub fn verify<'a>(
    headers: &'a [(String, String)],
    body: &[u8],
    keys: &TrustedKeys,
    now_unix: i64,
) -> Result<&'a str, VerifyError> {
    let signed = SignedHeaders::read(headers)?;
    let seconds_off = now_unix.saturating_sub(signed.unix_seconds);
    if seconds_off.saturating_abs() >= WINDOW_S {
        return Err(VerifyError::Timestamp { seconds_off });
    }
    let key = keys.find(signed.serial, now_unix)?;
    signed.check(body, key)?;
    Ok(signed.serial)
}

/// The signature headers of an answer or a notification.
pub(crate) struct SignedHeaders<'a> {
    timestamp: &'a str,
    pub(crate) unix_seconds: i64,
    nonce: &'a str,
    pub(crate) serial: &'a str,
    signature: &'a str,
}

impl<'a> SignedHeaders<'a> {
    pub(crate) fn read(headers: &'a [(String, String)]) -> Result<Self, VerifyError> {
        let header = |name: &'static str| {
            single(headers, name).filter(|v| !v.is_empty()).ok_or(VerifyError::Header { name })
        };
        let kind = "Wechatpay-Signature-Type";
        let kinds = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(kind));
        if kinds.into_iter().any(|(_, value)| value != SCHEME) {
            return Err(VerifyError::Scheme);
        }
        let timestamp = header("Wechatpay-Timestamp")?;
        let digits = timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
        let unix_seconds = digits
            .then(|| timestamp.parse().ok())
            .flatten()
            .ok_or(VerifyError::Header { name: "Wechatpay-Timestamp" })?;
        Ok(Self {
            timestamp,
            unix_seconds,
            nonce: header("Wechatpay-Nonce")?,
            serial: header("Wechatpay-Serial")?,
            signature: header("Wechatpay-Signature")?,
        })
    }

    pub(crate) fn check(&self, body: &[u8], key: &PublicKey) -> Result<(), VerifyError> {
        let message = reply_message(self.timestamp, self.nonce, body);
        let right = key.verify(&message, self.signature);
        right.then_some(()).ok_or(VerifyError::WrongSignature)
    }
}

/// The signature headers WeChat puts on an answer or a notification; for a simulator. `None` when
/// the key refuses to work.
#[must_use]
pub fn signed_headers(
    body: &[u8],
    serial: &str,
    key: &PrivateKey,
    stamp: &Stamp,
) -> Option<Vec<(String, String)>> {
    let timestamp = stamp.unix_seconds.to_string();
    let signature = key.sign(&reply_message(&timestamp, &stamp.nonce, body))?;
    Some(vec![
        ("Wechatpay-Timestamp".to_owned(), timestamp),
        ("Wechatpay-Nonce".to_owned(), stamp.nonce.clone()),
        ("Wechatpay-Serial".to_owned(), serial.to_owned()),
        ("Wechatpay-Signature".to_owned(), signature),
        ("Wechatpay-Signature-Type".to_owned(), SCHEME.to_owned()),
    ])
}

/// Why an `Authorization` header is not one of this scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Another scheme.
    #[error("the scheme is not {SCHEME}")]
    Scheme,
    /// Not a list of `name="value"`.
    #[error("not a list of name=\"value\"")]
    Shape,
    /// A parameter is missing, doubled or unknown.
    #[error("the parameter {name} is missing, doubled or unreadable")]
    Parameter {
        /// Its name.
        name: &'static str,
    },
}

/// The content of an `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `mchid`: who signed.
    pub mch_id: String,
    /// `serial_no` of the merchant's certificate.
    pub serial: String,
    /// `timestamp` and `nonce_str`.
    pub stamp: Stamp,
    /// `signature`, base64.
    pub signature: String,
}

impl Authorization {
    /// Reads a header; parameters in any order, spaces after commas allowed.
    ///
    /// # Errors
    /// [`AuthorizationError`]; never panics, whatever the text.
    pub fn parse(header: &str) -> Result<Self, AuthorizationError> {
        let list = header
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(AuthorizationError::Scheme)?;
        let mut pairs = Vec::with_capacity(5);
        for part in list.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(AuthorizationError::Shape)?;
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            pairs.push((name, value.ok_or(AuthorizationError::Shape)?));
        }
        let find = |name: &'static str| {
            let mut found = pairs.iter().filter(|(n, _)| *n == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) if !value.is_empty() => Ok((*value).to_owned()),
                _ => Err(AuthorizationError::Parameter { name }),
            }
        };
        let timestamp = find("timestamp")?;
        let digits = timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
        let unix_seconds = digits.then(|| timestamp.parse().ok()).flatten();
        let missing = AuthorizationError::Parameter { name: "timestamp" };
        Ok(Self {
            mch_id: find("mchid")?,
            serial: find("serial_no")?,
            stamp: Stamp { unix_seconds: unix_seconds.ok_or(missing)?, nonce: find("nonce_str")? },
            signature: find("signature")?,
        })
    }

    /// Whether the signature is right for a request.
    #[must_use]
    pub fn verify(&self, key: &PublicKey, method: &str, path: &str, body: &[u8]) -> bool {
        key.verify(&request_message(method, path, &self.stamp, body), &self.signature)
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME} mchid=\"{}\",nonce_str=\"{}\",timestamp=\"{}\",serial_no=\"{}\",signature=\"{}\"",
            self.mch_id, self.stamp.nonce, self.stamp.unix_seconds, self.serial, self.signature
        )
    }
}
