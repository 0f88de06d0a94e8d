//! This node's share in quotas that all nodes keep together (INV-26): where any number of processes
//! work on one store, a call needs a permit from there beside the lane's own. The rules are
//! [`tuikuan_domain::quota`]'s; here is who asks, when, and for how many. Where one process works
//! alone nothing of this exists.
//!
//! Over all nodes hold: submits and queries in every sliding second, and that nobody submits while
//! the errors of the last second use up their limit. Kept by each node for itself: the pace within a
//! second, carefulness after an error, closed lanes, and the limit for old orders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::after;
use tuikuan_domain::quota::{Answer, Ask, Counted, Limits, Share};
use tuikuan_terms::MchId;

use crate::engine::Engine;
use crate::lane::SECOND;

/// Permits are good for so long at least: what is not used by then was given in vain ...
const VALID_MIN: SignedDuration = SignedDuration::from_millis(20);
/// ... and at most: a second of grants lasts longer by this.
const VALID_MAX: SignedDuration = SignedDuration::from_millis(250);
/// And for so many times what the last answer took.
const VALID_ROUND_TRIPS: i32 = 4;
/// While somebody else asks, others look again after this time.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(2);
/// When the store does not answer, it is asked again after this time.
const STORE_AWAY: SignedDuration = SignedDuration::from_millis(200);
/// A second's permits are asked for in so many parts at least.
const PARTS: u32 = 20;

/// What this node has of one merchant's quotas.
struct Kept {
    submits: Part,
    queries: Part,
    errors: Share,
    /// Errors that the others do not know of yet.
    untold: u32,
    round_trip: SignedDuration,
}

/// One quota of them.
struct Part {
    share: Share,
    limit: u32,
    /// Calls that wait for a permit.
    waiting: u32,
    /// Somebody is asking for more.
    asking: bool,
}

/// The shares of all merchants of this node.
#[derive(Clone)]
pub(crate) struct Shares {
    limits: Limits,
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

/// Whether a call may leave.
enum Turn {
    /// A permit was taken.
    Taken,
    /// Look again at this time.
    At(Timestamp),
    /// Ask the store first.
    Ask(Asking),
}

/// A question under way. Dropped without an answer, somebody else may ask.
struct Asking {
    shares: Shares,
    mch_id: MchId,
    kind: Counted,
    asked: Timestamp,
    asks: Vec<(Counted, Ask)>,
}

/// Somebody waits for a permit, until this is dropped.
pub(crate) struct Waiting<'a> {
    shares: &'a Shares,
    mch_id: &'a MchId,
    kind: Counted,
}

impl Part {
    fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            share: Share::new(limit, SECOND),
            limit,
            waiting: 0,
            asking: false,
        }
    }

    /// How many permits to ask for: what waits, and no more than leaves soon.
    fn wanted(&self, now: Timestamp) -> u32 {
        let soon = self.limit.div_ceil(PARTS);
        self.waiting.min(soon).min(self.share.free(now)).max(1)
    }
}

impl Kept {
    fn new(limits: Limits) -> Self {
        let errors = u32::try_from(limits.errors_per_second).unwrap_or(u32::MAX);
        Self {
            submits: Part::new(limits.submits_per_second),
            queries: Part::new(limits.queries_per_second),
            errors: Share::new(errors, SECOND),
            untold: 0,
            round_trip: SignedDuration::ZERO,
        }
    }

    fn part(&mut self, kind: Counted) -> &mut Part {
        match kind {
            Counted::Queries => &mut self.queries,
            Counted::Submits | Counted::Errors => &mut self.submits,
        }
    }

    /// What is said of errors: those that nobody else knows of, whatever the limit.
    fn tell_errors(&mut self, now: Timestamp) -> (Counted, Ask) {
        let ask = self.errors.ask(now, self.untold, SignedDuration::ZERO);
        let ask = Ask {
            limit: u32::MAX,
            ..ask
        };
        (Counted::Errors, ask)
    }

    fn asks(&mut self, kind: Counted, now: Timestamp) -> Vec<(Counted, Ask)> {
        let valid = self.round_trip.saturating_mul(VALID_ROUND_TRIPS);
        let valid = valid.clamp(VALID_MIN, VALID_MAX);
        let part = self.part(kind);
        let wanted = part.wanted(now);
        let ask = (kind, part.share.ask(now, wanted, valid));
        match kind {
            Counted::Queries => vec![ask],
            Counted::Submits | Counted::Errors => vec![self.tell_errors(now), ask],
        }
    }

    fn told(
        &mut self,
        (kind, ask): &(Counted, Ask),
        answer: &Answer,
        times: (Timestamp, Timestamp),
    ) {
        let (asked, now) = times;
        self.round_trip = now.duration_since(asked);
        match kind {
            Counted::Errors => {
                self.untold = self.untold.saturating_sub(ask.wanted);
                self.errors.noted(asked, answer, now);
            }
            Counted::Queries | Counted::Submits => {
                self.part(*kind).share.told(asked, answer, now);
            }
        }
    }
}

impl Shares {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            kept: Arc::default(),
        }
    }

    fn with<T>(&self, mch_id: &str, act: impl FnOnce(&mut Kept) -> T) -> T {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(mch_id) {
            all.insert(mch_id.to_owned(), Kept::new(self.limits));
        }
        match all.get_mut(mch_id) {
            Some(kept) => act(kept),
            None => act(&mut Kept::new(self.limits)),
        }
    }

    fn waiting<'a>(&'a self, mch_id: &'a MchId, kind: Counted) -> Waiting<'a> {
        self.with(mch_id.as_str(), |kept| {
            let part = kept.part(kind);
            part.waiting = part.waiting.saturating_add(1);
        });
        Waiting {
            shares: self,
            mch_id,
            kind,
        }
    }

    fn turn(&self, mch_id: &MchId, kind: Counted, now: Timestamp) -> Turn {
        self.with(mch_id.as_str(), |kept| {
            let errors_free = kept.errors.free_at(now);
            if kind == Counted::Submits && errors_free > now {
                return Turn::At(errors_free);
            }
            let again = after(now, LOOK_AGAIN.max(kept.round_trip / 2));
            let part = kept.part(kind);
            if part.share.take(now) {
                return Turn::Taken;
            }
            let free = part.share.free_at(now);
            if free > now {
                return Turn::At(free);
            }
            if part.asking {
                return Turn::At(again);
            }
            part.asking = true;
            Turn::Ask(Asking {
                shares: self.clone(),
                mch_id: mch_id.clone(),
                kind,
                asked: now,
                asks: kept.asks(kind, now),
            })
        })
    }

    /// How many submits may be free.
    pub(crate) fn submits_free(&self, mch_id: &str, now: Timestamp) -> usize {
        let free = self.with(mch_id, |kept| kept.submits.share.free(now));
        usize::try_from(free).unwrap_or(usize::MAX)
    }

    fn put_back(&self, mch_id: &str, kind: Counted) {
        self.with(mch_id, |kept| kept.part(kind).share.put_back());
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.shares.with(self.mch_id.as_str(), |kept| {
            kept.part(self.kind).asking = false;
        });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shares.with(self.mch_id.as_str(), |kept| {
            let part = kept.part(self.kind);
            part.waiting = part.waiting.saturating_sub(1);
        });
    }
}

impl Engine {
    /// Takes a permit of all nodes; `Some`: there is none, look again at this time. Where one process
    /// works alone none is needed.
    pub(crate) async fn share(&self, mch_id: &MchId, kind: Counted) -> Option<Timestamp> {
        let shares = self.shares()?;
        match shares.turn(mch_id, kind, self.now()) {
            Turn::Taken => return None,
            Turn::At(due) => return Some(due),
            Turn::Ask(asking) => {
                if !self.ask(&asking).await {
                    return Some(self.after(STORE_AWAY));
                }
            }
        }
        match shares.turn(mch_id, kind, self.now()) {
            Turn::Taken => None,
            Turn::At(due) => Some(due),
            Turn::Ask(_) => Some(self.after(LOOK_AGAIN)),
        }
    }

    /// Says that a call waits for a permit: so many are asked for at once.
    pub(crate) fn waiting<'a>(&'a self, mch_id: &'a MchId, kind: Counted) -> Option<Waiting<'a>> {
        Some(self.shares()?.waiting(mch_id, kind))
    }

    /// A permit that was taken is not used.
    pub(crate) fn put_back(&self, mch_id: &MchId, kind: Counted) {
        if let Some(shares) = self.shares() {
            shares.put_back(mch_id.as_str(), kind);
        }
    }

    /// Lets the other nodes know of an error that WeChat answered. Until that has succeeded, the next
    /// question tells it.
    pub(crate) async fn tell_error(&self, mch_id: &MchId) {
        let Some(shares) = self.shares() else { return };
        let asked = self.now();
        let told = shares.with(mch_id.as_str(), |kept| {
            kept.untold = kept.untold.saturating_add(1);
            kept.tell_errors(asked)
        });
        let Ok(answers) = self.store().grant(mch_id, vec![told.clone()]).await else {
            return;
        };
        shares.with(mch_id.as_str(), |kept| {
            for answer in &answers {
                kept.told(&told, answer, (asked, self.now()));
            }
        });
    }

    /// `false` when the store did not answer.
    async fn ask(&self, asking: &Asking) -> bool {
        let answers = self
            .store()
            .grant(&asking.mch_id, asking.asks.clone())
            .await;
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(%error, "no permits were given");
                return false;
            }
        };
        let times = (asking.asked, self.now());
        asking.shares.with(asking.mch_id.as_str(), |kept| {
            for (ask, answer) in asking.asks.iter().zip(&answers) {
                kept.told(ask, answer, times);
            }
        });
        true
    }
}
