//! The bytes of a notification, in both formats, and what a fault does to them (F-21 to F-23).

use serde_json::json;
use tuikuan_wechat::v2::{Fields, SignType, req_info, sign};
use tuikuan_wechat::v3::aead;

use super::About;
use crate::answer::{Tampering, signature_headers};
use crate::beijing;
use crate::books::{Api, MerchantKey};
use crate::fault::FaultAction;
use crate::merchant::{KeyKind, VerificationMode};
use crate::world::World;

/// What a letter is made of.
pub(super) struct Form {
    pub(super) merchant: MerchantKey,
    pub(super) format: Api,
    pub(super) id: String,
    pub(super) plain: String,
    pub(super) status: &'static str,
    pub(super) created_ms: i64,
    pub(super) is_refund: bool,
    pub(super) sub_mch_id: Option<String>,
}

/// Whether this attempt is a true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    True,
    Forged,
    Probe,
    Malformed,
}

impl Seal {
    pub(super) fn of(fault: Option<&FaultAction>, attempt: usize) -> Self {
        match fault {
            Some(FaultAction::NotificationForge { once: false }) => Self::Forged,
            Some(FaultAction::NotificationForge { .. }) if attempt == 1 => Self::Forged,
            Some(FaultAction::NotificationSigntest) if attempt == 1 => Self::Probe,
            Some(FaultAction::NotificationMalformed) if attempt == 1 => Self::Malformed,
            _ => Self::True,
        }
    }

    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::True => None,
            Self::Forged => Some("forged"),
            Self::Probe => Some("signtest"),
            Self::Malformed => Some("malformed"),
        }
    }
}

/// Headers and body.
pub(super) type Written = (Vec<(String, String)>, Vec<u8>);

impl World {
    /// What the letter tells, before encryption.
    pub(super) fn plain_text(&self, about: About, format: Api) -> String {
        match (about, format) {
            (About::Refund(key), Api::V3) => crate::v3::refund_resource(self, key).to_string(),
            (About::Refund(key), Api::V2) => crate::v2::refund_resource(self, key),
            (About::Payment(key), Api::V3) => crate::v3::order_resource(self, key).to_string(),
            (About::Payment(key), Api::V2) => crate::v2::payment_fields(self, key).to_xml(),
        }
    }

    pub(super) fn write_letter(&mut self, form: &Form, seal: Seal) -> Written {
        let (headers, body) = match form.format {
            Api::V3 => self.write_v3(form, seal),
            Api::V2 if form.is_refund => self.write_v2_refund(form, seal),
            Api::V2 => self.write_v2_payment(form, seal),
        };
        match seal {
            Seal::Malformed => {
                let half = body.len() / 2;
                (headers, body.into_iter().take(half).collect())
            }
            _ => (headers, body),
        }
    }

    fn write_v3(&mut self, form: &Form, seal: Seal) -> Written {
        let nonce = self.dice.text(12);
        let kind = if form.is_refund {
            "refund"
        } else {
            "transaction"
        };
        let key = self.merchant(form.merchant).api_v3_key.clone();
        let ciphertext = aead::seal(&key, &nonce, kind, form.plain.as_bytes()).unwrap_or_default();
        let (event, summary) = match (form.is_refund, form.status) {
            (false, _) => ("TRANSACTION.SUCCESS".to_owned(), "支付成功"),
            (true, "SUCCESS") => ("REFUND.SUCCESS".to_owned(), "退款成功"),
            (true, "ABNORMAL") => ("REFUND.ABNORMAL".to_owned(), "退款异常"),
            (true, status) => (format!("REFUND.{status}"), "退款关闭"),
        };
        let body = json!({
            "id": form.id,
            "create_time": beijing::rfc3339(form.created_ms),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": summary,
            "resource": {
                "original_type": kind,
                "algorithm": aead::ALGORITHM,
                "ciphertext": ciphertext,
                "associated_data": kind,
                "nonce": nonce,
            },
        })
        .to_string()
        .into_bytes();
        let tampering = match seal {
            Seal::True | Seal::Malformed => Tampering::None,
            Seal::Forged => Tampering::BadSignature,
            Seal::Probe => Tampering::Signtest,
        };
        let mode = self.merchant(form.merchant).mode;
        let kind = match mode {
            VerificationMode::PublicKey => KeyKind::PublicKey,
            VerificationMode::Switching { percent }
                if self.dice.below(100) < u64::from(percent) =>
            {
                KeyKind::PublicKey
            }
            VerificationMode::Certificate | VerificationMode::Switching { .. } => {
                KeyKind::Certificate
            }
        };
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        if let Some(key) = self.merchant(form.merchant).newest(kind) {
            headers.extend(signature_headers(self, &key, &body, tampering));
        }
        (headers, body)
    }

    fn write_v2_refund(&mut self, form: &Form, seal: Seal) -> Written {
        let nonce = self.dice.text(32);
        let account = self.merchant(form.merchant);
        let sealed = req_info::seal(form.plain.as_bytes(), &account.api_v2_key).unwrap_or_default();
        let mut fields = Fields::new();
        fields.set("return_code", "SUCCESS");
        fields.set("appid", account.app_id.as_str());
        fields.set("mch_id", account.mch_id.as_str());
        fields.set_some("sub_mch_id", form.sub_mch_id.as_deref());
        fields.set("nonce_str", nonce);
        let before = self
            .post
            .last_cipher
            .insert(form.merchant, sealed.clone())
            .unwrap_or_default();
        fields.set(
            "req_info",
            match seal {
                Seal::Forged => spliced(&sealed, &before),
                Seal::Probe => sealed.chars().rev().collect(),
                Seal::True | Seal::Malformed => sealed,
            },
        );
        (xml_headers(), fields.to_xml().into_bytes())
    }

    fn write_v2_payment(&mut self, form: &Form, seal: Seal) -> Written {
        let mut fields = Fields::parse(form.plain.as_bytes()).unwrap_or_default();
        let nonce = self.dice.text(32);
        fields.set("nonce_str", nonce);
        let sign_type = match fields.get("sign_type") {
            Some("HMAC-SHA256") => SignType::HmacSha256,
            _ => SignType::Md5,
        };
        let key = &self.merchant(form.merchant).api_v2_key;
        let signature = sign(&fields, key, sign_type);
        fields.set("sign", signature);
        if matches!(seal, Seal::Forged | Seal::Probe) {
            fields.set("total_fee", "1");
        }
        (xml_headers(), fields.to_xml().into_bytes())
    }
}

fn xml_headers() -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), "text/xml".to_owned())]
}

/// Whole cipher blocks of an older message in the middle of this one: it decrypts, because ECB
/// proves nothing about integrity (INV-18).
fn spliced(sealed: &str, before: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    const BLOCK: usize = 16;
    let mut mine = STANDARD.decode(sealed).unwrap_or_default();
    let other = STANDARD.decode(before).unwrap_or_default();
    let blocks = mine.len() / BLOCK;
    if other.len() >= mine.len() && other != mine {
        let half = blocks / 2 * BLOCK;
        for (mine, other) in mine.iter_mut().zip(&other).take(half) {
            *mine = *other;
        }
    } else if blocks > 4 {
        let (front, back) = mine.split_at_mut(2 * BLOCK);
        if let (Some(a), Some(b)) = (front.get_mut(BLOCK..), back.get_mut(..BLOCK)) {
            a.swap_with_slice(b);
        }
    }
    STANDARD.encode(mine)
}
