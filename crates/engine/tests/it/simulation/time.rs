//! Virtual time and seeded identifiers. Time moves only when nothing else can.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use tuikuan_engine::{Clock, IdSource, Sending};
use uuid::Uuid;

use super::dice::Dice;

/// 2023-11-14 22:13:20 UTC.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

#[derive(Debug)]
struct Inner {
    now_us: i64,
    number: u64,
    timers: BTreeMap<(i64, u64), Waker>,
}

/// The clock of one life.
#[derive(Debug, Clone)]
pub(crate) struct SimClock(Arc<Mutex<Inner>>);

impl SimClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now_us: START_US,
            number: 0,
            timers: BTreeMap::new(),
        })))
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.0.lock().unwrap().now_us
    }

    /// When the next timer rings.
    pub(crate) fn next(&self) -> Option<i64> {
        let inner = self.0.lock().unwrap();
        inner.timers.keys().next().map(|(due, _)| *due)
    }

    /// Moves on and wakes who waited until then.
    pub(crate) fn advance(&self, to_us: i64) {
        let mut inner = self.0.lock().unwrap();
        inner.now_us = inner.now_us.max(to_us);
        let after = (inner.now_us + 1, 0);
        let later = inner.timers.split_off(&after);
        let rung = std::mem::replace(&mut inner.timers, later);
        drop(inner);
        rung.into_values().for_each(Waker::wake);
    }

    pub(crate) fn wait(&self, due_us: i64) -> Wait {
        Wait {
            clock: self.clone(),
            due_us,
        }
    }
}

/// A wait in virtual time.
pub(crate) struct Wait {
    clock: SimClock,
    due_us: i64,
}

impl Future for Wait {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.clock.0.lock().unwrap();
        if inner.now_us >= self.due_us {
            return Poll::Ready(());
        }
        inner.number += 1;
        let key = (self.due_us, inner.number);
        inner.timers.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us()).unwrap()
    }

    fn until(&self, _due: Timestamp) -> Duration {
        // Only the machine's timers ask for it, and there are none here.
        Duration::ZERO
    }

    fn sleep_until(&self, due: Timestamp) -> Sending<'static, ()> {
        Box::pin(self.wait(due.as_microsecond().max(self.now_us() + 1)))
    }
}

/// Identifiers in a sequence, nonces from the seed.
#[derive(Debug)]
pub(crate) struct SimIds(Mutex<(u128, Dice)>);

impl SimIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new((0, Dice::new(seed ^ 0x1D5))))
    }
}

impl IdSource for SimIds {
    fn ordered(&self) -> Uuid {
        let mut inner = self.0.lock().unwrap();
        inner.0 += 1;
        Uuid::from_u128(0x018b_0000_0000_0000_0000_0000_0000_0000 + inner.0)
    }

    fn random(&self) -> Uuid {
        let mut inner = self.0.lock().unwrap();
        Uuid::from_u64_pair(inner.1.next(), inner.1.next())
    }
}
