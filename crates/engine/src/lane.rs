//! What one lane may do now: the merchant's quota and the number of calls in flight. One merchant's
//! backlog never touches another's lane (INV-26). Permits are taken when the bytes are about to
//! leave, not when the job is claimed, so that WeChat's sliding second sees what we counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::after;
use tuikuan_domain::quota::{Limits, Quota, SlidingLog};

/// After an error the lane goes on carefully for so long: no more in flight than errors are free.
const CAREFUL_FOR: SignedDuration = SignedDuration::from_secs(5);
/// A permitted second is spent in so many slices, so that a full second never leaves in one burst.
const SLICES: usize = 20;

/// Queries about refunds nobody here knows, which unauthenticated messages can cause (INV-23).
const STRANGERS_PER_MINUTE: usize = 10;

struct Lane {
    quota: Quota,
    pace: SlidingLog,
    submits_in_flight: usize,
    careful_until: Option<Timestamp>,
    strangers: SlidingLog,
}

/// The lanes of all merchants of this process.
pub(crate) struct Lanes {
    limits: Limits,
    lanes: Mutex<HashMap<String, Lane>>,
}

/// Whether a call may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// It was counted and may leave.
    Granted,
    /// Ask again at this time.
    At(Timestamp),
}

impl Lanes {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: Mutex::new(HashMap::new()),
        }
    }

    fn with<T>(&self, mch_id: &str, act: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes: MutexGuard<'_, _> =
            self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if !lanes.contains_key(mch_id) {
            lanes.insert(mch_id.to_owned(), self.fresh());
        }
        match lanes.get_mut(mch_id) {
            Some(lane) => act(lane),
            None => act(&mut self.fresh()),
        }
    }

    fn fresh(&self) -> Lane {
        let slice = SignedDuration::from_millis(1000 / i64::try_from(SLICES).unwrap_or(20));
        Lane {
            quota: Quota::new(self.limits),
            pace: SlidingLog::new(self.limits.submits_per_second.div_ceil(SLICES), slice),
            submits_in_flight: 0,
            careful_until: None,
            strangers: SlidingLog::new(STRANGERS_PER_MINUTE, SignedDuration::from_secs(60)),
        }
    }

    /// Asks to send a submit now.
    pub(crate) fn submit(
        &self,
        mch_id: &str,
        now: Timestamp,
        paid_at: Option<Timestamp>,
    ) -> Permit {
        self.with(mch_id, |lane| {
            let careful = lane.careful_until.is_some_and(|until| until > now);
            let errors = lane.quota.errors_free(now);
            if careful && lane.submits_in_flight >= errors {
                return Permit::At(after(now, SignedDuration::from_millis(20)));
            }
            if lane.quota.submits_free(now) == 0 {
                return Permit::At(lane.quota.submit_free_at(now));
            }
            if lane.pace.free(now) == 0 {
                return Permit::At(lane.pace.free_at(now));
            }
            lane.pace.note(now);
            lane.quota.note_submit(now, paid_at);
            lane.submits_in_flight = lane.submits_in_flight.saturating_add(1);
            Permit::Granted
        })
    }

    /// A submit that was granted has ended; `erroneous` when WeChat answered with an error.
    pub(crate) fn submitted(&self, mch_id: &str, now: Timestamp, answer: Answer) {
        self.with(mch_id, |lane| {
            lane.submits_in_flight = lane.submits_in_flight.saturating_sub(1);
            if answer == Answer::Error {
                lane.quota.note_error(now);
                lane.careful_until = Some(after(now, CAREFUL_FOR));
            }
        });
    }

    /// Asks to send a query now.
    pub(crate) fn query(&self, mch_id: &str, now: Timestamp) -> Permit {
        self.with(mch_id, |lane| {
            if lane.quota.queries_free(now) == 0 {
                return Permit::At(lane.quota.query_free_at(now));
            }
            lane.quota.note_query(now);
            Permit::Granted
        })
    }

    /// Asks to send a query about a refund that is not ours.
    pub(crate) fn stranger(&self, mch_id: &str, now: Timestamp) -> Permit {
        self.with(mch_id, |lane| {
            if lane.strangers.free(now) == 0 {
                return Permit::At(lane.strangers.free_at(now));
            }
            if lane.quota.queries_free(now) == 0 {
                return Permit::At(lane.quota.query_free_at(now));
            }
            lane.strangers.note(now);
            lane.quota.note_query(now);
            Permit::Granted
        })
    }

    /// How many submits it makes sense to claim now.
    pub(crate) fn submits_wanted(&self, mch_id: &str, now: Timestamp) -> usize {
        self.with(mch_id, |lane| lane.quota.submits_free(now))
    }
}

/// What kind of answer a submit got, as far as the quota cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Taken, or nothing heard.
    Fine,
    /// WeChat answered with an error code.
    Error,
}
