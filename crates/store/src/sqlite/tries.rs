//! Tries, counted in the file, so that a restart forgets none.

use rusqlite::params;

use crate::error::CommitError;
use crate::operation::Operation;
use crate::sqlite::Sqlite;
use crate::sqlite::work::Work;
use crate::tries::{FORGOTTEN_AT_ONCE, Tried, Try};
use crate::trouble::Trouble;

const FORGET: &str = "
    DELETE FROM tries WHERE key IN (SELECT key FROM tries WHERE until <= ?1 ORDER BY until LIMIT ?2)";

/// What is spent lies within a period from now; anything else was written by another clock, or is paid.
const SPEND: &str = "
    INSERT INTO tries (key, until) VALUES (?1, ?2 + ?3)
    ON CONFLICT (key) DO UPDATE
    SET until = ?3 + CASE WHEN until BETWEEN ?2 AND ?2 + ?4 THEN until ELSE ?2 END
    WHERE NOT until BETWEEN ?2 + ?4 - ?3 + 1 AND ?2 + ?4
    RETURNING until - ?2";

impl Sqlite {
    pub(crate) async fn attempt(&self, one: Try) -> Result<Tried, CommitError> {
        self.write(Operation::Try(Box::new(one))).await?.tried()
    }
}

impl Work<'_> {
    pub(super) fn attempt(&mut self, one: &Try) -> Result<Tried, Trouble> {
        let now = one.now.as_microsecond();
        self.execute(FORGET, params![now, FORGOTTEN_AT_ONCE])?;
        let row = params![one.key, now, one.cost(), one.period_us()];
        let spent = self.read(SPEND, row, |row| row.get(0))?;
        self.wrote |= spent.is_some();
        Ok(one.came_to(spent))
    }
}
