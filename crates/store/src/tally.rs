//! What one transaction moves in the counters that are kept beside the rows: gathered while its
//! operations are applied, written once for all of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tuikuan_domain::batch::Outcome;
use tuikuan_domain::{AttentionReason, MerchantName, PendingReason, Refund, Status};

use crate::change::InboxEntry;
use crate::figures::Sum;
use crate::figures::cell::{Cell, Made, Standing, lag_cell};
use crate::signals::Effects;
use crate::trouble::{Trouble, UNREADABLE};

/// Lines of a batch that moved from one outcome to another.
struct Moved {
    batch: String,
    outcome: &'static str,
    lines: i64,
    amount: i64,
}

/// The moves of one transaction.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) effects: Effects,
    figures: Vec<(MerchantName, Cell, Sum)>,
    counted: Vec<(MerchantName, Status, i64)>,
    moved: Vec<Moved>,
}

/// Where a tally stands.
pub(crate) struct Mark {
    figures: usize,
    counted: usize,
    moved: usize,
    effects: Effects,
}

impl Tally {
    /// Where it stands, to come back to with [`Tally::forget`].
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            figures: self.figures.len(),
            counted: self.counted.len(),
            moved: self.moved.len(),
            effects: self.effects,
        }
    }

    /// Forgets what an operation counted that was undone.
    pub(crate) fn forget(&mut self, mark: &Mark) {
        self.figures.truncate(mark.figures);
        self.counted.truncate(mark.counted);
        self.moved.truncate(mark.moved);
        self.effects = mark.effects;
    }

    /// A refund is new, or stood at `before` and has moved on.
    pub(crate) fn refund(&mut self, refund: &Refund, before: Option<Standing>) {
        let now = Standing::of(refund);
        self.count(
            &refund.merchant,
            before.map(|before| before.status),
            now.status,
        );
        if before == Some(now) {
            return;
        }
        let made = Made::of(refund);
        let one = Sum::one(refund.content.amount.get());
        let none = Sum::default();
        let mut put = |cell, sum| self.figures.push((refund.merchant.clone(), cell, sum));
        for before in before.iter() {
            made.cells(before)
                .for_each(|cell| put(cell, none.minus(one)));
        }
        made.cells(&now).for_each(|cell| put(cell, one));
    }

    fn count(&mut self, merchant: &MerchantName, from: Option<Status>, to: Status) {
        if from == Some(to) {
            return;
        }
        self.counted.push((merchant.clone(), to, 1));
        if let Some(from) = from {
            self.counted.push((merchant.clone(), from, -1));
        }
    }

    /// A notification is stored.
    pub(crate) fn notification(&mut self, entry: &InboxEntry) {
        if let Some(told) = entry.told_at {
            let cell = lag_cell(told, entry.received_at);
            self.figures
                .push((entry.merchant.clone(), cell, Sum::one(0)));
        }
    }

    /// Lines of a batch moved from one outcome to another.
    pub(crate) fn lines(
        &mut self,
        batch: &str,
        (from, to): (Outcome, Outcome),
        (lines, amount): (i64, i64),
    ) {
        for (outcome, sign) in [(from, -1_i64), (to, 1)] {
            self.moved.push(Moved {
                batch: batch.to_owned(),
                outcome: outcome.as_str(),
                lines: lines.saturating_mul(sign),
                amount: amount.saturating_mul(sign),
            });
        }
    }

    /// By how many lines, of which amount, an outcome of a batch has moved so far.
    pub(crate) fn lines_so_far(&self, batch: &str, outcome: Outcome) -> (i64, i64) {
        let own = |moved: &&Moved| moved.batch == batch && moved.outcome == outcome.as_str();
        self.moved
            .iter()
            .filter(own)
            .fold((0, 0), |(lines, amount): (i64, i64), moved| {
                (
                    lines.saturating_add(moved.lines),
                    amount.saturating_add(moved.amount),
                )
            })
    }

    /// Takes the moves of the counts by status: what is not zero, sorted.
    pub(crate) fn take_counts(&mut self) -> Vec<((MerchantName, &'static str), i64)> {
        let mut sums: BTreeMap<_, i64> = BTreeMap::new();
        for (merchant, status, by) in std::mem::take(&mut self.counted) {
            let sum = sums.entry((merchant, status.as_str())).or_default();
            *sum = sum.saturating_add(by);
        }
        sums.into_iter().filter(|(_, by)| *by != 0).collect()
    }

    /// Takes the moves of the figures: what is not zero, sorted.
    pub(crate) fn take_figures(&mut self) -> Vec<((MerchantName, Cell), Sum)> {
        let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
        for (merchant, cell, by) in std::mem::take(&mut self.figures) {
            let sum = sums.entry((merchant, cell)).or_default();
            *sum = sum.plus(by);
        }
        sums.into_iter().filter(|(_, by)| !by.is_zero()).collect()
    }

    /// Takes the moves of the batches' lines, sorted: also those that come to nothing, for a batch may
    /// have ended by them.
    pub(crate) fn take_lines(&mut self) -> BTreeMap<String, BTreeMap<&'static str, (i64, i64)>> {
        let mut sums: BTreeMap<String, BTreeMap<&'static str, (i64, i64)>> = BTreeMap::new();
        for moved in std::mem::take(&mut self.moved) {
            let batch = sums.entry(moved.batch).or_default();
            let sum = batch.entry(moved.outcome).or_default();
            sum.0 = sum.0.saturating_add(moved.lines);
            sum.1 = sum.1.saturating_add(moved.amount);
        }
        sums
    }
}

/// The parts of a refund that is stored which the figures need.
pub(crate) fn standing(
    (status, attention): (Status, Option<&str>),
    (pending, succeeded): (Option<String>, Option<i64>),
) -> Result<Standing, Trouble> {
    let unreadable = || Trouble::Refused(UNREADABLE);
    let pending = pending.map(|text| PendingReason::parse(&text).ok_or_else(unreadable));
    let attention = attention.map(|text| AttentionReason::parse(text).ok_or_else(unreadable));
    let time = |at| Timestamp::from_microsecond(at).map_err(|_foreign| unreadable());
    Ok(Standing {
        status,
        pending_reason: pending.transpose()?,
        attention: attention.transpose()?,
        succeeded_at: succeeded.map(time).transpose()?,
    })
}
