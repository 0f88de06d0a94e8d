//! API v2: XML messages, MD5 and HMAC-SHA256 signatures, AES-256-ECB notifications.

pub(crate) mod bill;
pub mod fields;
pub mod key;
pub mod message;
pub mod notification;
pub mod req_info;
pub mod sign;

pub use fields::{Fields, XmlError};
pub use key::ApiV2Key;
pub use sign::{SignType, sign, verify};
