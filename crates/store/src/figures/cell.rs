//! In which cells of the figures a refund or a notification counts: a pure function of its row.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::{AttentionReason, PendingReason, Refund, Source, Status};

use crate::figures::histogram::Bucket;
use crate::figures::{Class, beijing_day, beijing_hour};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// By hour of creation and class.
    Hour,
    /// By where they stand.
    Held,
    /// By why they need a person.
    Need,
    /// By day of arrival and how long it took.
    Arrival,
    /// Notifications by day and how long after WeChat's own time they came.
    Lag,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Held => "held",
            Self::Need => "need",
            Self::Arrival => "arrival",
            Self::Lag => "lag",
        }
    }
}

/// The last part of a cell's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Word(&'static str),
    Bucket(Bucket),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

/// The name of one figure of one merchant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) kind: Kind,
    pub(crate) period: i64,
    pub(crate) part: Part,
}

/// What of a refund's row the figures are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) status: Status,
    pub(crate) pending_reason: Option<PendingReason>,
    pub(crate) attention: Option<AttentionReason>,
    pub(crate) succeeded_at: Option<Timestamp>,
}

impl Standing {
    pub(crate) fn of(refund: &Refund) -> Self {
        Self {
            status: refund.status,
            pending_reason: refund.pending_reason,
            attention: refund.attention.map(|attention| attention.reason),
            succeeded_at: refund.succeeded_at,
        }
    }
}

/// What of a refund never changes and the figures need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) origin: Source,
    pub(crate) created_at: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
}

impl Made {
    pub(crate) fn of(refund: &Refund) -> Self {
        Self {
            origin: refund.origin,
            created_at: refund.created_at,
            not_before: refund.content.not_before,
        }
    }

    /// The cells in which a refund counts.
    pub(crate) fn cells(&self, standing: &Standing) -> impl Iterator<Item = Cell> + use<> {
        let word = |kind, period, word| {
            let part = Part::Word(word);
            Cell { kind, period, part }
        };
        let class = Class::of(standing.status);
        let hour = word(Kind::Hour, beijing_hour(self.created_at), class.as_str());
        let held = word(Kind::Held, 0, held_word(standing));
        let need = standing
            .attention
            .map(|reason| word(Kind::Need, 0, reason.as_str()));
        let arrival = self.took(standing).map(|(day, took)| Cell {
            kind: Kind::Arrival,
            period: day,
            part: Part::Bucket(Bucket::of(took)),
        });
        [Some(hour), Some(held), need, arrival]
            .into_iter()
            .flatten()
    }

    /// On which day the money arrived, and how long after it was asked for, or was to be. Refunds
    /// that were made elsewhere have no beginning here.
    fn took(&self, standing: &Standing) -> Option<(i64, SignedDuration)> {
        let ours = match self.origin {
            Source::Api | Source::Console | Source::Cli | Source::Batch => true,
            Source::Reply
            | Source::Query
            | Source::Notification
            | Source::Bill
            | Source::Engine => false,
        };
        let arrived = standing
            .succeeded_at
            .filter(|_| ours && standing.status == Status::Succeeded)?;
        let begun = self
            .not_before
            .map_or(self.created_at, |time| time.max(self.created_at));
        let took_us = arrived
            .as_microsecond()
            .saturating_sub(begun.as_microsecond());
        Some((
            beijing_day(arrived),
            SignedDuration::from_millis(took_us / 1000),
        ))
    }
}

/// Where a refund stands; for a queued one, what it waits for.
fn held_word(standing: &Standing) -> &'static str {
    match (standing.status, standing.pending_reason) {
        (Status::Queued, Some(reason)) => reason.as_str(),
        (status, _) => status.as_str(),
    }
}

/// The cell of a notification's lag.
pub(crate) fn lag_cell(told: Timestamp, received: Timestamp) -> Cell {
    let lag_us = received
        .as_microsecond()
        .saturating_sub(told.as_microsecond());
    Cell {
        kind: Kind::Lag,
        period: beijing_day(received),
        part: Part::Bucket(Bucket::of(SignedDuration::from_millis(lag_us / 1000))),
    }
}
