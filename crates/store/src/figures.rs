//! Figures that are kept instead of counted: what each refund and each notification adds to them is
//! a pure function of its row, so the figures are a sum that the writer moves along with each
//! change, and that can be counted again at any time to prove them.
//!
//! Times are days and hours of Beijing (INV-40).

use jiff::Timestamp;
use tuikuan_domain::{AttentionReason, MerchantName, PendingReason, Status};

pub(crate) mod cell;
mod histogram;
pub(crate) mod recount;

pub use histogram::{Bucket, Histogram};

use cell::Kind;

/// Beijing's distance from UTC, all year.
const BEIJING_US: i64 = 8 * HOUR_US;
const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// The hour of Beijing that a time lies in, counted since 1970.
#[must_use]
pub fn beijing_hour(time: Timestamp) -> i64 {
    time.as_microsecond().saturating_add(BEIJING_US) / HOUR_US
}

/// The day of Beijing that a time lies in, counted since 1970.
#[must_use]
pub fn beijing_day(time: Timestamp) -> i64 {
    time.as_microsecond().saturating_add(BEIJING_US) / DAY_US
}

/// What became of a refund, as far as an overview cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The money has arrived.
    Arrived,
    /// On its way, or waiting to be.
    UnderWay,
    /// Refused, closed or withdrawn: the merchant has the money.
    Refused,
    /// Abnormal, or settled by a person.
    Other,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Arrived, Self::UnderWay, Self::Refused, Self::Other];

    /// The class of a status.
    #[must_use]
    pub const fn of(status: Status) -> Self {
        match status {
            Status::Succeeded => Self::Arrived,
            Status::Closed | Status::Rejected | Status::Cancelled => Self::Refused,
            Status::Abnormal | Status::SettledOffline => Self::Other,
            Status::AwaitingApproval
            | Status::Queued
            | Status::Submitting
            | Status::Unknown
            | Status::Processing => Self::UnderWay,
        }
    }

    /// The class as text, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::UnderWay => "under_way",
            Self::Refused => "refused",
            Self::Other => "other",
        }
    }

    /// Reads what [`Class::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// A number of refunds and what they come to, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub refunds: i64,
    /// What they come to, in fen.
    pub amount: i64,
}

impl Sum {
    /// One refund of an amount.
    pub(crate) const fn one(amount: i64) -> Self {
        Self { refunds: 1, amount }
    }

    /// Nothing.
    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            refunds: self.refunds.saturating_add(other.refunds),
            amount: self.amount.saturating_add(other.amount),
        }
    }

    /// This without the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            refunds: self.refunds.saturating_sub(other.refunds),
            amount: self.amount.saturating_sub(other.amount),
        }
    }
}

/// Which figures are wanted.
#[derive(Debug, Clone)]
pub struct FiguresAsked {
    /// Of which merchant.
    pub merchant: MerchantName,
    /// From this hour on, as [`beijing_hour`] counts.
    pub hour_from: i64,
    /// From this day on, as [`beijing_day`] counts.
    pub day_from: i64,
}

/// The figures of one merchant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Refunds by the hour they were made in, and by result.
    pub hours: Vec<(i64, Class, Sum)>,
    /// Refunds by where they stand now, without those that wait for something.
    pub standing: Vec<(Status, Sum)>,
    /// Queued refunds by what they wait for.
    pub waiting: Vec<(PendingReason, Sum)>,
    /// Refunds that need a person, by reason.
    pub needed: Vec<(AttentionReason, Sum)>,
    /// How long the money took to arrive, by day.
    pub arrivals: Vec<(i64, Histogram)>,
    /// How long after WeChat's own time notifications came, by day.
    pub lags: Vec<(i64, Histogram)>,
}

impl Figures {
    /// Takes a stored cell in; `false` when this version does not know its part.
    pub(crate) fn take(&mut self, (kind, period, part): (&str, i64, &str), sum: Sum) -> bool {
        let known = if kind == Kind::Hour.as_str() {
            Class::parse(part).map(|class| self.hours.push((period, class, sum)))
        } else if kind == Kind::Held.as_str() {
            let standing = Status::parse(part).map(|status| self.standing.push((status, sum)));
            standing.or_else(|| PendingReason::parse(part).map(|r| self.waiting.push((r, sum))))
        } else if kind == Kind::Need.as_str() {
            AttentionReason::parse(part).map(|reason| self.needed.push((reason, sum)))
        } else if kind == Kind::Arrival.as_str() {
            Bucket::parse(part).map(|b| held(&mut self.arrivals, period).add(b, sum.refunds))
        } else {
            Bucket::parse(part).map(|b| held(&mut self.lags, period).add(b, sum.refunds))
        };
        known.is_some()
    }
}

/// The histogram of a day; cells come in the order of their days.
fn held(days: &mut Vec<(i64, Histogram)>, day: i64) -> &mut Histogram {
    if days.last().is_none_or(|(last, _)| *last != day) {
        days.push((day, Histogram::default()));
    }
    let last = days.len().saturating_sub(1);
    &mut days[last].1
}

/// A figure that is not what counting gives: our bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureDifference {
    /// Kind, merchant, period and part.
    pub cell: String,
    /// What is stored.
    pub kept: Sum,
    /// What counting gives.
    pub counted: Sum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_beijings() {
        let late: Timestamp = "2026-11-23T15:59:59Z".parse().unwrap();
        let next: Timestamp = "2026-11-23T16:00:00Z".parse().unwrap();
        assert_eq!(beijing_day(next), beijing_day(late) + 1);
        assert_eq!(beijing_hour(next), beijing_hour(late) + 1);
        assert_eq!(beijing_hour(next), beijing_day(next) * 24);
    }
}
