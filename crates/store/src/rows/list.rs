//! What lists and counters consist of.

use tuikuan_domain::Status;

use super::{Columns, Row};
use crate::error::ReadError;
use crate::records::StatusCount;

type Read<T> = Result<T, ReadError>;

pub(crate) fn status_count(row: Row<'_>) -> Read<StatusCount> {
    let mut c = Columns::of(row, "counter");
    Ok(StatusCount {
        merchant: c.parsed()?,
        status: c.known(Status::parse)?,
        refunds: c.raw()?,
    })
}
