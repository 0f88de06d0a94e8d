//! API v3: JSON messages, RSA signatures, AES-256-GCM notifications, OAEP for card numbers.

pub mod aead;
pub mod certificates;
mod exchange;
pub mod json;
pub mod message;
pub mod notification;
pub mod sign;

pub use sign::{Authorization, verify};
