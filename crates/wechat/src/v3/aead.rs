//! `AEAD_AES_256_GCM`: the API v3 key as 32 ASCII bytes, a 12-byte nonce, the tag behind the
//! ciphertext. A failing tag nearly always means a wrong or recently reset API v3 key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// The only algorithm accepted.
pub const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// Why a resource could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AeadError {
    /// Not base64.
    #[error("the ciphertext is not base64")]
    Base64,
    /// The nonce has not 12 bytes, or the key not 32.
    #[error("the nonce or the key has an impossible length")]
    Length,
    /// The tag does not fit: wrong API v3 key, nonce, associated data or ciphertext.
    #[error("the ciphertext does not open with this API v3 key")]
    Tag,
}

fn key(api_v3_key: &SecretString) -> Result<LessSafeKey, AeadError> {
    UnboundKey::new(&AES_256_GCM, api_v3_key.expose_secret().as_bytes())
        .map(LessSafeKey::new)
        .map_err(|_unspecified| AeadError::Length)
}

fn nonce(text: &str) -> Result<Nonce, AeadError> {
    Nonce::try_assume_unique_for_key(text.as_bytes()).map_err(|_unspecified| AeadError::Length)
}

/// Opens a ciphertext.
///
/// # Errors
/// [`AeadError`]; never panics, whatever the input.
pub fn open(
    api_v3_key: &SecretString,
    nonce_text: &str,
    associated_data: &str,
    ciphertext: &str,
) -> Result<Vec<u8>, AeadError> {
    let mut bytes = STANDARD
        .decode(ciphertext)
        .map_err(|_bad| AeadError::Base64)?;
    let aad = Aad::from(associated_data.as_bytes());
    let plain = key(api_v3_key)?
        .open_in_place(nonce(nonce_text)?, aad, &mut bytes)
        .map_err(|_unspecified| AeadError::Tag)?
        .len();
    bytes.truncate(plain);
    Ok(bytes)
}

/// Seals a text as WeChat does; for a simulator.
///
/// # Errors
/// [`AeadError::Length`].
pub fn seal(
    api_v3_key: &SecretString,
    nonce_text: &str,
    associated_data: &str,
    plain: &[u8],
) -> Result<String, AeadError> {
    let mut bytes = plain.to_vec();
    let aad = Aad::from(associated_data.as_bytes());
    key(api_v3_key)?
        .seal_in_place_append_tag(nonce(nonce_text)?, aad, &mut bytes)
        .map_err(|_unspecified| AeadError::Length)?;
    Ok(STANDARD.encode(bytes))
}
