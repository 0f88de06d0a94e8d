//! What a page of the search walks: from where to where in the order of refunds, and in which
//! direction.

use jiff::Timestamp;
use tuikuan_domain::Refund;

use super::{Place, RefundSearch};
use crate::error::ReadError;
use crate::select::Cursor;

/// A moment in the order of refunds.
pub(crate) type Moment = (i64, String);

/// From where to where, in which direction.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) high: Moment,
    pub(crate) low: Moment,
    pub(crate) back: bool,
}

impl Stretch {
    pub(crate) fn of(search: &RefundSearch) -> Self {
        let micros = |time: Option<Timestamp>, none| time.map_or(none, Timestamp::as_microsecond);
        let mut high = (micros(search.created_to, i64::MAX), String::new());
        let mut low = (micros(search.created_from, i64::MIN), String::new());
        match &search.place {
            Place::Newest => {}
            Place::Older(cursor) => high = high.min(moment(cursor)),
            Place::Newer(cursor) => low = low.max(moment(cursor)),
        }
        let back = !matches!(search.place, Place::Newer(_));
        Self { high, low, back }
    }

    /// Ends it at the row that is the last to be looked at.
    pub(crate) fn end_at(&mut self, reached: &Moment) {
        if self.back {
            self.low = reached.clone();
        } else {
            self.high = reached.clone();
        }
    }

    /// Which of two ends comes first.
    pub(crate) fn nearer(&self, one: Moment, other: Moment) -> Moment {
        if self.back {
            one.max(other)
        } else {
            one.min(other)
        }
    }
}

fn moment(cursor: &Cursor) -> Moment {
    (cursor.created_at.as_microsecond(), cursor.id.to_string())
}

pub(crate) fn cursor_of(refund: &Refund) -> Cursor {
    Cursor {
        created_at: refund.created_at,
        id: refund.id.clone(),
    }
}

pub(crate) fn cursor_at((at, id): Moment) -> Result<Cursor, ReadError> {
    let corrupt = || ReadError::Corrupt { what: "refund" };
    Ok(Cursor {
        created_at: Timestamp::from_microsecond(at).map_err(|_foreign| corrupt())?,
        id: id.parse().map_err(|_foreign| corrupt())?,
    })
}
