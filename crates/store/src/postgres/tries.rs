//! Tries, counted over all nodes by the database's clock. One statement: two nodes that count the same
//! thing wait for each other in its row.

use crate::error::{CommitError, ReadError};
use crate::postgres::Postgres;
use crate::rows::Row;
use crate::store::LeaseClock;
use crate::tries::{FORGOTTEN_AT_ONCE, Tried, Try};
use crate::trouble::Trouble;

/// What is spent lies within a period from now; anything else was written by another clock, or is paid.
/// Rows that somebody else is at are not forgotten now.
const SPEND: &str = "
    WITH clock AS MATERIALIZED (
        SELECT coalesce($2::BIGINT, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT)
            AS now),
    rest AS MATERIALIZED (
        SELECT key FROM tries WHERE until <= (SELECT now FROM clock) AND key <> $1
        ORDER BY until LIMIT $5 FOR UPDATE SKIP LOCKED),
    forgotten AS (DELETE FROM tries t USING rest WHERE t.key = rest.key)
    INSERT INTO tries AS t (key, until) SELECT $1::BYTEA, clock.now + $3::BIGINT FROM clock
    ON CONFLICT (key) DO UPDATE
    SET until = $3 + CASE
        WHEN t.until BETWEEN excluded.until - $3 AND excluded.until - $3 + $4::BIGINT THEN t.until
        ELSE excluded.until - $3 END
    WHERE NOT t.until BETWEEN excluded.until - $3 + $4 - $3 + 1 AND excluded.until - $3 + $4
    RETURNING t.until - (SELECT now FROM clock)";

impl Postgres {
    pub(crate) async fn attempt(&self, one: Try) -> Result<Tried, CommitError> {
        self.spend(&one).await.map_err(|trouble| match trouble {
            Trouble::Refused(error) | Trouble::All(error) => error,
            Trouble::Fatal(reason) => CommitError::Stopped { reason },
        })
    }

    async fn spend(&self, one: &Try) -> Result<Tried, Trouble> {
        let now = match self.0.lease_clock {
            LeaseClock::Database => None,
            LeaseClock::Caller => Some(one.now.as_microsecond()),
        };
        // Anybody can make us write here: readers must not wait for it.
        let _place = self.0.singles.acquire().await;
        let client = self.0.writers.get().await?;
        let statement = client.prepare_cached(SPEND).await?;
        let (cost, period) = (one.cost(), one.period_us());
        let values = values![&one.key[..], now, cost, period, FORGOTTEN_AT_ONCE];
        let found = client.query_opt(&statement, values).await?;
        let spent = |row| -> Result<i64, ReadError> { Row::Postgres(row).get(0) };
        Ok(one.came_to(found.as_ref().map(spent).transpose()?))
    }
}
