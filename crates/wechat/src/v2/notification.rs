//! v2 notifications: the refund result (encrypted, unsigned: a hint, INV-18) and the payment result
//! (signed clear text). Sources: v2 chapters 9_16, 9_7.

use crate::refund::{PaymentReport, RefundReport, RefundStatus};
use crate::time::from_beijing;
use crate::v2::fields::{Fields, XmlError};
use crate::v2::message::{fen, payment_report};
use crate::v2::req_info::{self, ReqInfoError};
use crate::v2::{ApiV2Key, verify};

/// The answer that ends the delivery of a notification.
pub const REPLY_SUCCESS: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";
/// The answer that asks for another delivery.
pub const REPLY_FAIL: &str = "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[retry later]]></return_msg></xml>";

/// Why a v2 notification could not be opened. To the sender all are alike (INV-23).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum V2NotificationError {
    /// The envelope or the decrypted text is not a v2 message.
    #[error("not a v2 message")]
    Xml(#[from] XmlError),
    /// The envelope says that it carries nothing.
    #[error("return_code is not SUCCESS")]
    NotSuccess,
    /// A field is missing or cannot be read.
    #[error("the field {name} is missing or unreadable")]
    Field {
        /// Its wire name.
        name: &'static str,
    },
    /// The encrypted part cannot be opened.
    #[error(transparent)]
    ReqInfo(#[from] ReqInfoError),
    /// The signature of a payment notification is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// It is for another merchant.
    #[error("the message is for another merchant")]
    OtherMerchant,
}

/// A refund notification, opened. It proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundHint {
    /// What it claims.
    pub report: RefundReport,
    /// The decrypted text, for the record.
    pub plain: Vec<u8>,
}

/// Opens a refund notification for one merchant.
///
/// # Errors
/// [`V2NotificationError`]; never panics, whatever the bytes.
pub fn open_refund(
    body: &[u8],
    mch_id: &str,
    api_v2_key: &ApiV2Key,
) -> Result<RefundHint, V2NotificationError> {
    let envelope = Fields::parse(body)?;
    if envelope.get("return_code") != Some("SUCCESS") {
        return Err(V2NotificationError::NotSuccess);
    }
    if envelope.get("mch_id") != Some(mch_id) {
        return Err(V2NotificationError::OtherMerchant);
    }
    let sealed = envelope
        .get("req_info")
        .ok_or(V2NotificationError::Field { name: "req_info" })?;
    let plain = req_info::open(sealed, api_v2_key)?;
    let fields = Fields::parse_in(&plain, "root")?;
    let report = read(&envelope, &fields)?;
    Ok(RefundHint { report, plain })
}

fn read(envelope: &Fields, fields: &Fields) -> Result<RefundReport, V2NotificationError> {
    fn field<T>(value: Option<T>, name: &'static str) -> Result<T, V2NotificationError> {
        value.ok_or(V2NotificationError::Field { name })
    }
    let status = field(
        fields.get("refund_status").and_then(RefundStatus::parse),
        "refund_status",
    )?;
    let number = fields.get("out_refund_no").and_then(|no| no.parse().ok());
    Ok(RefundReport {
        mch_id: envelope.get("mch_id").and_then(|id| id.parse().ok()),
        sub_mch_id: envelope.get("sub_mch_id").and_then(|id| id.parse().ok()),
        out_refund_no: field(number, "out_refund_no")?,
        refund_id: fields.get("refund_id").and_then(|id| id.parse().ok()),
        transaction_id: fields.get("transaction_id").and_then(|id| id.parse().ok()),
        out_trade_no: fields.get("out_trade_no").and_then(|no| no.parse().ok()),
        refund: field(fields.get("refund_fee").and_then(fen), "refund_fee")?,
        total: fields.get("total_fee").and_then(fen),
        status,
        user_received_account: fields.get("refund_recv_accout").map(str::to_owned),
        success_time: fields.get("success_time").and_then(from_beijing),
        channel: None,
        payer_refund: fields.get("cash_refund_fee").and_then(fen),
        settlement_refund: fields.get("settlement_refund_fee").and_then(fen),
        request_source: fields.get("refund_request_source").map(str::to_owned),
    })
}

/// Opens a payment notification: signed, so it is evidence.
///
/// # Errors
/// [`V2NotificationError`]; never panics, whatever the bytes.
pub fn open_payment(
    body: &[u8],
    mch_id: &str,
    api_v2_key: &ApiV2Key,
) -> Result<PaymentReport, V2NotificationError> {
    let fields = Fields::parse(body)?;
    if fields.get("return_code") != Some("SUCCESS") {
        return Err(V2NotificationError::NotSuccess);
    }
    if fields.get("mch_id") != Some(mch_id) {
        return Err(V2NotificationError::OtherMerchant);
    }
    if !verify(&fields, api_v2_key) {
        return Err(V2NotificationError::Signature);
    }
    payment_report(&fields).ok_or(V2NotificationError::Field {
        name: "out_trade_no",
    })
}
