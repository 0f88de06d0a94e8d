//! Batches: writes and reads.

use jiff::Timestamp;
use tuikuan_domain::batch::{Batch, Facts, Line};
use tuikuan_domain::{BatchId, RefundId};

use super::Store;
use crate::batch::{
    BatchCount, BatchFilter, BatchLine, BatchPage, BatchWrite, Begun, FactsWanted, LinesOf,
    NewBatch,
};
use crate::error::{CommitError, ReadError};
use crate::job::Lane;

/// Writes about batches.
impl Store {
    /// A batch of this content: made, or found. One that was only checked so far is a draft again. Whoever
    /// begins with a draft holds the lease of its check.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn begin_batch(&self, new: NewBatch) -> Result<Begun, CommitError> {
        on!(self, s => s.begin_batch(new).await)
    }

    /// Any other write about a batch.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when the batch is not where the write expects it,
    /// [`CommitError::Outdated`] when the rules are not those it was decided by,
    /// [`CommitError::LeaseLost`] when its job is somebody else's.
    pub async fn write_batch(&self, write: BatchWrite) -> Result<(), CommitError> {
        on!(self, s => s.write_batch(write).await)
    }
}

/// Reads about batches.
impl Store {
    /// A batch.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch(&self, id: &BatchId) -> Result<Option<Batch>, ReadError> {
        on!(self, s => s.batch(id).await)
    }

    /// How many of its lines stand where.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch_counts(&self, id: &BatchId) -> Result<Vec<BatchCount>, ReadError> {
        on!(self, s => s.batch_counts(id).await)
    }

    /// A page of batches, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batches(&self, filter: BatchFilter) -> Result<BatchPage, ReadError> {
        on!(self, s => s.batches(filter).await)
    }

    /// Lines of a batch in the order of the file.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch_lines(&self, wanted: LinesOf) -> Result<Vec<BatchLine>, ReadError> {
        on!(self, s => s.batch_lines(wanted).await)
    }

    /// The next lines that are not refunds yet.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch_pending(&self, id: &BatchId, limit: u32) -> Result<Vec<Line>, ReadError> {
        on!(self, s => s.batch_pending(id, limit).await)
    }

    /// Refunds that this batch made, and that were not sent yet.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch_queued(&self, id: &BatchId, limit: u32) -> Result<Vec<RefundId>, ReadError> {
        on!(self, s => s.batch_queued(id, limit).await)
    }

    /// The batches a refund stands in.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batches_of(&self, refund: &RefundId) -> Result<Vec<BatchId>, ReadError> {
        on!(self, s => s.batches_of(refund).await)
    }

    /// How many jobs of a lane are due until then, counted up to `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn lane_backlog(
        &self,
        lane: &Lane,
        due: Timestamp,
        limit: u32,
    ) -> Result<u32, ReadError> {
        on!(self, s => s.lane_backlog(lane, due, limit).await)
    }

    /// What is known about lines, all of it at one instant.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn batch_facts(&self, wanted: FactsWanted) -> Result<Vec<(Line, Facts)>, ReadError> {
        on!(self, s => s.batch_facts(wanted).await)
    }
}
