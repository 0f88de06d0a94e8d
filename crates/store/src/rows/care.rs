//! Rows of care into records.

use jiff::Timestamp;

use crate::care::{Care, Subject};
use crate::error::ReadError;
use crate::rows::Row;

type Read<T> = Result<T, ReadError>;

pub(crate) fn care(row: Row<'_>) -> Read<Care> {
    let corrupt = || ReadError::Corrupt { what: "care" };
    let time = |at: Option<i64>| {
        let read = |at| Timestamp::from_microsecond(at).map_err(|_foreign| corrupt());
        at.map(read).transpose()
    };
    let (subject, merchant): (String, String) = (row.get(0)?, row.get(1)?);
    let assignee: Option<String> = row.get(3)?;
    Ok(Care {
        subject: Subject::parse(&subject).ok_or_else(corrupt)?,
        merchant: merchant.parse().map_err(|_foreign| corrupt())?,
        reason: row.get(2)?,
        assignee: assignee
            .map(|id| id.parse().map_err(|_foreign| corrupt()))
            .transpose()?,
        snoozed_until: time(row.get(4)?)?,
        settled_at: time(row.get(5)?)?,
        note: row.get(6)?,
        version: row.get(7)?,
    })
}
