//! Reads about what waits for a person.

use jiff::Timestamp;
use tuikuan_domain::{MerchantName, Refund};

use super::Store;
use crate::care::{Care, NeededAsked, Subject, Waiting};
use crate::error::ReadError;
use crate::select::Merchants;

impl Store {
    /// Refunds that need a person for a reason, the longest waiting first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn needed(&self, asked: NeededAsked) -> Result<Vec<Refund>, ReadError> {
        on!(self, s => s.needed(asked).await)
    }

    /// What is noted about these subjects; nothing for those nobody has cared for.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn cares(&self, subjects: Vec<Subject>) -> Result<Vec<Care>, ReadError> {
        on!(self, s => s.cares(subjects).await)
    }

    /// How much waits for a person, over these merchants.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn waiting(&self, allowed: Merchants, now: Timestamp) -> Result<Waiting, ReadError> {
        on!(self, s => s.waiting(allowed, now).await)
    }

    /// How many refunds of a merchant need a person, but not now.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn sleeping(&self, merchant: MerchantName, now: Timestamp) -> Result<i64, ReadError> {
        on!(self, s => s.sleeping(merchant, now).await)
    }
}
