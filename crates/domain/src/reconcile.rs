//! The comparison of a bill day: what WeChat's refund bill says against what we hold. Pure, one pair
//! at a time, so that a day of any size can be streamed. A line of a bill ends nothing (INV-16): it
//! is matched, or it becomes one difference that a query heals or a person closes (INV-38).
//!
//! A refund belongs to the day on which WeChat accepted it (v2 chapter 9_6), whatever became of it
//! later, so its lines are matched by number and compared by amount and state.

use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_terms::Fen;

use crate::event::Source;
use crate::refund::{Refund, Status};

mod day;
mod settle;
mod words;

pub use day::{DAY_S, day_of, ready_at, starts_at};
pub use settle::{Settled, settle};
pub use words::{BillKind, Class, DayState, DifferenceState, Healing, LineState, Repair};

/// An acceptance this close to midnight may stand in the bill of the next day: our clock and
/// WeChat's differ a little, and a call takes a while.
pub const MIDNIGHT_S: i64 = 600;

/// What a line of the bill says of a refund, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The amount applied for.
    pub amount: Fen,
    /// The state when the bill was made.
    pub state: LineState,
}

/// What we hold of a refund, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours {
    /// The amount asked for.
    pub amount: Fen,
    /// Where it stands.
    pub status: Status,
    /// Where a bill must show it.
    pub place: Place,
}

/// Where the bill of a day stands to a refund of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// WeChat accepted it on this day: this bill shows it.
    Here,
    /// Accepted on this day shortly before midnight: this bill or the next shows it.
    HereOrNext,
    /// Accepted on another day: another bill shows it.
    Elsewhere,
    /// Made elsewhere: the bill itself says on which day.
    Anywhere,
    /// Not known to be accepted: no bill need show it.
    Nowhere,
}

/// The facts of a refund that decide its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Where the request came from.
    pub origin: Source,
    /// Whether WeChat gave it a number.
    pub numbered: Numbered,
    /// The start of the last attempt.
    pub last_attempt_at: Option<Timestamp>,
}

/// Whether WeChat has given a refund its number: only then is it known to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// It has.
    Yes,
    /// It has not, as far as we know.
    No,
}

impl Taken {
    /// Where the bill of `day` stands to it.
    #[must_use]
    pub fn place(self, day: Date) -> Place {
        if matches!(self.origin, Source::Notification | Source::Bill) {
            return Place::Anywhere;
        }
        let (Numbered::Yes, Some(at)) = (self.numbered, self.last_attempt_at) else {
            return Place::Nowhere;
        };
        if day_of(at) != day {
            return Place::Elsewhere;
        }
        let left = starts_at(day)
            .saturating_add(DAY_S)
            .saturating_sub(at.as_second());
        if left <= MIDNIGHT_S {
            Place::HereOrNext
        } else {
            Place::Here
        }
    }
}

impl Ours {
    /// A refund as the bill of `day` sees it.
    #[must_use]
    pub fn of(refund: &Refund, day: Date) -> Self {
        let numbered = match refund.refund_id {
            Some(_) => Numbered::Yes,
            None => Numbered::No,
        };
        let taken = Taken {
            origin: refund.origin,
            numbered,
            last_attempt_at: refund.last_attempt_at,
        };
        Self {
            amount: refund.content.amount,
            status: refund.status,
            place: taken.place(day),
        }
    }
}

/// What one number is on a day: both sides of it, or the one that is there. `None`: neither the day
/// nor the bill is concerned.
#[must_use]
pub fn judge(ours: Option<Ours>, line: Option<Line>) -> Option<Class> {
    match (ours, line) {
        (None, None) => None,
        (None, Some(_)) => Some(Class::WechatOnly),
        (Some(ours), None) => match ours.place {
            Place::Here => Some(Class::OursOnly),
            Place::HereOrNext => Some(Class::LateByADay),
            Place::Elsewhere | Place::Anywhere | Place::Nowhere => None,
        },
        (Some(ours), Some(line)) => Some(judge_pair(ours, line)),
    }
}

fn judge_pair(ours: Ours, line: Line) -> Class {
    if ours.amount != line.amount {
        Class::AmountDiffers
    } else if !agree(ours.status, line.state) {
        Class::StatusDiffers
    } else if ours.place == Place::Elsewhere {
        Class::LateByADay
    } else {
        Class::Matched
    }
}

/// Whether our status can stand beside a line's state. The line is as old as the bill and is never
/// brought up to date, so a refund may have gone on since; it cannot have gone back.
#[must_use]
pub const fn agree(status: Status, state: LineState) -> bool {
    match state {
        LineState::Success => matches!(status, Status::Succeeded),
        LineState::Processing => matches!(
            status,
            Status::Processing
                | Status::Abnormal
                | Status::Succeeded
                | Status::SettledOffline
                | Status::Closed
        ),
        LineState::Abnormal => matches!(
            status,
            Status::Abnormal | Status::Succeeded | Status::SettledOffline | Status::Closed
        ),
        LineState::Failed => matches!(status, Status::Closed),
        LineState::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Date {
        "2026-11-20".parse().unwrap()
    }

    fn taken(at: &str) -> Taken {
        Taken {
            origin: Source::Api,
            numbered: Numbered::Yes,
            last_attempt_at: Some(at.parse().unwrap()),
        }
    }

    #[test]
    fn a_refund_belongs_to_the_shanghai_day_of_its_last_attempt() {
        let place = |at| taken(at).place(day());
        assert_eq!(place("2026-11-19T16:00:00Z"), Place::Here);
        assert_eq!(place("2026-11-19T15:59:59.999Z"), Place::Elsewhere);
        assert_eq!(place("2026-11-20T15:49:59Z"), Place::Here);
        assert_eq!(place("2026-11-20T15:50:00Z"), Place::HereOrNext);
        assert_eq!(place("2026-11-20T15:59:59Z"), Place::HereOrNext);
        assert_eq!(place("2026-11-20T16:00:00Z"), Place::Elsewhere);
    }

    #[test]
    fn what_wechat_is_not_known_to_have_is_expected_in_no_bill() {
        let at = taken("2026-11-20T04:00:00Z");
        let unsure = Taken {
            numbered: Numbered::No,
            ..at
        };
        assert_eq!(unsure.place(day()), Place::Nowhere);
        let foreign = Taken {
            origin: Source::Bill,
            ..at
        };
        assert_eq!(foreign.place(day()), Place::Anywhere);
    }

    #[test]
    fn a_pair_differs_in_amount_first_then_in_status_then_in_the_day() {
        let fen = |amount| Fen::new(amount).unwrap();
        let ours = |amount, status, place| Ours {
            amount: fen(amount),
            status,
            place,
        };
        let line = |amount, state| {
            Some(Line {
                amount: fen(amount),
                state,
            })
        };
        let here = ours(100, Status::Succeeded, Place::Here);
        assert_eq!(
            judge(Some(here), line(100, LineState::Success)),
            Some(Class::Matched)
        );
        assert_eq!(
            judge(Some(here), line(101, LineState::Failed)),
            Some(Class::AmountDiffers)
        );
        assert_eq!(
            judge(Some(here), line(100, LineState::Failed)),
            Some(Class::StatusDiffers)
        );
        let late = ours(100, Status::Succeeded, Place::Elsewhere);
        assert_eq!(
            judge(Some(late), line(100, LineState::Processing)),
            Some(Class::LateByADay)
        );
        assert_eq!(judge(Some(late), None), None);
        assert_eq!(judge(Some(here), None), Some(Class::OursOnly));
        assert_eq!(
            judge(None, line(1, LineState::Other)),
            Some(Class::WechatOnly)
        );
    }

    #[test]
    fn no_open_refund_without_an_acceptance_agrees_with_any_line() {
        for state in LineState::ALL {
            for status in Status::ALL {
                let accepted = matches!(
                    status,
                    Status::Processing
                        | Status::Abnormal
                        | Status::Succeeded
                        | Status::SettledOffline
                        | Status::Closed
                );
                assert!(accepted || !agree(status, *state), "{status:?} {state:?}");
            }
        }
    }
}
