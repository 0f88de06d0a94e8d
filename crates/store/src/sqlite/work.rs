//! The inside of one transaction: what its operations wrote, and the statements they share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use tuikuan_domain::{MerchantName, Status};

use crate::seal::DataKey;
use crate::sqlite::batch::Moved;
use crate::sqlite::figures::Moves;
use crate::sqlite::trouble::Trouble;

/// One transaction in the making.
pub(super) struct Work<'c> {
    pub(super) connection: &'c Connection,
    pub(super) key: &'c DataKey,
    /// See [`crate::Options::forwarded_query`], in microseconds.
    pub(super) forwarded_us: i64,
    /// Whether the present operation has written something.
    pub(super) wrote: bool,
    pub(super) effects: Effects,
    /// What moves in the figures of the overview.
    pub(super) moves: Moves,
    counted: Vec<(MerchantName, Status, i64)>,
    /// Lines of batches that moved.
    pub(super) moved: Vec<Moved>,
    /// The engine's time, as the last change has it.
    pub(super) at: Timestamp,
}

/// Where the counters stand.
pub(super) struct Mark {
    counted: usize,
    moves: usize,
    moved: usize,
    effects: Effects,
}

/// What others are told once the transaction is durable.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effects {
    pub(super) jobs: bool,
    pub(super) position: Option<i64>,
}

impl<'c> Work<'c> {
    pub(super) fn new(connection: &'c Connection, key: &'c DataKey, forwarded_us: i64) -> Self {
        Self {
            connection,
            key,
            forwarded_us,
            wrote: false,
            effects: Effects::default(),
            moves: Moves::default(),
            counted: Vec::new(),
            moved: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Executes a statement and says how many rows it touched.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        params: impl Params,
    ) -> Result<usize, Trouble> {
        let rows = self.connection.prepare_cached(sql)?.execute(params)?;
        if rows > 0 {
            self.wrote = true;
        }
        Ok(rows)
    }

    /// Reads at most one row.
    pub(super) fn read<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, Trouble> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params, row).optional()?)
    }

    /// A refund of `merchant` left the status `from` for `to`.
    pub(super) fn count(&mut self, merchant: &MerchantName, from: Option<Status>, to: Status) {
        if from == Some(to) {
            return;
        }
        self.counted.push((merchant.clone(), to, 1));
        if let Some(from) = from {
            self.counted.push((merchant.clone(), from, -1));
        }
    }

    /// Where the counters stand, to come back to with [`Work::forget`].
    pub(super) fn mark(&self) -> Mark {
        Mark {
            counted: self.counted.len(),
            moves: self.moves.len(),
            moved: self.moved.len(),
            effects: self.effects,
        }
    }

    /// Forgets what an operation counted that was undone.
    pub(super) fn forget(&mut self, mark: &Mark) {
        self.counted.truncate(mark.counted);
        self.moves.truncate(mark.moves);
        self.moved.truncate(mark.moved);
        self.effects = mark.effects;
    }

    /// Writes the counters, once for the whole transaction.
    pub(super) fn write_counts(&mut self) -> Result<(), Trouble> {
        let mut sums: BTreeMap<(MerchantName, &'static str), i64> = BTreeMap::new();
        for (merchant, status, by) in std::mem::take(&mut self.counted) {
            let sum = sums.entry((merchant, status.as_str())).or_default();
            *sum = sum.saturating_add(by);
        }
        for ((merchant, status), by) in sums {
            if by != 0 {
                self.add_count(&merchant, status, by)?;
            }
        }
        self.write_moved()
    }

    fn add_count(&mut self, merchant: &MerchantName, status: &str, by: i64) -> Result<(), Trouble> {
        let sql =
            "UPDATE status_counts SET refunds = refunds + ?3 WHERE merchant = ?1 AND status = ?2";
        if self.execute(sql, (merchant.as_str(), status, by))? == 0 {
            let sql = "INSERT INTO status_counts (merchant, status, refunds) VALUES (?1, ?2, ?3)";
            self.execute(sql, (merchant.as_str(), status, by))?;
        }
        Ok(())
    }
}
