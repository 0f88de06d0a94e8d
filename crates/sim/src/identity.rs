//! Keys and certificates of a simulated WeChat Pay: an authority, and for each merchant its API
//! certificate, a platform certificate and a public key. They protect nothing; their form is that
//! of the real ones (RSA-2048, serial of 40 hex digits, common name = merchant number).

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};

use crate::random::Random;

/// Years a merchant or platform certificate is valid (P33).
const VALID_YEARS: i32 = 5;

/// Why a key or certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate cannot be built or signed.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The PKCS#12 file cannot be written.
    #[error("cannot write a PKCS#12 file")]
    Pkcs12(#[from] p12_keystore::error::Error),
}

/// A certificate with its private key, both as PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

/// A key pair without a certificate, both halves as PEM.
#[derive(Clone)]
pub struct KeyPem {
    /// `BEGIN PUBLIC KEY`.
    pub public_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

/// The authority that issues every certificate of one simulator.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The authority's own certificate and key.
    pub issued: Issued,
    now_ms: i64,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn generate(now_ms: i64) -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = authority_params(now_ms).self_signed(&key)?;
        let issued = Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        };
        Ok(Self {
            issuer: Issuer::new(authority_params(now_ms), key),
            issued,
            now_ms,
        })
    }

    /// An authority that was written to disk before.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn load(issued: Issued, now_ms: i64) -> Result<Self, IdentityError> {
        let key = KeyPair::from_pem(&issued.key_pem)?;
        Ok(Self {
            issuer: Issuer::new(authority_params(now_ms), key),
            issued,
            now_ms,
        })
    }

    /// The server's certificate: this machine's addresses, and WeChat's names for clients that
    /// are led here by a hosts file.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn server(&self, also: IpAddr) -> Result<Issued, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(self.now_ms, 1, "api.mch.weixin.qq.com");
        for name in [
            "localhost",
            "api.mch.weixin.qq.com",
            "api2.mch.weixin.qq.com",
        ] {
            params
                .subject_alt_names
                .push(SanType::DnsName(name.try_into()?));
        }
        for address in [
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            also,
        ] {
            let name = SanType::IpAddress(address);
            if !address.is_unspecified() && !params.subject_alt_names.contains(&name) {
                params.subject_alt_names.push(name);
            }
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// A merchant's API certificate, or a platform certificate, with an RSA key of its own. The
    /// common name is the merchant number, or WeChat's.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn certificate(&self, common_name: &str, serial: u128) -> Result<Issued, IdentityError> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut params = params(self.now_ms, VALID_YEARS, common_name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "微信商户系统（模拟）");
        params.serial_number = Some(serial_number(serial));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A key pair for a WeChat Pay public key.
///
/// # Errors
/// [`IdentityError`].
pub fn key_pair() -> Result<KeyPem, IdentityError> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    Ok(KeyPem {
        public_pem: key.public_key_pem(),
        key_pem: key.serialize_pem(),
    })
}

/// The merchant's certificate and key as PKCS#12; the password is the merchant number.
///
/// # Errors
/// [`IdentityError`].
pub fn pkcs12(issued: &Issued, mch_id: &str) -> Result<Vec<u8>, IdentityError> {
    let key = KeyPair::from_pem(&issued.key_pem)?;
    let certificate =
        rustls_pki_types::pem::PemObject::from_pem_slice(issued.certificate_pem.as_bytes())
            .map_err(|_bad| rcgen::Error::CouldNotParseCertificate)?;
    let certificate: rustls_pki_types::CertificateDer<'_> = certificate;
    let chain = PrivateKeyChain::new(
        mch_id.as_bytes(),
        p12_keystore::PrivateKey::from_der(&key.serialize_der())?,
        [p12_keystore::Certificate::from_der(certificate.as_ref())?],
    );
    let mut store = KeyStore::new();
    store.add_entry("Tenpay Certificate", KeyStoreEntry::PrivateKeyChain(chain));
    Ok(store.writer(mch_id).write()?)
}

fn authority_params(now_ms: i64) -> CertificateParams {
    let mut params = params(now_ms, 2 * VALID_YEARS, "Tuikuan simulator authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(now_ms: i64, years: i32, common_name: &str) -> CertificateParams {
    let day = Timestamp::from_millisecond(now_ms.saturating_sub(2 * crate::beijing::DAY_MS))
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
        .date();
    let part = |n: i8| u8::try_from(n).unwrap_or(1);
    // The 29th of February has no counterpart in most years.
    let (month, of_month) = (part(day.month()), part(day.day()).min(28));
    let year = i32::from(day.year());
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(year, month, of_month);
    params.not_after = date_time_ymd(year + years, month, of_month);
    params.use_authority_key_identifier_extension = true;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

/// A serial of exactly 40 hex digits whose first bit is 0, as a positive DER integer needs.
fn serial_number(seed: u128) -> SerialNumber {
    let mut bytes = vec![0x4d, 0x5a, 0x10, 0x01];
    bytes.extend(seed.to_be_bytes());
    SerialNumber::from_slice(&bytes)
}

/// A number for a serial.
pub(crate) fn serial_seed(dice: &mut Random) -> u128 {
    (u128::from(dice.next()) << 64) | u128::from(dice.next())
}
