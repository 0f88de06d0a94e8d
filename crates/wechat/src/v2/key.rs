//! The API v2 key of a merchant, with what every message needs of it: the key of HMAC-SHA256 and
//! the AES key of notifications. Both are made once, here, and not for each message; all three are
//! wiped from memory with the last copy (INV-36). Nothing here can be printed.

use std::sync::Arc;

use aws_lc_rs::cipher::{AES_256, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::v2::sign::hex_lower;

/// What stands between the fields and the key in the text that is signed.
const KEY_PREFIX: &str = "&key=";

/// An API v2 key, ready for use. A clone shares it.
#[derive(Clone)]
pub struct ApiV2Key(Arc<Ready>);

struct Ready {
    text: SecretString,
    mac: hmac::Key,
    /// There always, for an MD5 in hex has the length of the key.
    notifications: Option<PaddedBlockDecryptingKey>,
}

impl std::fmt::Debug for ApiV2Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiV2Key(redacted)")
    }
}

impl From<SecretString> for ApiV2Key {
    fn from(text: SecretString) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, text.expose_secret().as_bytes());
        let notifications =
            aes_key(&text).and_then(|key| PaddedBlockDecryptingKey::ecb_pkcs7(key).ok());
        Self(Arc::new(Ready {
            text,
            mac,
            notifications,
        }))
    }
}

impl From<String> for ApiV2Key {
    fn from(text: String) -> Self {
        SecretString::from(text).into()
    }
}

impl From<&str> for ApiV2Key {
    fn from(text: &str) -> Self {
        SecretString::from(text).into()
    }
}

impl ApiV2Key {
    /// MD5 of the text with the key behind it. The key enters no buffer but the hasher's, which is
    /// wiped.
    pub(crate) fn md5(&self, canonical: &str) -> [u8; 16] {
        Md5::new()
            .chain_update(canonical)
            .chain_update(KEY_PREFIX)
            .chain_update(self.0.text.expose_secret())
            .finalize()
            .into()
    }

    /// HMAC-SHA256 of the text with the key behind it, under the same key.
    pub(crate) fn hmac_sha256(&self, canonical: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0.mac);
        context.update(canonical.as_bytes());
        context.update(KEY_PREFIX.as_bytes());
        context.update(self.0.text.expose_secret().as_bytes());
        context.sign()
    }

    /// The key that opens `req_info`.
    pub(crate) fn opening(&self) -> Option<&PaddedBlockDecryptingKey> {
        self.0.notifications.as_ref()
    }

    /// The same key for a cipher of one's own: a simulator seals.
    pub(crate) fn sealing(&self) -> Option<UnboundCipherKey> {
        aes_key(&self.0.text)
    }
}

/// The 32 ASCII characters of the lower-case hex MD5 of the API v2 key (v2 chapter 9_16).
fn aes_key(text: &SecretString) -> Option<UnboundCipherKey> {
    let digest = Zeroizing::new(<[u8; 16]>::from(Md5::digest(text.expose_secret())));
    let hex = Zeroizing::new(hex_lower(digest.as_slice()));
    UnboundCipherKey::new(&AES_256, hex.as_bytes()).ok()
}
