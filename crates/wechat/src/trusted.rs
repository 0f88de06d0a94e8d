//! WeChat's keys that a merchant trusts: platform certificates, which come and go, and the WeChat Pay
//! public key, which stays. During the switch from one to the other both sign (v3 documentation
//! 4012154180), so both stand side by side and the serial of a message picks one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::certificate::{Certificate, CertificateError};
use crate::error::VerifyError;
use crate::key::{KeyError, PublicKey};

/// How the id of a WeChat Pay public key begins.
pub const PUBLIC_KEY_ID_PREFIX: &str = "PUB_KEY_ID_";

/// Why a key of WeChat cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustedKeysError {
    /// The id does not look like one.
    #[error("the id {id} of the WeChat Pay public key does not begin with PUB_KEY_ID_")]
    Id {
        /// The id.
        id: String,
    },
    /// The public key cannot be read.
    #[error("the WeChat Pay public key cannot be read")]
    PublicKey(#[from] KeyError),
    /// The certificate cannot be read.
    #[error("the platform certificate cannot be read")]
    Certificate(#[from] CertificateError),
}

/// A set of keys by serial.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    public_keys: BTreeMap<String, Arc<PublicKey>>,
    certificates: BTreeMap<String, Arc<Certificate>>,
}

impl TrustedKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a WeChat Pay public key.
    ///
    /// # Errors
    /// [`TrustedKeysError`].
    pub fn add_public_key(&mut self, id: &str, pem: &[u8]) -> Result<(), TrustedKeysError> {
        if !id.starts_with(PUBLIC_KEY_ID_PREFIX) {
            return Err(TrustedKeysError::Id { id: id.to_owned() });
        }
        self.public_keys.insert(id.to_owned(), Arc::new(PublicKey::from_pem(pem)?));
        Ok(())
    }

    /// Adds a platform certificate.
    ///
    /// # Errors
    /// [`TrustedKeysError::Certificate`].
    pub fn add_certificate(&mut self, pem: &[u8]) -> Result<(), TrustedKeysError> {
        let certificate = Certificate::from_pem(pem)?;
        self.certificates.insert(certificate.serial().to_owned(), Arc::new(certificate));
        Ok(())
    }

    /// The same public keys with another set of platform certificates, as a download gave them.
    #[must_use]
    pub fn with_certificates(&self, certificates: Vec<Arc<Certificate>>) -> Self {
        let certificates = certificates.into_iter().map(|c| (c.serial().to_owned(), c)).collect();
        Self { public_keys: self.public_keys.clone(), certificates }
    }

    /// The key that a serial names. Ids of public keys are compared exactly, serials of
    /// certificates as hex.
    ///
    /// # Errors
    /// [`VerifyError::UnknownSerial`], [`VerifyError::ExpiredKey`].
    pub fn find(&self, serial: &str, now_unix: i64) -> Result<&PublicKey, VerifyError> {
        if let Some(key) = self.public_keys.get(serial) {
            return Ok(key);
        }
        let known = self.certificates.get(&serial.to_ascii_uppercase());
        let Some(certificate) = known.filter(|_| !serial.starts_with(PUBLIC_KEY_ID_PREFIX)) else {
            return Err(VerifyError::UnknownSerial { serial: serial.chars().take(80).collect() });
        };
        if certificate.not_after() < now_unix {
            return Err(VerifyError::ExpiredKey { serial: certificate.serial().to_owned() });
        }
        Ok(certificate.key())
    }

    /// The key to encrypt with and to ask answers signed by: the public key if there is one, else
    /// the certificate that is valid the longest.
    #[must_use]
    pub fn preferred(&self, now_unix: i64) -> Option<(&str, &PublicKey)> {
        if let Some((id, key)) = self.public_keys.last_key_value() {
            return Some((id, key));
        }
        self.certificates
            .values()
            .filter(|c| c.not_before() <= now_unix && now_unix <= c.not_after())
            .max_by_key(|c| c.not_after())
            .map(|c| (c.serial(), c.key()))
    }

    /// The ids of the public keys.
    pub fn public_key_ids(&self) -> impl Iterator<Item = &str> {
        self.public_keys.keys().map(String::as_str)
    }

    /// The platform certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values().map(AsRef::as_ref)
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public_keys.is_empty() && self.certificates.is_empty()
    }
}
