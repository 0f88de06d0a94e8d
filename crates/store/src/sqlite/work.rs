//! The inside of one transaction: what its operations wrote, and the statements they share.

use std::cell::{RefCell, RefMut};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};
use tuikuan_domain::MerchantName;

use crate::seal::DataKey;
use crate::settings::SettingsVersions;
use crate::tally::Tally;
use crate::trouble::Trouble;

/// One transaction in the making.
pub(super) struct Work<'c> {
    pub(super) connection: &'c Connection,
    pub(super) key: &'c DataKey,
    /// See [`crate::Options::forwarded_query`], in microseconds.
    pub(super) forwarded_us: i64,
    /// Whether the present operation has written something.
    pub(super) wrote: bool,
    /// What moves in the counters.
    pub(super) tally: Tally,
    /// The engine's time, as the last change has it.
    pub(super) at: Timestamp,
    /// The versions of endpoints and rules, once somebody has asked.
    pub(super) settings: Option<SettingsVersions>,
    statements: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Work<'c> {
    pub(super) fn new(connection: &'c Connection, key: &'c DataKey, forwarded_us: i64) -> Self {
        Self {
            connection,
            key,
            forwarded_us,
            wrote: false,
            tally: Tally::default(),
            at: Timestamp::UNIX_EPOCH,
            settings: None,
            statements: RefCell::default(),
        }
    }

    /// A statement by its text, kept for the others of the transaction. The connection looks texts up
    /// by their hash and copies them each time; here the address tells.
    fn statement(
        &self,
        sql: &'static str,
    ) -> Result<RefMut<'_, CachedStatement<'c>>, rusqlite::Error> {
        let mut kept = self.statements.borrow_mut();
        let place = match kept.iter().position(|(text, _)| std::ptr::eq(*text, sql)) {
            Some(place) => place,
            None => {
                kept.push((sql, self.connection.prepare_cached(sql)?));
                kept.len() - 1
            }
        };
        Ok(RefMut::map(kept, |kept| &mut kept[place].1))
    }

    /// Executes a statement and says how many rows it touched.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        params: impl Params,
    ) -> Result<usize, Trouble> {
        let rows = self.statement(sql)?.execute(params)?;
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
        let mut statement = self.statement(sql)?;
        Ok(statement.query_row(params, row).optional()?)
    }

    /// Writes the counters, once for the whole transaction.
    pub(super) fn write_counts(&mut self) -> Result<(), Trouble> {
        for ((merchant, status), by) in self.tally.take_counts() {
            self.add_count(&merchant, status, by)?;
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
