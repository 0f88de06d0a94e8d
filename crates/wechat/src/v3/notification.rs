//! v3 notifications: verified over the raw bytes, then decrypted, then parsed, in this order
//! (INV-17). WeChat's probes simply fail the verification.

use secrecy::SecretString;
use serde::Deserialize;
use tuikuan_terms::Fen;

use crate::keys::TrustedKeys;
use crate::refund::{PaymentReport, RefundReport, RefundStatus};
use crate::time::from_rfc3339;
use crate::v3::aead::{self, ALGORITHM, AeadError};
use crate::v3::message::{AmountAnswer, TransactionAnswer};
use crate::v3::sign::{VerifyError, verify};

/// The largest notification read, in bytes.
pub const NOTIFICATION_BYTES_MAX: usize = 64 * 1024;
/// The body of an answer that asks for another delivery.
pub const REPLY_FAIL: &str = "{\"code\":\"FAIL\",\"message\":\"retry later\"}";

/// Why a notification was not opened. To the sender all are alike (INV-23).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Above [`NOTIFICATION_BYTES_MAX`].
    #[error("the notification is too large")]
    TooLarge,
    /// Not signed by WeChat.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The envelope is not the documented JSON.
    #[error("the envelope is not a notification")]
    Envelope,
    /// Another algorithm than the documented one.
    #[error("the algorithm is not {ALGORITHM}")]
    Algorithm,
    /// The resource does not open: the API v3 key is wrong or was reset.
    #[error(transparent)]
    Aead(#[from] AeadError),
    /// The decrypted resource is not the documented JSON.
    #[error("the decrypted resource cannot be read")]
    Resource,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    nonce: String,
    #[serde(default)]
    associated_data: Option<String>,
}

#[derive(Deserialize)]
struct RefundResource {
    mchid: Option<String>,
    sp_mchid: Option<String>,
    sub_mchid: Option<String>,
    transaction_id: String,
    out_trade_no: String,
    refund_id: String,
    out_refund_no: String,
    refund_status: String,
    success_time: Option<String>,
    user_received_account: Option<String>,
    amount: AmountAnswer,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `REFUND.SUCCESS`, `REFUND.ABNORMAL`, `REFUND.CLOSED`.
    Refund(Box<RefundReport>),
    /// `TRANSACTION.SUCCESS`.
    Payment(Box<PaymentReport>),
    /// Authentic, but nothing of refunds or payments.
    Other,
}

/// An authentic notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Unique per notification.
    pub id: String,
    /// The event.
    pub event_type: String,
    /// What it is about.
    pub subject: Subject,
    /// The decrypted text, for the record.
    pub plain: Vec<u8>,
}

/// Verifies, decrypts and reads a notification.
///
/// # Errors
/// [`NotificationError`]; never panics, whatever the input.
pub fn open(
    headers: &[(String, String)],
    body: &[u8],
    keys: &TrustedKeys,
    api_v3_key: &SecretString,
    now_unix: i64,
) -> Result<Notification, NotificationError> {
    if body.len() > NOTIFICATION_BYTES_MAX {
        return Err(NotificationError::TooLarge);
    }
    verify(headers, body, keys, now_unix)?;
    open_verified(body, api_v3_key)
}

/// Decrypts and reads a notification whose signature was verified already, or shall be explained.
///
/// # Errors
/// [`NotificationError`], without [`NotificationError::Verify`].
pub fn open_verified(
    body: &[u8],
    api_v3_key: &SecretString,
) -> Result<Notification, NotificationError> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|_json| NotificationError::Envelope)?;
    let resource = &envelope.resource;
    if resource.algorithm != ALGORITHM {
        return Err(NotificationError::Algorithm);
    }
    let associated_data = resource.associated_data.as_deref().unwrap_or_default();
    let plain = aead::open(
        api_v3_key,
        &resource.nonce,
        associated_data,
        &resource.ciphertext,
    )?;
    let subject = read(&envelope.event_type, &plain).ok_or(NotificationError::Resource)?;
    Ok(Notification {
        id: envelope.id,
        event_type: envelope.event_type,
        subject,
        plain,
    })
}

fn read(event_type: &str, plain: &[u8]) -> Option<Subject> {
    if event_type.starts_with("REFUND.") {
        let resource: RefundResource = serde_json::from_slice(plain).ok()?;
        return Some(Subject::Refund(Box::new(resource.into_report()?)));
    }
    if event_type.starts_with("TRANSACTION.") {
        let resource: TransactionAnswer = serde_json::from_slice(plain).ok()?;
        return Some(Subject::Payment(Box::new(resource.into_report()?)));
    }
    Some(Subject::Other)
}

impl RefundResource {
    fn into_report(self) -> Option<RefundReport> {
        let status = RefundStatus::parse(&self.refund_status)?;
        Some(RefundReport {
            mch_id: Some(self.sp_mchid.or(self.mchid)?.parse().ok()?),
            sub_mch_id: match self.sub_mchid {
                Some(id) => Some(id.parse().ok()?),
                None => None,
            },
            out_refund_no: self.out_refund_no.parse().ok()?,
            refund_id: Some(self.refund_id.parse().ok()?),
            transaction_id: Some(self.transaction_id.parse().ok()?),
            out_trade_no: Some(self.out_trade_no.parse().ok()?),
            refund: Fen::new(self.amount.refund).ok()?,
            total: Some(Fen::new(self.amount.total).ok()?),
            status,
            user_received_account: self.user_received_account.filter(|a| !a.is_empty()),
            success_time: self
                .success_time
                .as_deref()
                .and_then(from_rfc3339)
                .filter(|_| status == RefundStatus::Success),
            channel: None,
            payer_refund: self.amount.payer_refund.and_then(|n| Fen::new(n).ok()),
            settlement_refund: self.amount.settlement_refund.and_then(|n| Fen::new(n).ok()),
            request_source: None,
        })
    }
}
