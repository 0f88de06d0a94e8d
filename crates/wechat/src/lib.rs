//! WeChat Pay refunds as a library: bytes in, bytes out. API v2 (XML, MD5 or HMAC-SHA256, client
//! certificate) and API v3 (JSON, RSA-SHA256, AES-256-GCM) behind one neutral form, for ordinary
//! merchants and service providers. It never opens a connection (but for the feature `client`),
//! reads no clock and draws no random number: time and nonces are arguments.
//!
//! On the wire WeChat's names are kept; in code:
//!
//! | v2 | v3 | in code |
//! |---|---|---|
//! | `mch_id` / `sub_mch_id` | `mchid` / `sub_mchid` | `MchId` / `SubMchId` |
//! | `out_trade_no`, `transaction_id` | same | `OutTradeNo`, `TransactionId` |
//! | `out_refund_no`, `refund_id` | same | `OutRefundNo`, `WechatRefundId` |
//! | `total_fee`, `refund_fee` | `amount.total`, `amount.refund` | `total: Fen`, `refund: Fen` |
//! | `refund_status` SUCCESS, PROCESSING, CHANGE, REFUNDCLOSE | `status`, `refund_status` SUCCESS, PROCESSING, ABNORMAL, CLOSED | [`RefundStatus`] |
//! | `refund_desc`, `refund_account` | `reason`, `funds_account` | `reason`, [`FundsAccount`] |
//! | `refund_recv_accout` (sic) | `user_received_account` | `user_received_account` |
//! | `bill_date` (`20240804`), `bill_type` | same (`2024-08-04`) | [`bill::BillDay`], [`bill::BillKind`] |
//! | body of the answer | `download_url`, `hash_value` | [`bill::BillFile`], [`bill::BillLocation`] |
//! | `time_end`, `success_time` (Beijing time) | `success_time` (RFC 3339) | unix seconds |
//!
//! ```
//! use tuikuan_wechat::v2::{Fields, SignType, sign, verify};
//! // The example printed in WeChat's own documentation of v2 signatures.
//! let key = "192006250b4c09247ec02edce69f6a2d".to_owned().into();
//! let mut message: Fields = [
//!     ("appid", "wxd930ea5d5a258f4f"), ("mch_id", "10000100"), ("device_info", "1000"),
//!     ("body", "test"), ("nonce_str", "ibuaiVcKdpRxkhJA"),
//! ].into_iter().collect();
//! let signature = sign(&message, &key, SignType::Md5);
//! assert_eq!(signature, "9A0A8659F005D6984697E2CA0A9CF3B7");
//! message.set("sign", signature);
//! assert!(verify(&message, &key));
//! ```
#![warn(clippy::indexing_slicing)]

pub mod account;
pub mod bill;
#[cfg(feature = "client")]
pub mod client;
pub mod credentials;
pub mod error;
pub mod error_code;
pub mod http;
pub mod keys;
pub mod refund;
pub mod time;
pub mod v2;
pub mod v3;

pub use account::{Account, SubMerchant};
pub use credentials::{Credentials, CredentialsError, Identity};
pub use error::{BuildError, ReplyError, Verified};
pub use keys::{Certificate, KeyError, PrivateKey, PublicKey, TrustedKeys};
pub use refund::{
    AbnormalRefund, AbnormalTarget, FundsAccount, OrderRef, PaymentReport, RefundReport,
    RefundStatus, RefundSubmission, TradeState,
};
pub use secrecy::SecretString;

/// Which generation of the interface is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// XML.
    V2,
    /// JSON.
    V3,
}

impl Api {
    /// The generation as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

/// What makes a signature of its own: a time and a nonce of 16 to 32 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The time, unix seconds.
    pub unix_seconds: i64,
    /// Unpredictable, used once.
    pub nonce: String,
}

/// What format a notification body has; v3 refunds without `notify_url` are told in v2 format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Begins like XML.
    Xml,
    /// Anything else.
    Json,
}

/// Looks at the first byte that is not white space.
#[must_use]
pub fn sniff(body: &[u8]) -> Format {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => Format::Xml,
        _ => Format::Json,
    }
}
