//! How somebody cares for something.

use super::{Columns, Row};
use crate::care::{Care, Subject};
use crate::error::ReadError;

pub(crate) fn care(row: Row<'_>) -> Result<Care, ReadError> {
    let mut c = Columns::of(row, "care");
    Ok(Care {
        subject: c.known(Subject::parse)?,
        merchant: c.parsed()?,
        reason: c.raw()?,
        assignee: c.parsed_maybe()?,
        snoozed_until: c.time_maybe()?,
        settled_at: c.time_maybe()?,
        note: c.raw()?,
        version: c.raw()?,
    })
}
