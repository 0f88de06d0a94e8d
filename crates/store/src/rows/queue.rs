//! Jobs and lanes.

use tuikuan_domain::Step;

use super::{Columns, Row};
use crate::error::ReadError;
use crate::job::{Job, JobKey, Lane, LaneDue, PARKED};

type Read<T> = Result<T, ReadError>;

/// Lane, step, due time, whether it is leased, when it was claimed.
pub(crate) fn job(row: Row<'_>, key: &JobKey) -> Read<Job> {
    let mut c = Columns::of(row, "job");
    Ok(Job {
        key: key.clone(),
        lane: c.known(Lane::parse)?,
        step: Step::parse(&c.raw::<String>()?),
        due_at: c.time()?,
        leased_since: match (c.raw()?, c.time_maybe()?) {
            (true, since) => since,
            (false, _) => None,
        },
    })
}

/// A lane and its earliest due time; none when all of its jobs are parked.
pub(crate) fn lane(row: Row<'_>) -> Read<Option<LaneDue>> {
    if row.get::<i64>(1)? == PARKED {
        return Ok(None);
    }
    let mut c = Columns::of(row, "lane");
    Ok(Some(LaneDue {
        lane: c.known(Lane::parse)?,
        due_at: c.time()?,
    }))
}
