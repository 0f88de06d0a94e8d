//! The figures of the overview: moved along with each change, once for a whole transaction, read in
//! a few steps of an index, and counted again to prove them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tuikuan_domain::{MerchantName, Source, Status};

use crate::error::ReadError;
use crate::figures::cell::{Cell, Kind, Made, Standing, lag_cell};
use crate::figures::{FigureDifference, Figures, FiguresAsked, Sum};
use crate::rows::Row;
use crate::sqlite::read::{at_one_instant, many};
use crate::sqlite::work::Work;
use crate::tally::standing;
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
        let mut sums: BTreeMap<String, (Sum, Sum)> = BTreeMap::new();
        let sql = "SELECT kind, merchant, period, part, refunds, amount FROM figures";
        many(c, sql, [], |row| {
            let (kind, merchant): (String, String) = (row.get(0)?, row.get(1)?);
            let (period, part): (i64, String) = (row.get(2)?, row.get(3)?);
            let kept = &mut sums
                .entry(format!("{kind} {merchant} {period} {part}"))
                .or_default()
                .0;
            (kept.refunds, kept.amount) = (row.get(4)?, row.get(5)?);
            Ok(())
        })?;
        count(c, |merchant, cell, one| {
            let name = format!(
                "{} {merchant} {} {}",
                cell.kind.as_str(),
                cell.period,
                cell.part
            );
            let counted = &mut sums.entry(name).or_default().1;
            *counted = counted.plus(one);
        })?;
        let differing = sums
            .into_iter()
            .filter(|(_, (kept, counted))| kept != counted);
        let differing = differing.map(|(cell, (kept, counted))| FigureDifference {
            cell,
            kept,
            counted,
        });
        Ok(differing.take(limit).collect())
    })
}

/// Goes through every refund and every notification.
fn count(c: &Connection, mut found: impl FnMut(&str, Cell, Sum)) -> Read<()> {
    let sql = "SELECT merchant, amount, status, pending_reason, attention, succeeded_at, origin,
                   created_at, not_before
               FROM refunds";
    many(c, sql, [], |row| {
        let (merchant, amount): (String, i64) = (row.get(0)?, row.get(1)?);
        let (standing, made) = stored(row)?;
        made.cells(&standing)
            .for_each(|cell| found(&merchant, cell, Sum::one(amount)));
        Ok(())
    })?;
    let sql = "SELECT merchant, told_at, received_at FROM inbox WHERE told_at IS NOT NULL";
    many(c, sql, [], |row| {
        let merchant: String = row.get(0)?;
        let (told, received) = (time(row.get(1)?)?, time(row.get(2)?)?);
        found(&merchant, lag_cell(told, received), Sum::one(0));
        Ok(())
    })?;
    Ok(())
}

fn stored(row: Row<'_>) -> Read<(Standing, Made)> {
    let corrupt = || ReadError::Corrupt { what: "refund" };
    let status: String = row.get(2)?;
    let status = Status::parse(&status).ok_or_else(corrupt)?;
    let attention: Option<String> = row.get(4)?;
    let rest = (row.get(3)?, row.get(5)?);
    let standing = standing((status, attention.as_deref()), rest).map_err(|_foreign| corrupt())?;
    let origin: String = row.get(6)?;
    let made = Made {
        origin: Source::parse(&origin).ok_or_else(corrupt)?,
        created_at: time(row.get(7)?)?,
        not_before: row.get::<Option<i64>>(8)?.map(time).transpose()?,
    };
    Ok((standing, made))
}

fn time(at: i64) -> Read<Timestamp> {
    Timestamp::from_microsecond(at).map_err(|_foreign| ReadError::Corrupt { what: "time" })
}
