//! All keys of one simulated merchant, made once and used in as many worlds as one likes.

use secrecy::SecretString;
use tuikuan_wechat::keys::{Certificate, KeyError, PrivateKey};

use crate::identity::{Authority, IdentityError, Issued, KeyPem, key_pair, serial_seed};
use crate::merchant::{MerchantSetup, PlatformCertificate, VerificationMode, WechatPublicKey};
use crate::random::Random;
use crate::setup::MerchantPlan;

/// What every account begins with, in fen: ten million yuan.
const OPENING_BALANCE_FEN: i64 = 1_000_000_000;
/// WeChat's name in its platform certificates.
const PLATFORM_NAME: &str = "Tenpay.com sign";

/// A merchant's keys, both sides of them.
#[derive(Clone)]
pub struct Material {
    /// The v2 key.
    pub api_v2_key: String,
    /// The v3 key.
    pub api_v3_key: String,
    /// The merchant's API certificate and key.
    pub own: Issued,
    /// WeChat's platform certificate and key.
    pub platform: Issued,
    /// Id of the WeChat Pay public key.
    pub public_key_id: String,
    /// The WeChat Pay public key, both halves.
    pub public: KeyPem,
}

impl Material {
    /// Makes the keys of a merchant. Slow: three RSA keys. The symmetric keys, the serials and the
    /// public key's id follow from the seed, the RSA keys do not.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn generate(authority: &Authority, mch_id: &str, seed: u64) -> Result<Self, IdentityError> {
        let number: u64 = mch_id.parse().unwrap_or(0);
        let mut dice = Random::new(seed ^ number.rotate_left(20));
        Ok(Self {
            api_v2_key: dice.text(32),
            api_v3_key: dice.text(32),
            own: authority.certificate(mch_id, serial_seed(&mut dice))?,
            platform: new_platform_certificate(authority, &mut dice)?,
            public_key_id: new_public_key_id(mch_id, &mut dice),
            public: key_pair()?,
        })
    }

    /// An account with these keys.
    ///
    /// # Errors
    /// [`KeyError`] when a PEM cannot be read.
    pub fn account(&self, plan: &MerchantPlan) -> Result<MerchantSetup, KeyError> {
        Ok(MerchantSetup {
            mch_id: plan.mch_id.clone(),
            app_id: plan.app_id.clone(),
            api_v2_key: SecretString::from(self.api_v2_key.clone()),
            api_v3_key: SecretString::from(self.api_v3_key.clone()),
            certificate: Certificate::from_pem(self.own.certificate_pem.as_bytes())?,
            platform: platform_certificate(&self.platform)?,
            public_key: WechatPublicKey {
                id: self.public_key_id.clone(),
                key: PrivateKey::from_pem(self.public.key_pem.as_bytes())?,
            },
            mode: VerificationMode::Certificate,
            sub_merchants: plan.sub_merchants.clone(),
            available: OPENING_BALANCE_FEN,
            unsettled: None,
            notify_url: None,
        })
    }
}

/// A platform certificate from its PEM.
///
/// # Errors
/// [`KeyError`].
pub fn platform_certificate(issued: &Issued) -> Result<PlatformCertificate, KeyError> {
    Ok(PlatformCertificate {
        pem: issued.certificate_pem.clone(),
        certificate: Certificate::from_pem(issued.certificate_pem.as_bytes())?,
        key: PrivateKey::from_pem(issued.key_pem.as_bytes())?,
    })
}

/// One more platform certificate, for a rotation.
pub(crate) fn new_platform_certificate(
    authority: &Authority,
    dice: &mut Random,
) -> Result<Issued, IdentityError> {
    authority.certificate(PLATFORM_NAME, serial_seed(dice))
}

pub(crate) fn new_public_key_id(mch_id: &str, dice: &mut Random) -> String {
    let number = dice.below(10_000_000_000_000_000);
    format!("PUB_KEY_ID_01{mch_id}{number:016}")
}
