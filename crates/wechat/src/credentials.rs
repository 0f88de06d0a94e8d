//! PEM and PKCS#12 in, [`Credentials`] out. Nothing here can be printed (INV-36), and what does not
//! belong together is refused when it is put together, not when money is at stake (INV-41).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use tuikuan_terms::MchId;

use crate::certificate::{Certificate, CertificateError};
use crate::key::{KeyError, PrivateKey};
use crate::trusted::{TrustedKeys, TrustedKeysError};
use crate::v3::aead::{ApiV3Key, ApiV3KeyError};

/// The length of an API v2 key.
pub const API_V2_KEY_BYTES: usize = 32;

/// Why credentials cannot be used. The operator must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The API v2 key has the wrong length.
    #[error("the API v2 key has {bytes} bytes, needed are 32")]
    ApiV2Key {
        /// Its length.
        bytes: usize,
    },
    /// The API v3 key has the wrong length.
    #[error("the API v3 key cannot be used")]
    ApiV3Key(#[from] ApiV3KeyError),
    /// The merchant's certificate cannot be read.
    #[error("the merchant certificate cannot be used")]
    Certificate(#[from] CertificateError),
    /// The merchant's private key cannot be read.
    #[error("the merchant's private key cannot be used")]
    PrivateKey(#[from] KeyError),
    /// The PKCS#12 file does not open: wrong password (normally the merchant number) or not PKCS#12.
    #[error("the PKCS#12 file does not open; its password is normally the merchant number")]
    Pkcs12,
    /// The PKCS#12 file holds no private key with a certificate.
    #[error("the PKCS#12 file holds no private key with a certificate")]
    Pkcs12Empty,
    /// Private key and certificate are of different pairs.
    #[error("the private key does not belong to the certificate {serial}")]
    KeyOfOtherCertificate {
        /// The certificate's serial.
        serial: String,
    },
    /// The certificate is another merchant's.
    #[error("the certificate is of merchant {found}, not of {wanted}")]
    OtherMerchant {
        /// The name in the certificate.
        found: String,
        /// The merchant of the account.
        wanted: MchId,
    },
    /// A key of WeChat cannot be used.
    #[error("a key of WeChat cannot be used")]
    TrustedKeys(#[from] TrustedKeysError),
}

/// The merchant's certificate and the private key that belongs to it.
#[derive(Debug)]
pub struct MerchantIdentity {
    certificate: Certificate,
    private_key: PrivateKey,
}

impl MerchantIdentity {
    /// Puts the two together.
    ///
    /// # Errors
    /// [`CredentialsError::KeyOfOtherCertificate`].
    pub fn new(
        certificate: Certificate,
        private_key: PrivateKey,
    ) -> Result<Self, CredentialsError> {
        if !certificate.belongs_to(&private_key) {
            let serial = certificate.serial().to_owned();
            return Err(CredentialsError::KeyOfOtherCertificate { serial });
        }
        Ok(Self { certificate, private_key })
    }

    /// Reads `apiclient_cert.pem` and `apiclient_key.pem`.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn from_pem(certificate: &[u8], private_key: &[u8]) -> Result<Self, CredentialsError> {
        Self::new(Certificate::from_pem(certificate)?, PrivateKey::from_pem(private_key)?)
    }

    /// Reads `apiclient_cert.p12`; the password is normally the merchant number.
    ///
    /// # Errors
    /// [`CredentialsError`].
    #[cfg(feature = "p12")]
    pub fn from_pkcs12(file: &[u8], password: &SecretString) -> Result<Self, CredentialsError> {
        use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
        let password = password.expose_secret();
        let store = KeyStore::from_pkcs12(file, password, Pkcs12ImportPolicy::Relaxed)
            .map_err(|_p12| CredentialsError::Pkcs12)?;
        let (_, chain) = store.private_key_chain().ok_or(CredentialsError::Pkcs12Empty)?;
        let certificate = chain.certs().first().ok_or(CredentialsError::Pkcs12Empty)?;
        Self::new(
            Certificate::from_der(certificate.as_der())?,
            PrivateKey::from_pkcs8(chain.key().as_der())?,
        )
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key.
    #[must_use]
    pub const fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }
}

/// Everything secret of one merchant, and WeChat's keys that are trusted for it.
pub struct Credentials {
    pub(crate) api_v2_key: Option<SecretString>,
    pub(crate) api_v3_key: Option<ApiV3Key>,
    pub(crate) identity: Option<MerchantIdentity>,
    // Read at every answer and replaced once a day: a lock held for a pointer copy.
    trusted: RwLock<Arc<TrustedKeys>>,
}

impl Credentials {
    /// Nothing yet.
    #[must_use]
    pub fn builder() -> CredentialsBuilder {
        CredentialsBuilder::default()
    }

    /// The API v2 key.
    #[must_use]
    pub const fn api_v2_key(&self) -> Option<&SecretString> {
        self.api_v2_key.as_ref()
    }

    /// The API v3 key.
    #[must_use]
    pub const fn api_v3_key(&self) -> Option<&ApiV3Key> {
        self.api_v3_key.as_ref()
    }

    /// The merchant's certificate and key.
    #[must_use]
    pub const fn identity(&self) -> Option<&MerchantIdentity> {
        self.identity.as_ref()
    }

    /// WeChat's keys that are trusted now.
    #[must_use]
    pub fn trusted(&self) -> Arc<TrustedKeys> {
        Arc::clone(&self.trusted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the trusted keys, after a download of certificates.
    pub fn replace_trusted(&self, keys: TrustedKeys) {
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Whether the merchant's certificate names this merchant.
    ///
    /// # Errors
    /// [`CredentialsError::OtherMerchant`].
    pub fn check_merchant(&self, mch_id: &MchId) -> Result<(), CredentialsError> {
        let Some(identity) = &self.identity else { return Ok(()) };
        let found = identity.certificate().common_name().unwrap_or_default();
        if found == mch_id.as_str() {
            return Ok(());
        }
        Err(CredentialsError::OtherMerchant { found: found.to_owned(), wanted: mch_id.clone() })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial = self.identity.as_ref().map(|identity| identity.certificate().serial());
        f.debug_struct("Credentials")
            .field("api_v2_key", &self.api_v2_key.as_ref().map(|_| "[redacted]"))
            .field("api_v3_key", &self.api_v3_key.as_ref().map(|_| "[redacted]"))
            .field("merchant_certificate", &serial)
            .field("trusted", &self.trusted())
            .finish()
    }
}

/// Builds [`Credentials`]; each part is checked as it is added.
#[derive(Default)]
pub struct CredentialsBuilder {
    api_v2_key: Option<SecretString>,
    api_v3_key: Option<ApiV3Key>,
    identity: Option<MerchantIdentity>,
    trusted: TrustedKeys,
}

impl CredentialsBuilder {
    /// The API v2 key: 32 bytes.
    ///
    /// # Errors
    /// [`CredentialsError::ApiV2Key`].
    pub fn api_v2_key(mut self, key: SecretString) -> Result<Self, CredentialsError> {
        let bytes = key.expose_secret().len();
        if bytes != API_V2_KEY_BYTES {
            return Err(CredentialsError::ApiV2Key { bytes });
        }
        self.api_v2_key = Some(key);
        Ok(self)
    }

    /// The API v3 key: 32 bytes.
    ///
    /// # Errors
    /// [`CredentialsError::ApiV3Key`].
    pub fn api_v3_key(mut self, key: &SecretString) -> Result<Self, CredentialsError> {
        self.api_v3_key = Some(ApiV3Key::new(key)?);
        Ok(self)
    }

    /// The merchant's certificate and key.
    #[must_use]
    pub fn identity(mut self, identity: MerchantIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The merchant's certificate and key as PEM texts.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn merchant_pem(
        self,
        certificate: &[u8],
        private_key: &[u8],
    ) -> Result<Self, CredentialsError> {
        Ok(self.identity(MerchantIdentity::from_pem(certificate, private_key)?))
    }

    /// The merchant's certificate and key as PKCS#12.
    ///
    /// # Errors
    /// [`CredentialsError`].
    #[cfg(feature = "p12")]
    pub fn merchant_pkcs12(
        self,
        file: &[u8],
        password: &SecretString,
    ) -> Result<Self, CredentialsError> {
        Ok(self.identity(MerchantIdentity::from_pkcs12(file, password)?))
    }

    /// The WeChat Pay public key with its id, `PUB_KEY_ID_` and digits.
    ///
    /// # Errors
    /// [`CredentialsError::TrustedKeys`].
    pub fn public_key(mut self, id: &str, pem: &[u8]) -> Result<Self, CredentialsError> {
        self.trusted.add_public_key(id, pem)?;
        Ok(self)
    }

    /// A platform certificate known beforehand; usually they are downloaded.
    ///
    /// # Errors
    /// [`CredentialsError::TrustedKeys`].
    pub fn platform_certificate(mut self, pem: &[u8]) -> Result<Self, CredentialsError> {
        self.trusted.add_certificate(pem)?;
        Ok(self)
    }

    /// The credentials.
    #[must_use]
    pub fn build(self) -> Credentials {
        Credentials {
            api_v2_key: self.api_v2_key,
            api_v3_key: self.api_v3_key,
            identity: self.identity,
            trusted: RwLock::new(Arc::new(self.trusted)),
        }
    }
}

impl fmt::Debug for CredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsBuilder([redacted])")
    }
}
