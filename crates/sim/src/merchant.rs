//! One merchant's account at the simulator: numbers, keys, balance, and which of WeChat's keys
//! signs for it. Keys come from outside as PEM; nothing here makes one, so a simulation can open a
//! thousand worlds with the same material.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tuikuan_terms::{AppId, MchId, SubMchId};
use tuikuan_wechat::keys::{Certificate, PrivateKey, PublicKey};
use tuikuan_wechat::v2::ApiV2Key;

use crate::books::FundsAccount;
use crate::limits::Usage;

/// What it takes to open an account.
#[derive(Clone)]
pub struct MerchantSetup {
    /// The merchant number.
    pub mch_id: MchId,
    /// The application bound to it.
    pub app_id: AppId,
    /// The v2 key.
    pub api_v2_key: SecretString,
    /// The v3 key, 32 bytes.
    pub api_v3_key: SecretString,
    /// The merchant's API certificate.
    pub certificate: Certificate,
    /// WeChat's platform certificate for this merchant.
    pub platform: PlatformCertificate,
    /// The WeChat Pay public key for this merchant.
    pub public_key: WechatPublicKey,
    /// Which of the two signs unless the caller asks for one.
    pub mode: VerificationMode,
    /// Sub-merchants, when it is a service provider.
    pub sub_merchants: Vec<SubMerchant>,
    /// The balance, in fen.
    pub available: i64,
    /// Takings not yet settled, in fen; `None` for a merchant on the new fund flow.
    pub unsettled: Option<i64>,
    /// The refund callback set in the merchant platform.
    pub notify_url: Option<String>,
}

/// A sub-merchant and its own application, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubMerchant {
    /// Its number.
    pub sub_mch_id: SubMchId,
    /// Its application.
    pub sub_app_id: Option<AppId>,
}

/// A platform certificate with its private key.
#[derive(Clone)]
pub struct PlatformCertificate {
    /// The certificate as text, which `/v3/certificates` hands out.
    pub pem: String,
    /// The certificate, parsed.
    pub certificate: Certificate,
    /// Its private key.
    pub key: PrivateKey,
}

/// A WeChat Pay public key with its private half.
#[derive(Clone)]
pub struct WechatPublicKey {
    /// `PUB_KEY_ID_` and digits.
    pub id: String,
    /// The private half.
    pub key: PrivateKey,
}

/// Which key signs answers and notifications when the caller names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationMode {
    /// The platform certificate.
    Certificate,
    /// The public key; `/v3/certificates` then has nothing to give.
    PublicKey,
    /// In between: answers by certificate, this share of the notifications by public key.
    Switching {
        /// Percent of the notifications.
        percent: u8,
    },
}

/// Why an account cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The merchant number has an account.
    #[error("merchant {mch_id} exists already")]
    Taken {
        /// The number.
        mch_id: String,
    },
    /// The v3 key has the wrong length.
    #[error("the v3 key of merchant {mch_id} has {bytes} bytes, needed are 32")]
    V3KeyLength {
        /// The number.
        mch_id: String,
        /// Its length.
        bytes: usize,
    },
}

/// The two kinds of WeChat's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Certificate,
    PublicKey,
}

/// One of WeChat's own keys at work.
pub(crate) struct WechatKey {
    pub(crate) serial: String,
    pub(crate) key: PrivateKey,
    /// The certificate as text with its validity in unix milliseconds; `None` for a public key.
    pub(crate) certificate: Option<Validity>,
}

/// What `/v3/certificates` tells about a platform certificate.
pub(crate) struct Validity {
    pub(crate) pem: String,
    pub(crate) effective_ms: i64,
    pub(crate) expire_ms: i64,
}

/// An account.
pub(crate) struct Merchant {
    pub(crate) mch_id: String,
    pub(crate) app_id: String,
    pub(crate) api_v2_key: ApiV2Key,
    pub(crate) api_v3_key: SecretString,
    pub(crate) certificates: HashMap<String, PublicKey>,
    /// Newest last; all of them are known, the newest of its kind signs.
    pub(crate) wechat_keys: Vec<Arc<WechatKey>>,
    pub(crate) mode: VerificationMode,
    pub(crate) sub_merchants: Vec<SubMerchant>,
    pub(crate) available: i64,
    pub(crate) unsettled: Option<i64>,
    pub(crate) notify_url: Option<String>,
    pub(crate) usage: Usage,
    /// Fees given back and coupons not prepaid, in fen: what refunds did not cost after all.
    pub(crate) spared: i64,
}

impl Merchant {
    pub(crate) fn open(setup: MerchantSetup) -> Result<Self, SetupError> {
        use secrecy::ExposeSecret as _;
        let mch_id = setup.mch_id.as_str().to_owned();
        let bytes = setup.api_v3_key.expose_secret().len();
        if bytes != 32 {
            return Err(SetupError::V3KeyLength { mch_id, bytes });
        }
        let mut merchant = Self {
            mch_id,
            app_id: setup.app_id.as_str().to_owned(),
            api_v2_key: setup.api_v2_key.into(),
            api_v3_key: setup.api_v3_key,
            certificates: HashMap::new(),
            wechat_keys: Vec::new(),
            mode: setup.mode,
            sub_merchants: setup.sub_merchants,
            available: setup.available,
            unsettled: setup.unsettled,
            notify_url: setup.notify_url,
            usage: Usage::default(),
            spared: 0,
        };
        merchant.add_certificate(&setup.certificate);
        merchant.add_platform_certificate(setup.platform);
        merchant.add_public_key(setup.public_key);
        Ok(merchant)
    }

    /// One more certificate of the merchant; the older ones stay usable.
    pub(crate) fn add_certificate(&mut self, certificate: &Certificate) {
        self.certificates.insert(
            certificate.serial.to_ascii_uppercase(),
            certificate.public_key.clone(),
        );
    }

    /// A new platform certificate; from now on it signs.
    pub(crate) fn add_platform_certificate(&mut self, platform: PlatformCertificate) {
        self.wechat_keys.push(Arc::new(WechatKey {
            serial: platform.certificate.serial,
            key: platform.key,
            certificate: Some(Validity {
                pem: platform.pem,
                effective_ms: platform.certificate.not_before.saturating_mul(1_000),
                expire_ms: platform.certificate.not_after.saturating_mul(1_000),
            }),
        }));
    }

    /// A new public key; from now on it signs in public-key mode.
    pub(crate) fn add_public_key(&mut self, public: WechatPublicKey) {
        self.wechat_keys.push(Arc::new(WechatKey {
            serial: public.id,
            key: public.key,
            certificate: None,
        }));
    }

    /// The key of that serial, as callers name it in `Wechatpay-Serial`.
    pub(crate) fn wechat_key(&self, serial: &str) -> Option<Arc<WechatKey>> {
        self.wechat_keys
            .iter()
            .rev()
            .find(|key| match key.certificate {
                Some(_) => key.serial.eq_ignore_ascii_case(serial),
                None => key.serial == serial,
            })
            .cloned()
    }

    /// The newest key of the kind that signs answers by default.
    pub(crate) fn answer_key(&self) -> Option<Arc<WechatKey>> {
        self.newest(match self.mode {
            VerificationMode::PublicKey => KeyKind::PublicKey,
            VerificationMode::Certificate | VerificationMode::Switching { .. } => {
                KeyKind::Certificate
            }
        })
    }

    /// The newest platform certificate's key, or the newest public key.
    pub(crate) fn newest(&self, kind: KeyKind) -> Option<Arc<WechatKey>> {
        self.wechat_keys
            .iter()
            .rev()
            .find(|key| key.certificate.is_some() == (kind == KeyKind::Certificate))
            .cloned()
    }

    pub(crate) fn is_provider(&self) -> bool {
        !self.sub_merchants.is_empty()
    }

    pub(crate) fn serves(&self, sub_mch_id: &str) -> bool {
        self.sub_merchants
            .iter()
            .any(|sub| sub.sub_mch_id.as_str() == sub_mch_id)
    }

    /// What a refund from that account could take, in fen (P34, P35).
    pub(crate) fn funds(&self, account: FundsAccount) -> i64 {
        match (account, self.unsettled) {
            (FundsAccount::Available, _) | (_, None) => self.available,
            (FundsAccount::Default | FundsAccount::Unsettled, Some(unsettled)) => unsettled,
        }
    }

    pub(crate) fn debit(&mut self, account: FundsAccount, amount: i64) -> bool {
        if self.funds(account) < amount {
            return false;
        }
        self.credit(account, -amount);
        true
    }

    pub(crate) fn credit(&mut self, account: FundsAccount, amount: i64) {
        match (account, self.unsettled.as_mut()) {
            (FundsAccount::Available, _) | (_, None) => self.available += amount,
            (FundsAccount::Default | FundsAccount::Unsettled, Some(unsettled)) => {
                *unsettled += amount;
            }
        }
    }
}
