//! Sensitive fields: RSAES-OAEP with SHA-1, base64. The header `Wechatpay-Serial` names the key.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::{PrivateKey, PublicKey};

/// Why a field could not be encrypted or decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OaepError {
    /// More than the key can hold: 214 bytes for 2048 bits.
    #[error("the text is too long for the key")]
    TooLong,
    /// The key is not usable for encryption.
    #[error("the key cannot be used for encryption")]
    Key,
    /// Not base64, or not encrypted for this key.
    #[error("the text does not decrypt with this key")]
    Text,
}

/// Encrypts a field to WeChat.
///
/// # Errors
/// [`OaepError`].
pub fn encrypt(key: &PublicKey, plain: &[u8]) -> Result<String, OaepError> {
    let public = key.encrypting().ok_or(OaepError::Key)?;
    let key = OaepPublicEncryptingKey::new(public).map_err(|_unspecified| OaepError::Key)?;
    if plain.len() > key.max_plaintext_size(&OAEP_SHA1_MGF1SHA1) {
        return Err(OaepError::TooLong);
    }
    let mut out = vec![0; key.ciphertext_size()];
    let bytes = key
        .encrypt(&OAEP_SHA1_MGF1SHA1, plain, &mut out, None)
        .map_err(|_unspecified| OaepError::Key)?;
    Ok(STANDARD.encode(bytes))
}

/// Decrypts a field; for a simulator, and for answers with encrypted fields.
///
/// # Errors
/// [`OaepError`].
pub fn decrypt(key: &PrivateKey, text: &str) -> Result<Vec<u8>, OaepError> {
    let bytes = STANDARD.decode(text).map_err(|_bad| OaepError::Text)?;
    let private = key.decrypting().ok_or(OaepError::Key)?;
    let key = OaepPrivateDecryptingKey::new(private).map_err(|_unspecified| OaepError::Key)?;
    let mut out = vec![0; key.min_output_size()];
    let plain = key
        .decrypt(&OAEP_SHA1_MGF1SHA1, &bytes, &mut out, None)
        .map_err(|_unspecified| OaepError::Text)?;
    Ok(plain.to_vec())
}
