//! Tries that are counted over all nodes.

use super::Store;
use crate::error::CommitError;
use crate::tries::{Tried, Try};

impl Store {
    /// Counts one more try, if it is allowed.
    ///
    /// # Errors
    /// [`CommitError`]; it may have been counted then.
    pub async fn attempt(&self, one: Try) -> Result<Tried, CommitError> {
        on!(self, s => s.attempt(one).await)
    }
}
