//! Rows of rules into records.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::approval::{DayLimit, Rules};
use tuikuan_terms::Fen;

use crate::error::ReadError;
use crate::rows::Row;
use crate::rules::StoredRules;

type Read<T> = Result<T, ReadError>;

pub(crate) fn stored(row: Row<'_>) -> Read<StoredRules> {
    let corrupt = || ReadError::Corrupt { what: "rule" };
    let fen = |at: usize| -> Read<Option<Fen>> {
        let fen: Option<i64> = row.get(at)?;
        let fen = fen.map(Fen::new).transpose();
        fen.map_err(|_foreign| corrupt())
    };
    let limit = |at: usize| -> Read<DayLimit> {
        Ok(DayLimit {
            amount: fen(at)?,
            count: row.get(at.saturating_add(1))?,
        })
    };
    let merchant: String = row.get(0)?;
    let (reasons, by): (String, String) = (row.get(9)?, row.get(12)?);
    Ok(StoredRules {
        merchant: match merchant.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|_foreign| corrupt())?),
        },
        rules: Rules {
            approval_above: fen(1)?,
            approval_person_day: fen(2)?,
            person_day: limit(3)?,
            key_day: limit(5)?,
            order_day: limit(7)?,
            reasons: serde_json::from_str(&reasons).map_err(|_foreign| corrupt())?,
            expires: SignedDuration::from_secs(row.get(10)?),
        },
        changed_at: Timestamp::from_microsecond(row.get(11)?).map_err(|_foreign| corrupt())?,
        changed_by: by.parse().map_err(|_foreign| corrupt())?,
        version: row.get(13)?,
    })
}
