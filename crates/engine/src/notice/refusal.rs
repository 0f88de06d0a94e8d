//! Why a notification was refused, in the few words that people are shown. To the sender all are
//! alike (INV-23).

use jiff::Timestamp;
use tuikuan_wechat::RefundReport;
use tuikuan_wechat::v2::notification::V2NotificationError;
use tuikuan_wechat::v3::notification::NotificationError;
use tuikuan_wechat::v3::sign::VerifyError;

/// Why a v3 notification was refused.
pub(crate) const fn reason_v3(error: &NotificationError) -> &'static str {
    match error {
        NotificationError::TooLarge
        | NotificationError::Envelope
        | NotificationError::Algorithm
        | NotificationError::Resource => "format",
        NotificationError::Aead(_) => "key",
        NotificationError::Verify(error) => match error {
            VerifyError::Header { .. } | VerifyError::SignatureType => "unsigned",
            VerifyError::Stale { .. } => "stale",
            VerifyError::UnknownSerial { .. } => "unknown_serial",
            VerifyError::Signature => "signature",
        },
    }
}

/// Why a v2 notification was refused.
pub(crate) const fn reason_v2(error: &V2NotificationError) -> &'static str {
    match error {
        V2NotificationError::Xml(_)
        | V2NotificationError::NotSuccess
        | V2NotificationError::Field { .. } => "format",
        V2NotificationError::ReqInfo(_) => "key",
        V2NotificationError::Signature => "signature",
        V2NotificationError::OtherMerchant => "other_merchant",
    }
}

/// The time of success that a hint tells; nobody relies on it.
pub(super) fn told_at(report: &RefundReport) -> Option<Timestamp> {
    Timestamp::from_second(report.success_time?).ok()
}
