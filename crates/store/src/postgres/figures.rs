//! The figures of the overview: read in a few steps of an index, and counted again to prove them.

use crate::error::ReadError;
use crate::figures::cell::Kind;
use crate::figures::recount::{FIGURES, NOTIFICATIONS, REFUNDS, Recount};
use crate::figures::{FigureDifference, Figures, FiguresAsked, Sum};
use crate::postgres::Postgres;
use crate::postgres::reads::Snapshot;

type Read<T> = Result<T, ReadError>;

impl Postgres {
    /// The figures of a merchant, all of one instant: one statement goes from kind to kind.
    pub(crate) async fn figures(&self, asked: FiguresAsked) -> Read<Figures> {
        let sql = "SELECT f.kind, f.period, f.part, f.refunds, f.amount
                   FROM unnest($1::TEXT[], $2::BIGINT[]) WITH ORDINALITY AS w (kind, since, nth)
                   JOIN figures f ON f.kind = w.kind AND f.merchant = $3 AND f.period >= w.since
                   WHERE f.refunds > 0
                   ORDER BY w.nth, f.period, f.part";
        let (kinds, since): (Vec<_>, Vec<_>) = [
            (Kind::Hour.as_str(), asked.hour_from),
            (Kind::Held.as_str(), 0),
            (Kind::Need.as_str(), 0),
            (Kind::Arrival.as_str(), asked.day_from),
            (Kind::Lag.as_str(), asked.day_from),
        ]
        .into_iter()
        .unzip();
        let mut figures = Figures::default();
        self.many(sql, &[&kinds, &since, &asked.merchant.as_str()], |row| {
            let (kind, period): (String, i64) = (row.get(0)?, row.get(1)?);
            let part: String = row.get(2)?;
            let sum = Sum {
                refunds: row.get(3)?,
                amount: row.get(4)?,
            };
            let known = figures.take((&kind, period, &part), sum);
            known
                .then_some(())
                .ok_or(ReadError::Corrupt { what: "figure" })
        })
        .await?;
        Ok(figures)
    }

    /// Counts everything again and says which figures differ, at most so many.
    pub(crate) async fn figure_differences(&self, limit: usize) -> Read<Vec<FigureDifference>> {
        let recount = self.at_one_instant(|seen| Box::pin(recount(seen))).await?;
        Ok(recount.differences(limit))
    }
}

async fn recount(seen: &Snapshot<'_>) -> Read<Recount> {
    // Through the tables as they lie: no index is a way to every row.
    seen.through_tables().await?;
    let mut recount = Recount::default();
    seen.each(FIGURES, |row| recount.kept(row)).await?;
    seen.each(REFUNDS, |row| recount.refund(row)).await?;
    seen.each(NOTIFICATIONS, |row| recount.notification(row))
        .await?;
    Ok(recount)
}
