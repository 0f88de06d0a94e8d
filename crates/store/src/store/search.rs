//! The search over refunds.

use super::Store;
use crate::error::ReadError;
use crate::search::{Found, RefundSearch};

impl Store {
    /// A page of a search, newest first. Looks at a bounded number of rows, whatever is asked.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn search_refunds(&self, search: RefundSearch) -> Result<Found, ReadError> {
        on!(self, s => s.search_refunds(search).await)
    }
}
