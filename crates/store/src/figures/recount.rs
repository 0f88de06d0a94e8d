//! The figures counted again from every row, and held against those that are kept. Both engines read
//! the same rows for it; what a row counts for is said here.

use std::collections::BTreeMap;

use tuikuan_domain::{Source, Status};

use super::cell::{Cell, Made, lag_cell};
use super::{FigureDifference, Sum};
use crate::error::ReadError;
use crate::rows::{Columns, Row};
use crate::tally::standing;

type Read<T> = Result<T, ReadError>;

/// The figures that are kept; [`Recount::kept`] takes their rows.
pub(crate) const FIGURES: &str =
    "SELECT kind, merchant, period, part, refunds, amount FROM figures";

/// Every refund; [`Recount::refund`] takes their rows.
pub(crate) const REFUNDS: &str = "SELECT merchant, amount, status, attention, pending_reason,
        succeeded_at, origin, created_at, not_before
    FROM refunds";

/// Every notification that says when WeChat told; [`Recount::notification`] takes their rows.
pub(crate) const NOTIFICATIONS: &str =
    "SELECT merchant, told_at, received_at FROM inbox WHERE told_at IS NOT NULL";

/// What is kept and what was counted, by the name of the figure.
#[derive(Debug, Default)]
pub(crate) struct Recount(BTreeMap<String, (Sum, Sum)>);

impl Recount {
    pub(crate) fn kept(&mut self, row: Row<'_>) -> Read<()> {
        let (kind, merchant): (String, String) = (row.get(0)?, row.get(1)?);
        let (period, part): (i64, String) = (row.get(2)?, row.get(3)?);
        let name = format!("{kind} {merchant} {period} {part}");
        let kept = &mut self.0.entry(name).or_default().0;
        (kept.refunds, kept.amount) = (row.get(4)?, row.get(5)?);
        Ok(())
    }

    pub(crate) fn refund(&mut self, row: Row<'_>) -> Read<()> {
        let mut c = Columns::of(row, "refund");
        let (merchant, amount): (String, i64) = (c.raw()?, c.raw()?);
        let status = c.known(Status::parse)?;
        let attention: Option<String> = c.raw()?;
        let rest = (c.raw()?, c.raw()?);
        let standing =
            standing((status, attention.as_deref()), rest).map_err(|_foreign| c.corrupt())?;
        let made = Made {
            origin: c.known(Source::parse)?,
            created_at: c.time()?,
            not_before: c.time_maybe()?,
        };
        for cell in made.cells(&standing) {
            self.count(&merchant, &cell, Sum::one(amount));
        }
        Ok(())
    }

    pub(crate) fn notification(&mut self, row: Row<'_>) -> Read<()> {
        let mut c = Columns::of(row, "time");
        let merchant: String = c.raw()?;
        let (told, received) = (c.time()?, c.time()?);
        self.count(&merchant, &lag_cell(told, received), Sum::one(0));
        Ok(())
    }

    fn count(&mut self, merchant: &str, cell: &Cell, one: Sum) {
        let (kind, period, part) = (cell.kind.as_str(), cell.period, cell.part);
        let name = format!("{kind} {merchant} {period} {part}");
        let counted = &mut self.0.entry(name).or_default().1;
        *counted = counted.plus(one);
    }

    /// Which figures differ, at most so many.
    pub(crate) fn differences(self, limit: usize) -> Vec<FigureDifference> {
        let all = self.0.into_iter();
        all.filter(|(_, (kept, counted))| kept != counted)
            .map(|(cell, (kept, counted))| FigureDifference {
                cell,
                kept,
                counted,
            })
            .take(limit)
            .collect()
    }
}
