//! When to try again. All waits are values of [`Schedule`]; nothing here sleeps or reads a clock.

use jiff::{SignedDuration, Timestamp};

use crate::after;
use crate::outcome::Wait;

/// The queries after a submit, as offsets from it, following WeChat's published rhythm (limits
/// P26): minutes 1 to 5, then 10, 20, 30 minutes. Hours and days follow by step.
const QUERY_MINUTES: [i64; 8] = [1, 2, 3, 4, 5, 10, 20, 30];
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The schedules of the engine. The defaults are for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// First look after a submit; refunds to the balance arrive at once.
    pub first_query: SignedDuration,
    /// "No such refund" proves nothing before this time has passed since the last attempt (P26).
    pub visibility: SignedDuration,
    /// Between the starts of two refunds of one order (P4, INV-9).
    pub spacing: SignedDuration,
    /// Waits for balance; the last repeats.
    pub balance: Vec<SignedDuration>,
    /// Waits after a rate limit; the last repeats.
    pub rate_limit: Vec<SignedDuration>,
    /// Waits while an order is not ready; the last repeats.
    pub order_not_ready: Vec<SignedDuration>,
    /// Waits for a mended merchant; the last repeats.
    pub merchant: Vec<SignedDuration>,
    /// Waits after a connection that could not be made, or a query that was not answered.
    pub unreachable: Vec<SignedDuration>,
    /// Waits before the same request is sent again after WeChat did not know it; the last repeats.
    pub resend: Vec<SignedDuration>,
    /// A refund that stays unknown for so long needs a person.
    pub unknown_attention: SignedDuration,
    /// A refund is queried for so long, then it needs a person.
    pub query_until: SignedDuration,
    /// At least this time lies between two queries that something brought forward: 10 a minute.
    pub forwarded_query: SignedDuration,
}

fn seconds(list: &[i64]) -> Vec<SignedDuration> {
    list.iter().map(|s| SignedDuration::from_secs(*s)).collect()
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            first_query: SignedDuration::from_secs(3),
            visibility: SignedDuration::from_secs(60),
            spacing: SignedDuration::from_secs(60),
            balance: seconds(&[600, 1800, 3600]),
            rate_limit: seconds(&[60, 120, 300, 600]),
            order_not_ready: seconds(&[60, 300, 1800]),
            merchant: seconds(&[60, 300, 600, 1800]),
            unreachable: seconds(&[1, 2, 5, 10, 30, 60, 300]),
            resend: seconds(&[0, 5, 30, 60, 300, 1800, 3600]),
            unknown_attention: SignedDuration::from_mins(30),
            query_until: SignedDuration::from_hours(30 * 24),
            forwarded_query: SignedDuration::from_secs(6),
        }
    }
}

impl Schedule {
    /// The next query of a refund submitted at `submitted`, strictly after `now`; `None` when the
    /// rhythm is used up.
    #[must_use]
    pub fn next_query(&self, submitted: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let elapsed = now.duration_since(submitted).max(SignedDuration::ZERO);
        let offset = self.next_offset(elapsed);
        (offset <= self.query_until).then(|| after(submitted, offset).max(after(now, MIN_WAIT)))
    }

    fn next_offset(&self, elapsed: SignedDuration) -> SignedDuration {
        if elapsed < self.first_query {
            return self.first_query;
        }
        let minutes = QUERY_MINUTES.into_iter().map(SignedDuration::from_mins);
        if let Some(next) = minutes.into_iter().find(|offset| *offset > elapsed) {
            return next;
        }
        let step = if elapsed < DAY {
            HOUR
        } else if elapsed < SignedDuration::from_hours(7 * 24) {
            SignedDuration::from_hours(4)
        } else {
            DAY
        };
        let whole = elapsed
            .as_secs()
            .checked_div(step.as_secs())
            .unwrap_or(0)
            .saturating_add(1);
        SignedDuration::from_secs(whole.saturating_mul(step.as_secs()))
    }

    /// When to send again after the `count`-th refusal (from 1) of this kind.
    #[must_use]
    pub fn wait(&self, wait: Wait, count: u32, now: Timestamp) -> Timestamp {
        let list = match wait {
            Wait::Balance => &self.balance,
            Wait::RateLimit => &self.rate_limit,
            Wait::OrderNotReady => &self.order_not_ready,
            Wait::Merchant => &self.merchant,
        };
        after(now, pick(list, count))
    }

    /// When to try again after the `count`-th failure (from 1) to reach WeChat.
    #[must_use]
    pub fn reach_again(&self, count: u32, now: Timestamp) -> Timestamp {
        after(now, pick(&self.unreachable, count))
    }

    /// When to send the same request again after the `attempt`-th attempt (from 1) left no trace.
    #[must_use]
    pub fn send_again(&self, attempt: u32, now: Timestamp) -> Timestamp {
        after(now, pick(&self.resend, attempt))
    }
}

/// A schedule never answers "now": a loop without a pause would burn the merchant's quota.
const MIN_WAIT: SignedDuration = SignedDuration::from_millis(200);

fn pick(list: &[SignedDuration], count: u32) -> SignedDuration {
    let index = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    list.get(index).or(list.last()).copied().unwrap_or(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rhythm_is_the_published_one() {
        let schedule = Schedule::default();
        let start = Timestamp::UNIX_EPOCH;
        let (mut now, mut offsets) = (start, Vec::new());
        while let Some(next) = schedule.next_query(start, now) {
            offsets.push(next.duration_since(start).as_secs());
            now = next;
        }
        assert_eq!(
            offsets[..11],
            [3, 60, 120, 180, 240, 300, 600, 1200, 1800, 3600, 7200]
        );
        let day = 86_400;
        let hourly = offsets.iter().filter(|o| **o >= 3600 && **o <= day).count();
        let four_hourly = offsets
            .iter()
            .filter(|o| **o > day && **o <= 7 * day)
            .count();
        let daily = offsets.iter().filter(|o| **o > 7 * day).count();
        assert_eq!((hourly, four_hourly, daily), (24, 36, 23));
        assert_eq!(offsets.last(), Some(&(30 * day)));
    }

    proptest! {
        #[test]
        fn times_never_decrease(a in 0_i64..40 * 86_400, b in 0_i64..40 * 86_400) {
            let schedule = Schedule::default();
            let start = Timestamp::UNIX_EPOCH;
            let at = |s: i64| start + SignedDuration::from_secs(s);
            let (early, late) = (a.min(b), a.max(b));
            if let (Some(x), Some(y)) =
                (schedule.next_query(start, at(early)), schedule.next_query(start, at(late)))
            {
                prop_assert!(x <= y);
                prop_assert!(y > at(late));
            }
        }

        #[test]
        fn waits_grow(count in 1_u32..30) {
            let schedule = Schedule::default();
            let now = Timestamp::UNIX_EPOCH;
            for wait in Wait::ALL {
                prop_assert!(schedule.wait(wait, count, now) <= schedule.wait(wait, count + 1, now));
                prop_assert!(schedule.wait(wait, count, now) > now);
            }
        }
    }
}
