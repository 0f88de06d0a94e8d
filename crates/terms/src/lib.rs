//! The words both sides of Tuikuan share: the identifiers of a refund and [`Fen`].
//!
//! Everything foreign is parsed into these types once, at the edge; after that nobody checks again.
//! No I/O, no clock, no randomness.
//!
//! ```
//! use tuikuan_terms::{Fen, OutRefundNo};
//! let number: OutRefundNo = "R-20181119_0001".parse()?;
//! let left = Fen::new(3960)?.checked_sub(Fen::new(1980)?);
//! assert_eq!(left, Some(Fen::new(1980)?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fen;
mod ids;

pub use fen::{Fen, FenError};
pub use ids::{
    AppId, IdError, MchId, OutRefundNo, OutTradeNo, SubMchId, TransactionId, WechatRefundId,
};
