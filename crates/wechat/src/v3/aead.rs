//! `AEAD_AES_256_GCM`: notifications and certificates are encrypted with the API v3 key (v3
//! documentation 4012071382). A failing tag nearly always means another API v3 key.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// The only algorithm.
pub const ALGORITHM: &str = "AEAD_AES_256_GCM";
/// The length of an API v3 key.
pub const KEY_BYTES: usize = 32;

/// The API v3 key is not 32 bytes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the API v3 key has {bytes} bytes, needed are {KEY_BYTES}")]
pub struct ApiV3KeyError {
    /// Its length.
    pub bytes: usize,
}

/// Why a ciphertext cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AeadError {
    /// The nonce is not 12 bytes long.
    #[error("the nonce has {bytes} bytes, needed are 12")]
    Nonce {
        /// Its length.
        bytes: usize,
    },
    /// Not base64.
    #[error("the ciphertext is not base64")]
    Base64,
    /// Altered, or encrypted under another API v3 key.
    #[error("the ciphertext does not open with this API v3 key")]
    Tag,
}

/// The API v3 key, ready for work; it cannot be printed or read back.
pub struct ApiV3Key(LessSafeKey);

impl ApiV3Key {
    /// Takes the 32 bytes of the merchant platform.
    ///
    /// # Errors
    /// [`ApiV3KeyError`].
    pub fn new(key: &SecretString) -> Result<Self, ApiV3KeyError> {
        let bytes = key.expose_secret().as_bytes();
        let unbound = UnboundKey::new(&AES_256_GCM, bytes)
            .map_err(|_length| ApiV3KeyError { bytes: bytes.len() })?;
        Ok(Self(LessSafeKey::new(unbound)))
    }

    /// Decrypts a base64 ciphertext with its tag.
    ///
    /// # Errors
    /// [`AeadError`]; never panics, whatever the texts.
    pub fn open(&self, nonce: &str, aad: &str, ciphertext: &str) -> Result<Vec<u8>, AeadError> {
        let nonce = nonce_of(nonce)?;
        let mut bytes = STANDARD.decode(ciphertext).map_err(|_bad| AeadError::Base64)?;
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(aad.as_bytes()), &mut bytes)
            .map_err(|_unspecified| AeadError::Tag)?;
        Ok(plain.to_vec())
    }

    /// Encrypts as WeChat does; for a simulator. A nonce must never serve twice with one key.
    ///
    /// # Errors
    /// [`AeadError::Nonce`]; [`AeadError::Tag`] when the cipher refuses.
    pub fn seal(&self, nonce: &str, aad: &str, plain: &[u8]) -> Result<String, AeadError> {
        let nonce = nonce_of(nonce)?;
        let mut bytes = plain.to_vec();
        self.0
            .seal_in_place_append_tag(nonce, Aad::from(aad.as_bytes()), &mut bytes)
            .map_err(|_unspecified| AeadError::Tag)?;
        Ok(STANDARD.encode(bytes))
    }
}

fn nonce_of(nonce: &str) -> Result<Nonce, AeadError> {
    Nonce::try_assume_unique_for_key(nonce.as_bytes())
        .map_err(|_length| AeadError::Nonce { bytes: nonce.len() })
}

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key([redacted])")
    }
}
