//! What one merchant's lane may do now: the quota, the calls in flight, and whether the lane is
//! closed for a while. One merchant's backlog never touches another's lane (INV-26).
//!
//! A permit is taken when the bytes are about to leave, after the attempt is committed, so that
//! WeChat's sliding second sees what we counted. An answer that concerns the whole merchant (no
//! balance, wrong key, rate limit) closes the lane: the others wait in the table, untouched, and one
//! probe is let through when it opens again (INV-27).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::after;
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::quota::{Counted, Limits, Quota, SlidingLog};
use tuikuan_terms::MchId;

use crate::engine::Engine;

/// After an error the lane goes on carefully for so long: no more in flight than errors are free.
const CAREFUL_FOR: SignedDuration = SignedDuration::from_secs(5);
/// A permitted second is spent in so many slices, so that a full second never leaves in one burst.
const SLICES: usize = 20;
/// WeChat counts arrivals, we count departures, and some calls take longer on their way: our second
/// is this much longer than WeChat's, which costs half a percent of the quota.
pub(crate) const SECOND: SignedDuration = SignedDuration::from_millis(1005);
/// A careful lane looks again after this time.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(20);
/// How long a closed lane stays closed: doubling from here ...
const CLOSED_MIN: SignedDuration = SignedDuration::from_secs(5);
/// ... up to here.
const CLOSED_MAX: SignedDuration = SignedDuration::from_secs(300);
/// Queries about refunds nobody here knows, which unauthenticated messages can cause (INV-23).
const STRANGERS_PER_MINUTE: usize = 10;

struct Lane {
    quota: Quota,
    second: SlidingLog,
    pace: SlidingLog,
    in_flight: usize,
    /// Until the first good answer nothing is known of this merchant's set-up.
    proven: bool,
    careful_until: Option<Timestamp>,
    closed_until: Option<Timestamp>,
    closures: u32,
    strangers: SlidingLog,
}

/// The lanes of all merchants of this process.
#[derive(Clone)]
pub(crate) struct Lanes {
    limits: Limits,
    /// What an earlier process sent in the second before this time is not known here.
    born: Timestamp,
    lanes: Arc<Mutex<HashMap<String, Lane>>>,
}

/// How busy a merchant's lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Submits in the last second.
    pub(crate) submits: usize,
    /// Closed until then.
    pub(crate) closed_until: Option<Timestamp>,
}

/// Whether a submit may leave now.
pub(crate) enum Permit {
    /// It was counted and may leave; its end is to be told to the place.
    Granted(Place),
    /// Ask again at this time.
    At(Timestamp),
}

/// A submit under way. Dropped without an answer (a crash, a stop) it is a call nobody heard of.
pub(crate) struct Place {
    lanes: Lanes,
    mch_id: String,
}

/// What kind of answer a submit got, as far as the lane cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Taken.
    Good,
    /// Nothing was heard.
    Silence,
    /// WeChat answered with an error code about this one refund.
    Error,
    /// WeChat answered with an error code that concerns the whole merchant.
    Closing,
}

impl Place {
    /// Tells how it ended.
    pub(crate) fn end(self, now: Timestamp, answer: Answer) {
        self.lanes
            .with(&self.mch_id, |lane| lane.note_answer(now, answer));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lanes.with(&self.mch_id, |lane| {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        });
    }
}

impl Lane {
    fn note_answer(&mut self, now: Timestamp, answer: Answer) {
        match answer {
            Answer::Good => {
                self.proven = true;
                self.closures = 0;
                self.closed_until = None;
            }
            Answer::Silence => {}
            Answer::Error | Answer::Closing => {
                self.quota.note_error(now);
                self.careful_until = Some(after(now, CAREFUL_FOR));
            }
        }
        if answer == Answer::Closing && self.closed_until.is_none_or(|until| until <= now) {
            let doubled = CLOSED_MIN.saturating_mul(1_i32 << self.closures.min(10));
            self.closed_until = Some(after(now, doubled.min(CLOSED_MAX)));
            self.closures = self.closures.saturating_add(1);
        }
    }

    /// When a submit may leave; `None`: now.
    fn wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        if planted::is(Bug::QuotaIgnored) {
            return None;
        }
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Some(until);
        }
        let careful = !self.proven || self.careful_until.is_some_and(|until| until > now);
        let room = match (self.closures, careful) {
            (0, false) => usize::MAX,
            (0, true) => self.quota.errors_free(now),
            // The lane was closed: one probe.
            _ => 1,
        };
        if self.in_flight >= room {
            return Some(after(now, LOOK_AGAIN));
        }
        if self.quota.submits_free(now) == 0 {
            return Some(self.quota.submit_free_at(now));
        }
        if self.second.free(now) == 0 {
            return Some(self.second.free_at(now));
        }
        (self.pace.free(now) == 0).then(|| self.pace.free_at(now))
    }
}

impl Lanes {
    pub(crate) fn new(limits: Limits, born: Timestamp) -> Self {
        Self {
            limits,
            born,
            lanes: Arc::new(Mutex::new(HashMap::new())),
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
        let mut quota = Quota::new(self.limits);
        // A process before this one may have used up this second: it counts as used.
        for _ in 0..self.limits.submits_per_second {
            quota.note_submit(self.born, None);
        }
        let limit = self.limits.submits_per_second;
        // A quarter more than its share, so that a slice that began late does not lower the rate.
        let share = limit.saturating_add(limit / 4).div_ceil(SLICES);
        Lane {
            quota,
            second: SlidingLog::new(limit, SECOND),
            pace: SlidingLog::new(share, slice),
            in_flight: 0,
            proven: false,
            careful_until: None,
            closed_until: None,
            closures: 0,
            strangers: SlidingLog::new(STRANGERS_PER_MINUTE, SignedDuration::from_secs(60)),
        }
    }

    /// When a submit may leave, without taking the permit; `None`: now.
    pub(crate) fn submit_wait(&self, mch_id: &str, now: Timestamp) -> Option<Timestamp> {
        self.with(mch_id, |lane| lane.wait(now))
    }

    /// Asks to send a submit now.
    pub(crate) fn submit(
        &self,
        mch_id: &str,
        now: Timestamp,
        paid_at: Option<Timestamp>,
    ) -> Permit {
        let wait = self.with(mch_id, |lane| {
            let wait = lane.wait(now);
            if wait.is_none() {
                lane.second.note(now);
                lane.pace.note(now);
                lane.quota.note_submit(now, paid_at);
                lane.in_flight = lane.in_flight.saturating_add(1);
            }
            wait
        });
        match wait {
            Some(until) => Permit::At(until),
            None => Permit::Granted(Place {
                lanes: self.clone(),
                mch_id: mch_id.to_owned(),
            }),
        }
    }

    /// Asks to send a query now; `Some`: ask again at this time.
    pub(crate) fn query(&self, mch_id: &str, now: Timestamp) -> Option<Timestamp> {
        self.with(mch_id, |lane| {
            if lane.quota.queries_free(now) == 0 {
                return Some(lane.quota.query_free_at(now));
            }
            lane.quota.note_query(now);
            None
        })
    }

    /// Asks to send a query about a refund that is not ours; `Some`: not before this time.
    fn stranger(&self, mch_id: &str, now: Timestamp) -> Option<Timestamp> {
        self.with(mch_id, |lane| {
            if lane.strangers.free(now) == 0 {
                return Some(lane.strangers.free_at(now));
            }
            lane.strangers.note(now);
            None
        })
    }

    /// Submits under way.
    pub(crate) fn in_flight(&self, mch_id: &str) -> usize {
        self.with(mch_id, |lane| lane.in_flight)
    }

    /// How busy the lane is.
    pub(crate) fn load(&self, mch_id: &str, now: Timestamp) -> Load {
        let limit = self.limits.submits_per_second.max(1);
        self.with(mch_id, |lane| Load {
            submits: limit.saturating_sub(lane.second.free(now)),
            closed_until: lane.closed_until.filter(|until| *until > now),
        })
    }

    /// How many submits it makes sense to claim now.
    pub(crate) fn submits_wanted(&self, mch_id: &str, now: Timestamp) -> usize {
        self.with(mch_id, |lane| {
            if lane.closed_until.is_some_and(|until| until > now) {
                return 0;
            }
            let free = lane.quota.submits_free(now);
            if lane.closures > 0 {
                free.min(1)
            } else if lane.proven {
                free
            } else {
                free.min(lane.quota.errors_free(now))
            }
        })
    }
}

/// The lane's permit, and the one of all nodes where there are others.
impl Engine {
    /// Asks to send a submit now.
    pub(crate) async fn submit_permit(&self, mch_id: &MchId, paid_at: Option<Timestamp>) -> Permit {
        if self.shares().is_some() {
            // The lane first: a permit of all nodes that it would not use is lost to the others.
            if let Some(due) = self.lanes().submit_wait(mch_id.as_str(), self.now()) {
                return Permit::At(due);
            }
            if let Some(due) = self.share(mch_id, Counted::Submits).await {
                return Permit::At(due);
            }
        }
        let permit = self.lanes().submit(mch_id.as_str(), self.now(), paid_at);
        if matches!(permit, Permit::At(_)) {
            self.put_back(mch_id, Counted::Submits);
        }
        permit
    }

    /// Asks to send a query now; `Some`: ask again at this time.
    pub(crate) async fn query_permit(&self, mch_id: &MchId) -> Option<Timestamp> {
        if let Some(due) = self.share(mch_id, Counted::Queries).await {
            return Some(due);
        }
        let wait = self.lanes().query(mch_id.as_str(), self.now());
        if wait.is_some() {
            self.put_back(mch_id, Counted::Queries);
        }
        wait
    }

    /// Asks to send a query about a refund that is not ours; `Some`: not before this time.
    pub(crate) async fn stranger_permit(&self, mch_id: &MchId) -> Option<Timestamp> {
        let busy = self.lanes().stranger(mch_id.as_str(), self.now());
        match busy {
            Some(due) => Some(due),
            None => self.query_permit(mch_id).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    fn granted(lanes: &Lanes, now: Timestamp) -> Option<Place> {
        match lanes.submit("1900000109", now, None) {
            Permit::Granted(place) => Some(place),
            Permit::At(_) => None,
        }
    }

    #[test]
    fn the_first_second_after_a_start_counts_as_used() {
        let lanes = Lanes::new(Limits::default(), at(0));
        assert!(granted(&lanes, at(10)).is_none());
        assert!(granted(&lanes, at(1001)).is_some());
    }

    #[test]
    fn an_unproven_lane_sends_no_more_than_its_errors_allow() {
        let lanes = Lanes::new(Limits::default(), at(0));
        let places: Vec<Place> = (0..8).filter_map(|_| granted(&lanes, at(2000))).collect();
        assert_eq!(places.len(), 6);
    }

    #[test]
    fn a_closing_answer_closes_the_lane_and_one_probe_opens_it() {
        let lanes = Lanes::new(Limits::default(), at(0));
        granted(&lanes, at(2000))
            .unwrap()
            .end(at(2100), Answer::Good);
        granted(&lanes, at(2200))
            .unwrap()
            .end(at(2300), Answer::Closing);
        assert!(granted(&lanes, at(4000)).is_none());
        assert_eq!(lanes.submits_wanted("1900000109", at(4000)), 0);
        let probe = granted(&lanes, at(7400)).unwrap();
        assert!(granted(&lanes, at(7500)).is_none(), "one probe at a time");
        probe.end(at(7600), Answer::Good);
        assert!(granted(&lanes, at(7700)).is_some());
    }
}
