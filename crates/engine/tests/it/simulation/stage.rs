//! What all parts of one life share: the simulator, the wire, the store, what was noticed. One
//! thread works on it; the lock is there because the engine's traits ask for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch::Receiver;
use tuikuan_sim::World;
use tuikuan_store::Store;

use super::dice::Dice;
use super::plan::Plan;
use super::time::SimClock;
use super::trace::Trace;
use super::wire::{Calls, Hooks, Leg, Slot};

/// The shared part.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) clock: SimClock,
    pub(crate) store: Arc<Store>,
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) legs: BTreeMap<(i64, u64), Leg>,
    pub(crate) slots: BTreeMap<u64, Slot>,
    pub(crate) calls: Calls,
    pub(crate) hooks: Hooks,
    pub(crate) trace: Trace,
    /// Changes with each committed event.
    pub(crate) events: Receiver<i64>,
    found: Option<String>,
    number: u64,
}

impl Stage {
    pub(crate) fn new(plan: Plan, world: World, (store, trace): (Arc<Store>, Trace)) -> Self {
        Self {
            world,
            events: store.events_changed(),
            clock: SimClock::new(),
            store,
            dice: Dice::new(plan.seed ^ 0x17E7),
            plan,
            legs: BTreeMap::new(),
            slots: BTreeMap::new(),
            calls: Calls::default(),
            hooks: Hooks::default(),
            trace,
            found: None,
            number: 0,
        }
    }

    /// The next number of anything that needs one.
    pub(crate) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(crate) fn line(&mut self, text: impl FnOnce() -> String) {
        self.trace.line(self.clock.now_us(), text);
    }

    /// Something that must not be. The first finding counts.
    pub(crate) fn find(&mut self, what: impl Into<String>) {
        let at_s = (self.clock.now_us() - super::time::START_US) / super::time::SECOND;
        self.found
            .get_or_insert_with(|| format!("{} (after {at_s} s)", what.into()));
    }

    pub(crate) fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }
}

/// The stage as the others hold it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Stage>>);

impl Shared {
    pub(crate) fn new(stage: Stage) -> Self {
        Self(Arc::new(Mutex::new(stage)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap()
    }
}
