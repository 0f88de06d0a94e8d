//! Signatures of v3: `WECHATPAY2-SHA256-RSA2048`, for requests (merchant key) and for answers and
//! notifications (WeChat's key, chosen by `Wechatpay-Serial`). Source: v3 documentation, signature
//! rules; vectors in the tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Stamp;
use crate::http::{Method, single};
use crate::keys::{PrivateKey, TrustedKeys};

/// The only signature type accepted.
pub const SIGNATURE_TYPE: &str = "WECHATPAY2-SHA256-RSA2048";
/// A message whose time is this far from ours, in seconds, is refused.
pub const WINDOW_S: i64 = 300;

/// What a merchant signs for a request.
#[must_use]
pub fn request_message(method: Method, path: &str, stamp: &Stamp, body: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "{}\n{path}\n{}\n{}\n",
        method.as_str(),
        stamp.unix_seconds,
        stamp.nonce
    )
    .into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// What WeChat signs for an answer or a notification.
#[must_use]
pub fn answer_message(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// Who signs a request.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The caller's merchant number; the provider's in provider mode.
    pub mchid: &'a str,
    /// Serial of the merchant's certificate, upper-case hex.
    pub serial_no: &'a str,
    /// The key that belongs to it.
    pub key: &'a PrivateKey,
}

impl Signer<'_> {
    /// The value of the header `Authorization`.
    #[must_use]
    pub fn authorization(
        &self,
        method: Method,
        path: &str,
        stamp: &Stamp,
        body: &[u8],
    ) -> Option<String> {
        let signature = self.key.sign(&request_message(method, path, stamp, body))?;
        Some(format!(
            "{SIGNATURE_TYPE} mchid=\"{}\",nonce_str=\"{}\",timestamp=\"{}\",serial_no=\"{}\",signature=\"{}\"",
            self.mchid,
            stamp.nonce,
            stamp.unix_seconds,
            self.serial_no,
            STANDARD.encode(signature)
        ))
    }
}

/// The parts of a request's `Authorization`, as a server reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `mchid`.
    pub mchid: String,
    /// `serial_no`.
    pub serial_no: String,
    /// `nonce_str`.
    pub nonce_str: String,
    /// `timestamp`, unix seconds.
    pub timestamp: i64,
    /// `signature`, decoded.
    pub signature: Vec<u8>,
}

impl Authorization {
    /// Reads the header. The five parameters may come in any order, each once.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let rest = header.strip_prefix(SIGNATURE_TYPE)?.strip_prefix(' ')?;
        let (mut mchid, mut serial_no, mut nonce_str) = (None, None, None);
        let (mut timestamp, mut signature) = (None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let slot = match name {
                "mchid" => &mut mchid,
                "serial_no" => &mut serial_no,
                "nonce_str" => &mut nonce_str,
                "timestamp" => &mut timestamp,
                "signature" => &mut signature,
                _ => return None,
            };
            if slot.replace(value.to_owned()).is_some() {
                return None;
            }
        }
        Some(Self {
            mchid: mchid?,
            serial_no: serial_no?,
            nonce_str: nonce_str?,
            timestamp: timestamp?.parse().ok()?,
            signature: STANDARD.decode(signature?).ok()?,
        })
    }
}

/// Why an answer or a notification is not WeChat's, as far as anyone can tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing or stands twice.
    #[error("the header {name} is missing or stands twice")]
    Header {
        /// Which.
        name: &'static str,
    },
    /// Another signature type, the SM2 variant for instance.
    #[error("the signature type is not {SIGNATURE_TYPE}")]
    SignatureType,
    /// The time is outside the window: replayed, or a clock is wrong.
    #[error("the message's time is {seconds} s away from ours, allowed are less than {WINDOW_S}")]
    Stale {
        /// How far.
        seconds: u64,
    },
    /// The serial is none of the configured keys.
    #[error("no key is configured for the serial {serial}")]
    UnknownSerial {
        /// The serial found, cut to a sane length.
        serial: String,
    },
    /// The signature is wrong; WeChat's probes look like this too.
    #[error("the signature is wrong")]
    Signature,
}

/// Verifies an answer or a notification over its raw bytes: headers, signature type, window, key by
/// serial, signature.
///
/// # Errors
/// [`VerifyError`]; never panics, whatever the input.
pub fn verify(
    headers: &[(String, String)],
    body: &[u8],
    keys: &TrustedKeys,
    now_unix: i64,
) -> Result<(), VerifyError> {
    let header = |name: &'static str| single(headers, name).ok_or(VerifyError::Header { name });
    let timestamp = header("Wechatpay-Timestamp")?;
    let nonce = header("Wechatpay-Nonce")?;
    let serial = header("Wechatpay-Serial")?;
    let signature = header("Wechatpay-Signature")?;
    let typed = headers
        .iter()
        .any(|(n, _)| n.eq_ignore_ascii_case("Wechatpay-Signature-Type"));
    if typed && header("Wechatpay-Signature-Type")? != SIGNATURE_TYPE {
        return Err(VerifyError::SignatureType);
    }
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
    let time: i64 = Some(timestamp)
        .filter(|_| digits)
        .and_then(|t| t.parse().ok())
        .ok_or(VerifyError::Header {
            name: "Wechatpay-Timestamp",
        })?;
    let seconds = time.abs_diff(now_unix);
    if seconds >= WINDOW_S.unsigned_abs() {
        return Err(VerifyError::Stale { seconds });
    }
    let key = keys
        .get(serial, now_unix)
        .ok_or_else(|| VerifyError::UnknownSerial {
            serial: serial.chars().take(64).collect(),
        })?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|_bad| VerifyError::Signature)?;
    if key.verify(&answer_message(timestamp, nonce, body), &signature) {
        Ok(())
    } else {
        Err(VerifyError::Signature)
    }
}

/// The headers of a signed answer or notification; for a simulator.
#[must_use]
pub fn answer_headers(
    key: &PrivateKey,
    serial: &str,
    stamp: &Stamp,
    body: &[u8],
) -> Option<Vec<(String, String)>> {
    let timestamp = stamp.unix_seconds.to_string();
    let signature = key.sign(&answer_message(&timestamp, &stamp.nonce, body))?;
    Some(vec![
        ("Wechatpay-Timestamp".to_owned(), timestamp),
        ("Wechatpay-Nonce".to_owned(), stamp.nonce.clone()),
        ("Wechatpay-Serial".to_owned(), serial.to_owned()),
        ("Wechatpay-Signature".to_owned(), STANDARD.encode(signature)),
        (
            "Wechatpay-Signature-Type".to_owned(),
            SIGNATURE_TYPE.to_owned(),
        ),
    ])
}
