//! The walk over what WeChat accepted from a merchant on a day: first by when a refund was made, then,
//! for those that were sent long after, by when they were sent.

use jiff::civil::Date;
use tuikuan_domain::reconcile::{DAY_S, starts_at};

use crate::bill::{SentCursor, SentRefund};

/// Refunds that one step of a walk looks at.
pub(crate) const SENT_STEP: u32 = 10_000;

/// A refund that was sent within this time after it was made is found by when it was made; the
/// condition of the index `refunds_sent_late` says the same.
pub(crate) const PROMPT_US: i64 = 3_600_000_000;

/// Where a refund stands in its walk: a time, and its id.
pub(crate) type SentPlace = (i64, String);

/// Some refunds, and where to go on.
pub(crate) type Sent = (Vec<SentRefund>, Option<SentCursor>);

/// By what a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentWay {
    /// By when a refund was made.
    Prompt,
    /// By when it was sent.
    Late,
}

/// One step of a walk.
#[derive(Debug)]
pub(crate) struct SentWalk {
    pub(crate) way: SentWay,
    /// After this time ...
    pub(crate) at: i64,
    /// ... and this id.
    pub(crate) id: String,
    /// The day begins.
    pub(crate) begin: i64,
    /// The day has ended.
    pub(crate) end: i64,
}

impl SentWalk {
    /// The step that follows.
    pub(crate) fn of(day: Date, after: SentCursor) -> Self {
        let begin = starts_at(day).saturating_mul(1_000_000);
        let end = starts_at(day)
            .saturating_add(DAY_S)
            .saturating_mul(1_000_000);
        let earliest = begin.saturating_sub(PROMPT_US);
        let (way, (at, id)) = match after {
            SentCursor::Prompt(at, _) if at < earliest => {
                (SentWay::Prompt, (earliest, String::new()))
            }
            SentCursor::Prompt(at, id) => (SentWay::Prompt, (at, id)),
            SentCursor::Late(at, id) => (SentWay::Late, (at, id)),
        };
        Self {
            way,
            at,
            id,
            begin,
            end,
        }
    }

    /// What a step gave, and where the next begins.
    pub(crate) fn step(&self, found: Vec<(SentPlace, SentRefund)>) -> Sent {
        let full = found.len() >= usize::try_from(SENT_STEP).unwrap_or(usize::MAX);
        let last = found.last().filter(|_| full).map(|(place, _)| place);
        let next = match (last.cloned(), self.way) {
            (Some((at, id)), SentWay::Prompt) => Some(SentCursor::Prompt(at, id)),
            (Some((at, id)), SentWay::Late) => Some(SentCursor::Late(at, id)),
            (None, SentWay::Prompt) => Some(SentCursor::Late(self.begin, String::new())),
            (None, SentWay::Late) => None,
        };
        (found.into_iter().map(|(_, refund)| refund).collect(), next)
    }
}
