//! The inside of one transaction: what its operations wrote, and the statements they share.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;

use crate::error::{CommitError, ReadError};
use crate::postgres::Params;
use crate::rows::Row;
use crate::seal::DataKey;
use crate::store::LeaseClock;
use crate::tally::Tally;
use crate::trouble::Trouble;

/// One transaction in the making.
pub(super) struct Work<'t> {
    /// A connection, in the transaction.
    pub(super) transaction: &'t ClientWrapper,
    pub(super) key: &'t DataKey,
    /// See [`crate::Options::forwarded_query`], in microseconds.
    pub(super) forwarded_us: i64,
    /// What moves in the counters.
    pub(super) tally: Tally,
    /// The engine's time, as the last change has it.
    pub(super) at: Timestamp,
    /// By whose clock leases are given.
    pub(super) lease_clock: LeaseClock,
}

impl<'t> Work<'t> {
    pub(super) fn new(transaction: &'t ClientWrapper, key: &'t DataKey, forwarded_us: i64) -> Self {
        Self {
            transaction,
            key,
            forwarded_us,
            tally: Tally::default(),
            at: Timestamp::UNIX_EPOCH,
            lease_clock: LeaseClock::Database,
        }
    }

    /// The time from which a lease counts; `None`: the database's (INV-25).
    pub(super) fn lease_now(&self, now: Timestamp) -> Option<i64> {
        match self.lease_clock {
            LeaseClock::Database => None,
            LeaseClock::Caller => Some(now.as_microsecond()),
        }
    }

    /// Executes a statement and says how many rows it touched.
    pub(super) async fn execute(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, Trouble> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.execute(&statement, params).await?)
    }

    /// Executes a statement that must touch one row.
    pub(super) async fn exactly_one(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<(), Trouble> {
        match self.execute(sql, params).await? {
            1 => Ok(()),
            _ => Err(CommitError::Conflict.into()),
        }
    }

    /// Reads at most one row.
    pub(super) async fn read<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        row: impl FnOnce(Row<'_>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, Trouble> {
        let statement = self.transaction.prepare_cached(sql).await?;
        let found = self.transaction.query_opt(&statement, params).await?;
        let read = found.as_ref().map(Row::Postgres).map(row).transpose();
        Ok(read?)
    }

    /// Reads rows.
    pub(super) async fn list<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        mut row: impl FnMut(Row<'_>) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, Trouble> {
        let statement = self.transaction.prepare_cached(sql).await?;
        let found = self.transaction.query(&statement, params).await?;
        let read: Result<Vec<_>, _> = found
            .iter()
            .map(|found| row(Row::Postgres(found)))
            .collect();
        Ok(read?)
    }
}
