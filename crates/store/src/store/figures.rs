//! Reads of the overview's figures, and their proof.

use super::Store;
use crate::error::ReadError;
use crate::figures::{FigureDifference, Figures, FiguresAsked};

impl Store {
    /// The figures of a merchant. Costs the same however many refunds there are.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn figures(&self, asked: FiguresAsked) -> Result<Figures, ReadError> {
        on!(self, s => s.figures(asked).await)
    }

    /// Counts every refund again and says which figures differ, at most `limit`; none, unless there
    /// is a fault of ours. Takes long with many refunds.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn figure_differences(
        &self,
        limit: usize,
    ) -> Result<Vec<FigureDifference>, ReadError> {
        on!(self, s => s.figure_differences(limit).await)
    }
}
