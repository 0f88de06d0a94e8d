//! What can go wrong between a request and a report.

use crate::error_code::Interface;

/// Why a request could not be built: the configuration lacks something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A secret that this generation needs is not configured.
    #[error("the merchant has no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// The private key refused to sign.
    #[error("the request could not be signed")]
    Sign,
    /// A sensitive field could not be encrypted.
    #[error(transparent)]
    Oaep(#[from] crate::v3::oaep::OaepError),
    /// The item list is not a JSON array.
    #[error("goods_detail is not a JSON array")]
    GoodsDetail,
}

/// Whether an answer with an error code carried a right signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It did.
    Yes,
    /// It did not (WeChat does not sign most v3 errors).
    No,
}

/// Why an answer is not a report. Not one of these proves that money moved; only a verified
/// [`ReplyError::Refused`] with a final code proves that it did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// WeChat answered with an error code.
    #[error("WeChat answered {code}: {message}")]
    Refused {
        /// The code.
        code: String,
        /// WeChat's text; for people only, texts change.
        message: String,
        /// The HTTP status.
        http_status: u16,
        /// Which interface.
        interface: Interface,
        /// Whether the answer was signed.
        verified: Verified,
    },
    /// v2 `return_code` FAIL: the business was not reached; unsigned.
    #[error("WeChat answered return_code FAIL: {message}")]
    ProtocolFail {
        /// `return_msg`.
        message: String,
    },
    /// A success whose signature is wrong or missing.
    #[error("the answer is not signed by WeChat")]
    Unverified {
        /// What exactly, for v3: an unknown serial asks for a new download of certificates.
        #[source]
        why: Option<crate::v3::sign::VerifyError>,
    },
    /// Not the message that belongs to the call.
    #[error("the answer (status {http_status}) cannot be read")]
    Unreadable {
        /// The HTTP status.
        http_status: u16,
    },
    /// A server error without a readable code.
    #[error("WeChat's server failed with status {http_status}")]
    ServerFault {
        /// The HTTP status.
        http_status: u16,
    },
    /// v3 202: taken but not finished, repeat the same request.
    #[error("WeChat has not finished (202)")]
    NotFinished,
    /// A verified answer about something else.
    #[error("the answer is about another {field}")]
    Mismatch {
        /// The field that differs.
        field: &'static str,
    },
}
