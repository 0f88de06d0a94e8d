//! What lists and counters consist of.

use tuikuan_domain::{MerchantName, RefundId, Status};

use super::{Columns, Row};
use crate::error::ReadError;
use crate::records::{StatusCount, Stuck};

type Read<T> = Result<T, ReadError>;

pub(crate) fn merchant_name(row: Row<'_>) -> Read<MerchantName> {
    Columns::of(row, "counter").parsed()
}

pub(crate) fn refund_id(row: Row<'_>) -> Read<RefundId> {
    Columns::of(row, "refund").parsed()
}

pub(crate) fn status_count(row: Row<'_>) -> Read<StatusCount> {
    let mut c = Columns::of(row, "counter");
    Ok(StatusCount {
        merchant: c.parsed()?,
        status: c.known(Status::parse)?,
        refunds: c.raw()?,
    })
}

pub(crate) fn stuck(row: Row<'_>) -> Read<Stuck> {
    let mut c = Columns::of(row, "refund");
    Ok(Stuck {
        refund_id: c.parsed()?,
        status: c.known(Status::parse)?,
        due_at: c.time_maybe()?,
    })
}
