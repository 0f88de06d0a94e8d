//! RSA keys and certificates. Private keys cannot be printed; public ones are parsed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, PrivateDecryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use x509_cert::Certificate as X509;
use x509_cert::der::{Decode, Encode};
use zeroize::Zeroizing;

/// Why a key or certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the PEM block that was expected.
    #[error("the text holds no PEM {expected}")]
    Pem {
        /// What was expected.
        expected: &'static str,
    },
    /// Not an RSA private key of 2048 bits or more.
    #[error("not an RSA private key of at least 2048 bits")]
    PrivateKey,
    /// Not an RSA public key of 2048 to 8192 bits.
    #[error("not an RSA public key of at least 2048 bits")]
    PublicKey,
    /// Not an X.509 certificate with an RSA key.
    #[error("not an X.509 certificate with an RSA key")]
    Certificate,
    /// A PKCS#12 file that the password does not open.
    #[error("the PKCS#12 file does not open with this password (WeChat's is the merchant number)")]
    Pkcs12,
}

/// An RSA private key.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<KeyPair>,
    pkcs8: Arc<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

impl PrivateKey {
    /// Reads a PEM file, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_bad| KeyError::Pem {
            expected: "private key",
        })?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(KeyError::PrivateKey),
        };
        Self::of(pair.map_err(|_rejected| KeyError::PrivateKey)?)
    }

    /// Reads PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::of(KeyPair::from_pkcs8(der).map_err(|_rejected| KeyError::PrivateKey)?)
    }

    fn of(pair: KeyPair) -> Result<Self, KeyError> {
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_unspecified| KeyError::PrivateKey)?;
        let pkcs8 = Arc::new(Zeroizing::new(der.as_ref().to_vec()));
        Ok(Self {
            pair: Arc::new(pair),
            pkcs8,
        })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256; deterministic.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .ok()?;
        Some(signature)
    }

    /// The public half, as an RSAPublicKey in DER.
    #[must_use]
    pub fn public_der(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    pub(crate) fn decrypting(&self) -> Option<PrivateDecryptingKey> {
        PrivateDecryptingKey::from_pkcs8(&self.pkcs8).ok()
    }

    /// The key as PKCS#8 DER, for a TLS stack.
    #[must_use]
    pub fn der(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::clone(&self.pkcs8)
    }
}

/// An RSA public key of WeChat's.
#[derive(Clone)]
pub struct PublicKey {
    parsed: Arc<ParsedPublicKey>,
    spki: Vec<u8>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey")
    }
}

impl PublicKey {
    /// Reads a PEM file (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_bad| KeyError::Pem {
            expected: "public key",
        })?;
        Self::from_der(der.as_ref())
    }

    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`].
    pub fn from_der(spki: &[u8]) -> Result<Self, KeyError> {
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki)
            .map_err(|_rejected| KeyError::PublicKey)?;
        Ok(Self {
            parsed: Arc::new(parsed),
            spki: spki.to_vec(),
        })
    }

    /// Whether the signature is right.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    pub(crate) fn encrypting(&self) -> Option<PublicEncryptingKey> {
        PublicEncryptingKey::from_der(&self.spki).ok()
    }
}

/// A certificate and what it says of itself.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Serial number, upper-case hex.
    pub serial: String,
    /// The subject's common name: the merchant number, for a merchant's certificate.
    pub common_name: Option<String>,
    /// Valid from, unix seconds.
    pub not_before: i64,
    /// Valid until, unix seconds.
    pub not_after: i64,
    /// The key it certifies.
    pub public_key: PublicKey,
    /// The bits of the public key, to compare with a private key.
    rsa_public_der: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_bad| KeyError::Pem {
            expected: "certificate",
        })?;
        Self::from_der(der.as_ref())
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`KeyError::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let bad = |_| KeyError::Certificate;
        let x509 = X509::from_der(der).map_err(bad)?;
        let tbs = x509.tbs_certificate();
        let spki = tbs.subject_public_key_info();
        let public_key = PublicKey::from_der(&spki.to_der().map_err(bad)?)?;
        let seconds = |t: x509_cert::time::Time| {
            i64::try_from(t.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let subject = tbs.subject().to_string();
        let common_name = subject
            .split(',')
            .find_map(|part| part.trim().strip_prefix("CN="))
            .map(str::to_owned);
        let serial = crate::v2::sign::hex_upper(tbs.serial_number().as_bytes());
        let serial = serial
            .strip_prefix("00")
            .map(str::to_owned)
            .unwrap_or(serial);
        Ok(Self {
            der: der.to_vec(),
            serial,
            common_name,
            not_before: seconds(tbs.validity().not_before),
            not_after: seconds(tbs.validity().not_after),
            public_key,
            rsa_public_der: spki.subject_public_key.raw_bytes().to_vec(),
        })
    }

    /// Whether the private key belongs to this certificate.
    #[must_use]
    pub fn belongs_to(&self, key: &PrivateKey) -> bool {
        self.rsa_public_der == key.public_der()
    }
}

/// The keys that WeChat may sign with, by the serial it names: platform certificates and WeChat Pay
/// public keys side by side.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: BTreeMap<String, Trusted>,
}

#[derive(Debug, Clone)]
struct Trusted {
    key: PublicKey,
    /// A public key has no end; a certificate has.
    not_after: Option<i64>,
}

impl TrustedKeys {
    /// Trusts nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a WeChat Pay public key under its id (`PUB_KEY_ID_...`, compared exactly).
    #[must_use]
    pub fn with_public_key(mut self, id: &str, key: PublicKey) -> Self {
        self.keys.insert(
            id.to_owned(),
            Trusted {
                key,
                not_after: None,
            },
        );
        self
    }

    /// Adds a platform certificate under its serial.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        let key = certificate.public_key.clone();
        let not_after = Some(certificate.not_after);
        self.keys
            .insert(certificate.serial.clone(), Trusted { key, not_after });
        self
    }

    /// Adds all keys of another set.
    #[must_use]
    pub fn with_all(mut self, other: &Self) -> Self {
        self.keys
            .extend(other.keys.iter().map(|(id, key)| (id.clone(), key.clone())));
        self
    }

    /// The key a serial names, unless its certificate has ended.
    #[must_use]
    pub fn get(&self, serial: &str, now_unix: i64) -> Option<&PublicKey> {
        let trusted = match self.keys.get(serial) {
            Some(trusted) => trusted,
            None if serial.starts_with("PUB_KEY_ID_") => return None,
            None => self.keys.get(&serial.to_ascii_uppercase())?,
        };
        trusted
            .not_after
            .is_none_or(|end| now_unix < end)
            .then_some(&trusted.key)
    }

    /// The key to ask WeChat for, and to encrypt to: a public key if there is one, else the
    /// certificate that lasts longest.
    #[must_use]
    pub fn preferred(&self, now_unix: i64) -> Option<(&str, &PublicKey)> {
        let lasts = |trusted: &Trusted| trusted.not_after.unwrap_or(i64::MAX);
        let usable = self
            .keys
            .iter()
            .filter(|(_, trusted)| now_unix < lasts(trusted));
        let (serial, trusted) = usable.max_by_key(|(_, trusted)| lasts(trusted))?;
        Some((serial, &trusted.key))
    }

    /// The serials.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
