//! The secrets of one merchant. Nothing here can be printed.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;

use crate::keys::{Certificate, KeyError, PrivateKey, PublicKey, TrustedKeys};
use crate::v2::ApiV2Key;

/// Why credentials cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The API v2 or v3 key has not 32 bytes.
    #[error("the {which} has {bytes} bytes, it must have 32: copy it from the merchant platform")]
    KeyLength {
        /// `API v2 key` or `API v3 key`.
        which: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A key or certificate file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate {serial}")]
    Foreign {
        /// The certificate's serial.
        serial: String,
    },
    /// The id of a WeChat Pay public key has not its form.
    #[error("the public key id must begin with PUB_KEY_ID_")]
    PublicKeyId,
}

/// The merchant's certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: Certificate,
    /// The key.
    pub key: PrivateKey,
}

impl Identity {
    /// From the two PEM files of the merchant platform.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, CredentialsError> {
        Self::of(
            Certificate::from_pem(certificate)?,
            PrivateKey::from_pem(key)?,
        )
    }

    /// From `apiclient_cert.p12`; the password is the merchant number.
    ///
    /// # Errors
    /// [`CredentialsError`].
    #[cfg(feature = "p12")]
    pub fn from_pkcs12(data: &[u8], password: &str) -> Result<Self, CredentialsError> {
        use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
        let store = KeyStore::from_pkcs12(data, password, Pkcs12ImportPolicy::Relaxed)
            .map_err(|_cause| KeyError::Pkcs12)?;
        let (_, chain) = store.private_key_chain().ok_or(KeyError::Pkcs12)?;
        let key = PrivateKey::from_pkcs8(chain.key().as_der())?;
        for candidate in chain.certs() {
            let certificate = Certificate::from_der(candidate.as_der())?;
            if certificate.belongs_to(&key) {
                return Ok(Self { certificate, key });
            }
        }
        Err(KeyError::Pkcs12.into())
    }

    fn of(certificate: Certificate, key: PrivateKey) -> Result<Self, CredentialsError> {
        if certificate.belongs_to(&key) {
            Ok(Self { certificate, key })
        } else {
            Err(CredentialsError::Foreign {
                serial: certificate.serial,
            })
        }
    }
}

/// All secrets of one merchant, and the keys of WeChat it trusts.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub(crate) api_v2_key: Option<ApiV2Key>,
    pub(crate) api_v3_key: Option<SecretString>,
    pub(crate) identity: Option<Identity>,
    configured: TrustedKeys,
    trusted: Arc<RwLock<Arc<TrustedKeys>>>,
}

impl Credentials {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the API v2 key.
    ///
    /// # Errors
    /// [`CredentialsError::KeyLength`] unless it has 32 bytes.
    pub fn with_api_v2_key(mut self, key: SecretString) -> Result<Self, CredentialsError> {
        self.api_v2_key = Some(checked(key, "API v2 key")?.into());
        Ok(self)
    }

    /// Sets the API v3 key.
    ///
    /// # Errors
    /// [`CredentialsError::KeyLength`] unless it has 32 bytes.
    pub fn with_api_v3_key(mut self, key: SecretString) -> Result<Self, CredentialsError> {
        self.api_v3_key = Some(checked(key, "API v3 key")?);
        Ok(self)
    }

    /// Sets certificate and private key.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Trusts a WeChat Pay public key.
    ///
    /// # Errors
    /// [`CredentialsError::PublicKeyId`].
    pub fn with_public_key(mut self, id: &str, key: PublicKey) -> Result<Self, CredentialsError> {
        if !id.starts_with("PUB_KEY_ID_") {
            return Err(CredentialsError::PublicKeyId);
        }
        self.configured = self.configured.with_public_key(id, key);
        self.trust(TrustedKeys::new());
        Ok(self)
    }

    /// Trusts a platform certificate from the configuration.
    #[must_use]
    pub fn with_platform_certificate(mut self, certificate: &Certificate) -> Self {
        self.configured = self.configured.with_certificate(certificate);
        self.trust(TrustedKeys::new());
        self
    }

    /// Replaces the downloaded keys; those of the configuration stay.
    pub fn trust(&self, downloaded: TrustedKeys) {
        let all = downloaded.with_all(&self.configured);
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
    }

    /// The keys of WeChat that are trusted now.
    #[must_use]
    pub fn trusted(&self) -> Arc<TrustedKeys> {
        Arc::clone(&self.trusted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The API v2 key.
    #[must_use]
    pub fn api_v2_key(&self) -> Option<&ApiV2Key> {
        self.api_v2_key.as_ref()
    }

    /// The API v3 key.
    #[must_use]
    pub fn api_v3_key(&self) -> Option<&SecretString> {
        self.api_v3_key.as_ref()
    }

    /// Certificate and key.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

fn checked(key: SecretString, which: &'static str) -> Result<SecretString, CredentialsError> {
    use secrecy::ExposeSecret;
    let bytes = key.expose_secret().len();
    if bytes == 32 {
        Ok(key)
    } else {
        Err(CredentialsError::KeyLength { which, bytes })
    }
}
