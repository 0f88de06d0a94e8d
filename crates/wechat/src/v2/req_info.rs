//! `req_info` of a v2 refund notification: base64 of AES-256-ECB with PKCS#7 padding, the key being
//! the 32 ASCII characters of the lower-case hex MD5 of the API v2 key (v2 chapter 9_16).
//!
//! ECB has no integrity: whole blocks of two messages can be recombined without the key, and an old
//! message decrypts perfectly. What this opens is a hint and never evidence (INV-18).

use aws_lc_rs::cipher::{DecryptionContext, PaddedBlockEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::v2::ApiV2Key;
use crate::v2::fields::MESSAGE_BYTES_MAX;

/// Why `req_info` could not be opened. The cause is for the log; to the sender all are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReqInfoError {
    /// Not base64.
    #[error("req_info is not base64")]
    Base64,
    /// Too large, or not whole blocks.
    #[error("req_info has an impossible length")]
    Length,
    /// The padding is wrong: nearly always the wrong API v2 key.
    #[error("req_info does not decrypt with this API v2 key")]
    Padding,
}

/// Decrypts `req_info` to its plain text.
///
/// # Errors
/// [`ReqInfoError`]; never panics, whatever the text.
pub fn open(req_info: &str, api_v2_key: &ApiV2Key) -> Result<Vec<u8>, ReqInfoError> {
    let mut bytes = decoded(req_info).ok_or(ReqInfoError::Base64)?;
    if bytes.is_empty() || bytes.len() % 16 != 0 || bytes.len() > MESSAGE_BYTES_MAX {
        return Err(ReqInfoError::Length);
    }
    let plain = api_v2_key
        .opening()
        .and_then(|key| key.decrypt(&mut bytes, DecryptionContext::None).ok())
        .ok_or(ReqInfoError::Padding)?
        .len();
    bytes.truncate(plain);
    Ok(bytes)
}

/// Lines of base64 are allowed, but WeChat sends none: blanks are looked for when decoding fails.
fn decoded(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok().or_else(|| {
        let blank = |c: char| c.is_ascii_whitespace();
        STANDARD.decode(base64.replace(blank, "")).ok()
    })
}

/// Encrypts a plain text as WeChat does; for a simulator.
///
/// # Errors
/// [`ReqInfoError::Length`] when the cipher refuses the text.
pub fn seal(plain: &[u8], api_v2_key: &ApiV2Key) -> Result<String, ReqInfoError> {
    let key = api_v2_key
        .sealing()
        .and_then(|key| PaddedBlockEncryptingKey::ecb_pkcs7(key).ok())
        .ok_or(ReqInfoError::Length)?;
    let mut bytes = plain.to_vec();
    key.encrypt(&mut bytes)
        .map_err(|_unspecified| ReqInfoError::Length)?;
    Ok(STANDARD.encode(bytes))
}
