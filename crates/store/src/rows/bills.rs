//! Bills, their differences, and the refunds that a bill is held against.

use tuikuan_domain::reconcile::{
    BillKind, Class, DayState, DifferenceState, Healing, LineState, Repair,
};
use tuikuan_domain::{MerchantName, Status};

use super::{Columns, Row};
use crate::bill::{
    Bill, BillDay, Difference, DifferenceCount, Facts, OpenDay, SentPlace, SentRefund, Sums,
};
use crate::error::ReadError;

type Read<T> = Result<T, ReadError>;

/// The columns of a bill, in the order of [`bill_row`], up to the parameter behind which a job is parked.
macro_rules! bill_columns {
    () => {
        "b.merchant, b.day, b.kind, b.state, b.tries, b.error, b.wanted_at, b.tried_at, \
         b.fetched_at, b.hash, b.lines, b.matched, b.payments, b.payments_fen, b.refunds, \
         b.refunds_fen, b.fees, b.fees_returned, \
         (SELECT j.due_at FROM jobs j \
          WHERE j.key = 'bill:' || b.kind || ':' || b.day || ':' || b.merchant AND j.due_at < "
    };
}

/// The columns of a difference, in the order of [`difference_row`].
macro_rules! difference_columns {
    () => {
        "d.id, d.merchant, d.mch_id, d.day, d.out_refund_no, d.repetition, d.class, d.state, \
         d.repair, d.healing, d.note, d.settled_by, d.found_at, d.settled_at, d.refund_id, \
         d.our_amount, d.our_status, d.bill_amount, d.bill_state, d.wechat_refund_id, \
         d.transaction_id, d.out_trade_no, d.accepted_at"
    };
}
pub(crate) use {bill_columns, difference_columns};

/// What was counted.
pub(crate) fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or(0)
}

/// A row of [`bill_columns`].
pub(crate) fn bill_row(row: Row<'_>) -> Read<BillDay> {
    let mut c = Columns::of(row, "bill");
    Ok(BillDay {
        bill: Bill {
            merchant: c.parsed()?,
            day: c.parsed()?,
            kind: c.known(BillKind::parse)?,
        },
        state: c.known(DayState::parse)?,
        tries: c.raw()?,
        error: c.raw()?,
        wanted_at: c.time()?,
        tried_at: c.time_maybe()?,
        fetched_at: c.time_maybe()?,
        hash: c.raw()?,
        sums: Sums {
            lines: count(c.raw()?),
            matched: count(c.raw()?),
            payments: count(c.raw()?),
            payments_fen: c.raw()?,
            refunds: count(c.raw()?),
            refunds_fen: c.raw()?,
            fees: c.raw()?,
            fees_returned: c.raw()?,
        },
        due_at: c.time_maybe()?,
    })
}

/// A row of [`difference_columns`].
pub(crate) fn difference_row(row: Row<'_>) -> Read<Difference> {
    let mut c = Columns::of(row, "difference");
    Ok(Difference {
        id: c.parsed()?,
        merchant: c.parsed()?,
        mch_id: c.parsed()?,
        day: c.parsed()?,
        out_refund_no: c.raw()?,
        repetition: c.raw()?,
        class: c.known(Class::parse)?,
        state: c.known(DifferenceState::parse)?,
        repair: c.known(Repair::parse)?,
        healing: c.known_maybe(Healing::parse)?,
        note: c.raw()?,
        settled_by: c.raw()?,
        found_at: c.time()?,
        settled_at: c.time_maybe()?,
        facts: Facts {
            refund_id: c.parsed_maybe()?,
            our_amount: c.fen_maybe()?,
            our_status: c.known_maybe(Status::parse)?,
            bill_amount: c.fen_maybe()?,
            bill_state: c.known_maybe(LineState::parse)?,
            wechat_refund_id: c.raw()?,
            transaction_id: c.raw()?,
            out_trade_no: c.raw()?,
            accepted_at: c.time_maybe()?,
        },
    })
}

/// How many differences of a day there are of a class in a state.
pub(crate) fn difference_count(row: Row<'_>) -> Read<DifferenceCount> {
    let mut c = Columns::of(row, "difference");
    Ok(DifferenceCount {
        day: c.parsed()?,
        class: c.known(Class::parse)?,
        state: c.known(DifferenceState::parse)?,
        count: count(c.raw()?),
    })
}

/// A day, how many differences of it are open, and since when.
pub(crate) fn open_day(row: Row<'_>, merchant: &MerchantName) -> Read<OpenDay> {
    let mut c = Columns::of(row, "difference");
    Ok(OpenDay {
        merchant: merchant.clone(),
        day: c.parsed()?,
        count: count(c.raw()?),
        since: c.time()?,
    })
}

/// What a walk gives of a refund, with its place.
pub(crate) fn sent_row(row: Row<'_>) -> Read<(SentPlace, SentRefund)> {
    let mut c = Columns::of(row, "refund");
    let place = (c.raw()?, c.raw()?);
    let refund = SentRefund {
        out_refund_no: c.raw()?,
        amount: c.fen()?,
        status: c.known(Status::parse)?,
        last_attempt_at: c.time()?,
    };
    Ok((place, refund))
}
