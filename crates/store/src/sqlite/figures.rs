//! The figures of the overview: moved along with each change, once for a whole transaction, read in
//! a few steps of an index, and counted again to prove them.

use rusqlite::{Connection, params};
use tuikuan_domain::MerchantName;

use crate::error::ReadError;
use crate::figures::cell::{Cell, Kind};
use crate::figures::recount::{FIGURES, NOTIFICATIONS, REFUNDS, Recount};
use crate::figures::{FigureDifference, Figures, FiguresAsked, Sum};
use crate::sqlite::read::{at_one_instant, many};
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

type Read<T> = Result<T, ReadError>;

impl Work<'_> {
    /// Writes what has moved, one row for each figure.
    pub(super) fn write_figures(&mut self) -> Result<(), Trouble> {
        for ((merchant, cell), by) in self.tally.take_figures() {
            self.add_figure(&merchant, &cell, by)?;
        }
        Ok(())
    }

    /// An upsert would check the change itself against the constraint, not what comes of it.
    fn add_figure(&mut self, merchant: &MerchantName, cell: &Cell, by: Sum) -> Result<(), Trouble> {
        let (kind, part) = (cell.kind.as_str(), cell.part.to_string());
        let row = params![
            kind,
            merchant.as_str(),
            cell.period,
            part,
            by.refunds,
            by.amount
        ];
        let sql = "UPDATE figures SET refunds = refunds + ?5, amount = amount + ?6
                   WHERE kind = ?1 AND merchant = ?2 AND period = ?3 AND part = ?4";
        if self.execute(sql, row)? == 0 {
            let sql = "INSERT INTO figures (kind, merchant, period, part, refunds, amount)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            self.execute(sql, row)?;
        }
        Ok(())
    }
}

/// The figures of a merchant, all of one instant.
pub(super) fn figures(c: &Connection, asked: &FiguresAsked) -> Read<Figures> {
    at_one_instant(c, |c| {
        let mut figures = Figures::default();
        for (kind, from) in [
            (Kind::Hour, asked.hour_from),
            (Kind::Held, 0),
            (Kind::Need, 0),
            (Kind::Arrival, asked.day_from),
            (Kind::Lag, asked.day_from),
        ] {
            let sql = "SELECT period, part, refunds, amount FROM figures
                       WHERE kind = ?1 AND merchant = ?2 AND period >= ?3 AND refunds > 0
                       ORDER BY period, part";
            let key = params![kind.as_str(), asked.merchant.as_str(), from];
            many(c, sql, key, |row| {
                let (period, part): (i64, String) = (row.get(0)?, row.get(1)?);
                let sum = Sum {
                    refunds: row.get(2)?,
                    amount: row.get(3)?,
                };
                let known = figures.take((kind.as_str(), period, &part), sum);
                known
                    .then_some(())
                    .ok_or(ReadError::Corrupt { what: "figure" })
            })?;
        }
        Ok(figures)
    })
}

/// Counts everything again and says which figures differ, at most so many.
pub(super) fn differences(c: &Connection, limit: usize) -> Read<Vec<FigureDifference>> {
    at_one_instant(c, |c| {
        let mut recount = Recount::default();
        many(c, FIGURES, [], |row| recount.kept(row))?;
        many(c, REFUNDS, [], |row| recount.refund(row))?;
        many(c, NOTIFICATIONS, [], |row| recount.notification(row))?;
        Ok(recount.differences(limit))
    })
}
