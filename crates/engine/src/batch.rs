//! Batches: a file of refunds is read and checked as a whole, kept, agreed to, and fed into the queue
//! bit by bit. What happens to a refund is decided by the door, one line at a time, as for any other.

use tuikuan_domain::batch::SteerRefusal;
use tuikuan_store::{CommitError, ReadError};

use crate::error::EngineError;

mod accept;
pub(crate) mod feed;
pub mod file;
mod line;
mod steer;
mod together;

pub(crate) use accept::Uploads;
pub use accept::{Accepted, Upload};

/// Why nothing came of an act on a batch. Nothing is half done.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There is no such batch.
    #[error("no such batch")]
    NotFound,
    /// The same file is being taken in at this moment, here or on another node.
    #[error("the same file is being taken in already")]
    Busy,
    /// It does not fit where the batch stands, or who wants it.
    #[error(transparent)]
    Refused(#[from] SteerRefusal),
    /// The stored lines are not those of the content that was looked at (INV-32).
    #[error("the stored lines are not those that were checked")]
    Altered,
    /// What the engine says of any request.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<CommitError> for BatchError {
    fn from(error: CommitError) -> Self {
        match error {
            // Only a check is written under a lease that somebody else may take.
            CommitError::LeaseLost => Self::Busy,
            error => Self::Engine(error.into()),
        }
    }
}

impl From<ReadError> for BatchError {
    fn from(error: ReadError) -> Self {
        Self::Engine(error.into())
    }
}
