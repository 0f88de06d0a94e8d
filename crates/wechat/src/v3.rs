//! API v3: JSON messages, RSA-SHA256 signatures, AES-256-GCM notifications, OAEP fields.

pub mod aead;
pub(crate) mod bill;
pub mod certificates;
pub mod message;
pub mod notification;
pub mod oaep;
pub mod sign;
