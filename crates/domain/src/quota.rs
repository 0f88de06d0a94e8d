//! How many calls a merchant may make: sliding logs of sends, as values (INV-26). A token bucket
//! that refills while it is full lets almost twice the rate through one sliding second; a log does
//! not.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::after;

mod shared;

pub use shared::{Answer, Ask, Counted, Grant, Grants, Share};

/// At most `limit` sends in every sliding `window`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlidingLog {
    limit: usize,
    window: SignedDuration,
    sent: VecDeque<Timestamp>,
}

impl SlidingLog {
    /// An empty log for `limit` sends (at least 1) in every `window`.
    #[must_use]
    pub fn new(limit: usize, window: SignedDuration) -> Self {
        Self {
            limit: limit.max(1),
            window,
            sent: VecDeque::new(),
        }
    }

    /// How many sends are free at `now`. Forgets what has left the window.
    pub fn free(&mut self, now: Timestamp) -> usize {
        while self
            .sent
            .front()
            .is_some_and(|first| after(*first, self.window) <= now)
        {
            self.sent.pop_front();
        }
        self.limit.saturating_sub(self.sent.len())
    }

    /// Notes a send at `now`. Times must not go backwards; a backward jump is noted at the latest
    /// time seen, which errs on the careful side (INV-25).
    pub fn note(&mut self, now: Timestamp) {
        let at = self.sent.back().map_or(now, |last| now.max(*last));
        if self.sent.len() >= self.limit {
            self.sent.pop_front();
        }
        self.sent.push_back(at);
    }

    /// When the next send is free: `now`, or when the oldest leaves the window.
    pub fn free_at(&mut self, now: Timestamp) -> Timestamp {
        if self.free(now) > 0 {
            return now;
        }
        self.sent
            .front()
            .map_or(now, |first| after(*first, self.window))
    }
}

/// WeChat's limits for one merchant number. Sources: limits P1, P2, P3, P6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Submits in a second.
    pub submits_per_second: usize,
    /// Queries in a second.
    pub queries_per_second: usize,
    /// Submits that WeChat answered with an error, in a second.
    pub errors_per_second: usize,
    /// Submits for orders older than a month, in a minute.
    pub old_orders_per_minute: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            submits_per_second: 150,
            queries_per_second: 300,
            errors_per_second: 6,
            old_orders_per_minute: 5000,
        }
    }
}

/// The calls of one merchant number, all limits together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    submits: SlidingLog,
    queries: SlidingLog,
    errors: SlidingLog,
    old_orders: SlidingLog,
}

/// An order is old for [`Limits::old_orders_per_minute`] after this time (P3).
pub const OLD_ORDER: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Quota {
    /// An unused quota.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let second = SignedDuration::from_secs(1);
        Self {
            submits: SlidingLog::new(limits.submits_per_second, second),
            queries: SlidingLog::new(limits.queries_per_second, second),
            errors: SlidingLog::new(limits.errors_per_second, second),
            old_orders: SlidingLog::new(
                limits.old_orders_per_minute,
                SignedDuration::from_secs(60),
            ),
        }
    }

    /// How many submits may start at `now`. None while the errors of this second use up their own
    /// limit: one more would make WeChat block the good ones too.
    pub fn submits_free(&mut self, now: Timestamp) -> usize {
        let errors = self.errors.free(now);
        let old = self.old_orders.free(now);
        let free = self.submits.free(now).min(old);
        if errors == 0 { 0 } else { free }
    }

    /// How many erroneous submits are left of this second.
    pub fn errors_free(&mut self, now: Timestamp) -> usize {
        self.errors.free(now)
    }

    /// Notes a submit that starts at `now`.
    pub fn note_submit(&mut self, now: Timestamp, paid_at: Option<Timestamp>) {
        self.submits.note(now);
        if paid_at.is_some_and(|paid| after(paid, OLD_ORDER) < now) {
            self.old_orders.note(now);
        }
    }

    /// Notes a submit that WeChat answered with an error.
    pub fn note_error(&mut self, now: Timestamp) {
        self.errors.note(now);
    }

    /// How many queries may start at `now`.
    pub fn queries_free(&mut self, now: Timestamp) -> usize {
        self.queries.free(now)
    }

    /// Notes a query that starts at `now`.
    pub fn note_query(&mut self, now: Timestamp) {
        self.queries.note(now);
    }

    /// When the next submit may start.
    pub fn submit_free_at(&mut self, now: Timestamp) -> Timestamp {
        self.submits
            .free_at(now)
            .max(self.errors.free_at(now))
            .max(self.old_orders.free_at(now))
    }

    /// When the next query may start.
    pub fn query_free_at(&mut self, now: Timestamp) -> Timestamp {
        self.queries.free_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_sliding_second_ever_holds_more_than_the_limit(
            steps in prop::collection::vec(0_i64..400, 1..300), limit in 1_usize..20
        ) {
            let mut log = SlidingLog::new(limit, SignedDuration::from_secs(1));
            let (mut now, mut sent) = (Timestamp::UNIX_EPOCH, Vec::new());
            for step in steps {
                now += SignedDuration::from_millis(step);
                if log.free(now) > 0 {
                    log.note(now);
                    sent.push(now);
                }
            }
            for (i, first) in sent.iter().enumerate() {
                let inside = sent[i..].iter().take_while(|t| t.duration_since(*first) < SignedDuration::from_secs(1));
                prop_assert!(inside.count() <= limit);
            }
        }
    }

    #[test]
    fn a_full_log_says_when_it_is_free_again() {
        let mut log = SlidingLog::new(2, SignedDuration::from_secs(1));
        let start = Timestamp::UNIX_EPOCH;
        log.note(start);
        log.note(start + SignedDuration::from_millis(500));
        let now = start + SignedDuration::from_millis(600);
        assert_eq!(log.free(now), 0);
        assert_eq!(log.free_at(now), start + SignedDuration::from_secs(1));
    }
}
