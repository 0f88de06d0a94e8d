//! One life of a service, driven by its seed: which future goes on, what arrives when, who dies.

use crate::at_once::at_once;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch::Receiver;
use tuikuan_engine::{Merchant, NewEndpoint};
use tuikuan_sim::World;
use tuikuan_store::{Options, Store};

use super::act::{Act, Asked, BASE, Notice, Order, Script, name_of};
use super::batches::Brought;
use super::check::{Watch, Writer, stuck};
use super::dice::Dice;
use super::keys::kits;
use super::nodes::{AWAY_MAX, Node, merchant};
use super::outcome::{Finding, Outcome};
use super::people;
use super::plan::{LOOK_EVERY, Plan};
use super::stage::{Shared, Stage};
use super::task::{About, Done, Task};
use super::time::{MINUTE, SECOND, START_US, SimIds};
use super::trace::Trace;
use super::wire::Wire;

/// How often it is looked whether a database has answered.
const ANSWER_LOOK: Duration = Duration::from_micros(50);
/// A life that takes longer has gone round in circles.
const STEPS_MAX: u64 = 400_000;

/// The value of a future that waits for nobody but a database.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    if let Ok(runtime) = Handle::try_current() {
        return runtime.block_on(future);
    }
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for somebody");
}

/// One life.
pub(crate) struct Life {
    pub(crate) shared: Shared,
    pub(crate) store: Arc<Store>,
    pub(crate) watch: Watch,
    pub(crate) asks: Vec<Asked>,
    pub(crate) orders: Vec<Order>,
    pub(crate) brought: Vec<Brought>,
    pub(crate) outcome: Outcome,
    /// Notifications answered with success.
    pub(crate) stored: u64,
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) merchants: Vec<Arc<Merchant>>,
    pub(crate) ids: Arc<SimIds>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) acts: BTreeMap<(i64, u64), Act>,
    /// The fence and the task of the newest claim of each job.
    pub(crate) claims: BTreeMap<String, (i64, u64)>,
    pub(crate) mended: bool,
    pub(crate) looked: i64,
    /// The earliest due time of all jobs, while the jobs are the same.
    pub(crate) next_due: Option<i64>,
    pub(crate) jobs: Receiver<u64>,
}

impl Life {
    /// Lives through a seed.
    pub(crate) fn run(seed: u64) -> Result<Outcome, Finding> {
        Self::caught(seed, || Self::new(seed, Trace::Off))
    }

    /// Lives through what `begin` begins. A broken invariant inside the product is a panic: stopping
    /// is right.
    pub(crate) fn caught(
        seed: u64,
        begin: impl FnOnce() -> Self + std::panic::UnwindSafe,
    ) -> Result<Outcome, Finding> {
        let lived = std::panic::catch_unwind(|| begin().live().0);
        lived.unwrap_or_else(|cause| {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or(cause.downcast_ref::<&str>().copied());
            let what = format!("panic: {}", text.unwrap_or_default());
            Err(Finding { seed, what })
        })
    }

    /// Lives through a seed and tells everything.
    pub(crate) fn traced(seed: u64) -> Vec<String> {
        let (end, shared) = Self::new(seed, Trace::Lines(Vec::new())).live();
        let mut stage = shared.lock();
        match &mut stage.trace {
            Trace::Lines(lines) => {
                let mut lines = std::mem::take(lines);
                lines.push(match end {
                    Ok(outcome) => outcome.to_string(),
                    Err(finding) => finding.what,
                });
                lines
            }
            Trace::Off => Vec::new(),
        }
    }

    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let store = at_once(Store::open("sqlite::memory:", &Options::stepped())).unwrap();
        Self::on(store, seed, trace)
    }

    /// A life whose books are in this store, which is empty.
    pub(crate) fn on(store: Store, seed: u64, trace: Trace) -> Self {
        let plan = Plan::new(seed);
        let mut world = World::new(seed, START_US / 1000);
        let mut merchants = Vec::new();
        for (at, kit) in kits().iter().enumerate() {
            let mut setup = kit.setup.clone();
            setup.mode = plan.mode;
            world.add_merchant(setup).unwrap();
            merchants.push(Arc::new(merchant(at, &plan)));
        }
        let script = Script::write(&plan, &mut world);
        world.set_faults(plan.faults.clone());
        world.set_outcomes(plan.outcomes.clone());
        if let Some(rules) = plan.rules.clone() {
            people::lay_down(&store, rules);
        }
        let store = Arc::new(store);
        let mut jobs = store.jobs_changed();
        jobs.mark_changed();
        let shared = Shared::new(Stage::new(plan.clone(), world, (Arc::clone(&store), trace)));
        let mut life = Self {
            wire: Wire::new(shared.clone()),
            shared,
            store,
            watch: Watch::default(),
            asks: script.asks,
            orders: script.orders,
            brought: script.brought,
            outcome: Outcome::default(),
            stored: 0,
            dice: Dice::new(seed ^ 0x5C4ED),
            ids: Arc::new(SimIds::new(seed)),
            plan,
            merchants,
            nodes: Vec::new(),
            tasks: Vec::new(),
            acts: BTreeMap::new(),
            claims: BTreeMap::new(),
            mended: false,
            looked: START_US,
            next_due: None,
            jobs,
        };
        for (when, act) in script.acts {
            life.plan_act(when, act);
        }
        life.start_node();
        if let Some(at) = life.plan.endpoint {
            let new = NewEndpoint {
                merchant: name_of(at).parse().unwrap(),
                url: "https://shop.example.com/hook".to_owned(),
            };
            now(life.nodes[0]
                .engine
                .add_endpoint(new, &tuikuan_engine::By::cli()))
            .unwrap();
        }
        life
    }

    pub(crate) fn live(mut self) -> (Result<Outcome, Finding>, Shared) {
        let mut steps = 0_u64;
        while self.shared.lock().found().is_none() && self.step() {
            steps += 1;
            if steps > STEPS_MAX {
                self.shared.lock().find("it never comes to rest");
            }
        }
        if self.shared.lock().found().is_none() {
            self.judge();
        }
        if self.shared.lock().found().is_none() {
            self.morning();
        }
        let found = self.shared.lock().found().map(ToOwned::to_owned);
        let seed = self.plan.seed;
        self.outcome.count("steps", steps);
        self.outcome.count("events", self.watch.events);
        let result = match found {
            Some(what) => Err(Finding { seed, what }),
            None => Ok(self.outcome),
        };
        (result, self.shared)
    }

    pub(crate) fn plan_act(&mut self, when: i64, act: Act) {
        let number = self.shared.lock().number();
        self.acts.insert((when, number), act);
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.shared.lock().clock.now_us()
    }

    /// One step; `false` when everything is at rest.
    pub(crate) fn step(&mut self) -> bool {
        if self.shared.lock().arrive() {
            self.collect();
            return true;
        }
        if self.act() {
            return true;
        }
        let ready: Vec<usize> = (0..self.tasks.len())
            .filter(|at| self.tasks[*at].ready() && self.awake(self.tasks[*at].node))
            .collect();
        let accident = self.plan.crash + self.plan.pause;
        if !ready.is_empty() {
            if self.shared.lock().plan.rough && accident > 0 && self.dice.chance(accident) {
                self.accident();
                return true;
            }
            let at = *self.dice.pick(&ready);
            self.poll(at);
            return true;
        }
        self.claim() || self.pass_time()
    }

    pub(crate) fn awake(&self, node: u64) -> bool {
        self.nodes.iter().any(|n| n.id == node && !n.paused)
    }

    pub(crate) fn poll(&mut self, at: usize) {
        let mut done = self.tasks[at].poll();
        // A database that answers later is waited for: between two steps nobody is at it.
        while done.is_none() && self.store.is_asked() {
            match self.tasks[at].ready() {
                true => done = self.tasks[at].poll(),
                false => std::thread::sleep(ANSWER_LOOK),
            }
        }
        let (id, about) = (self.tasks[at].id, self.tasks[at].about.clone());
        if about == About::Claim {
            self.jobs.mark_changed();
        }
        let stale = match &about {
            About::Job(key) => self
                .claims
                .get(key)
                .is_some_and(|(_, newest)| *newest != id),
            _ => false,
        };
        let writer = match &about {
            About::Job(key) if stale => Writer::Stale(key),
            _ => Writer::Entitled,
        };
        self.watch.look(&mut self.shared.lock(), &writer);
        if let Some(done) = done {
            let task = self.tasks.swap_remove(at);
            self.done(&task, done);
        }
    }

    /// A job of a lane that is due is claimed by a node that is awake.
    pub(crate) fn claim(&mut self) -> bool {
        let awake: Vec<usize> = (0..self.nodes.len())
            .filter(|at| !self.nodes[*at].paused)
            .collect();
        if awake.is_empty()
            || self
                .tasks
                .iter()
                .any(|task| task.about == About::Claim && self.awake(task.node))
        {
            return false;
        }
        let now_us = self.now_us();
        if self.due().is_none_or(|due| due > now_us) {
            return false;
        }
        let node = &self.nodes[*self.dice.pick(&awake)];
        let lanes = at_once(node.engine.lanes_due()).unwrap();
        if lanes.is_empty() {
            // The job is gone; that is not signalled.
            self.jobs.mark_changed();
            return false;
        }
        let lane = self.dice.pick(&lanes).clone();
        let limit = u32::try_from(self.dice.between(1, 8)).unwrap();
        let (engine, node) = (node.engine.clone(), node.id);
        self.spawn(node, About::Claim, async move {
            Done::Claimed(engine.claim(&lane, limit).await)
        });
        true
    }

    /// When the next job is due.
    pub(crate) fn due(&mut self) -> Option<i64> {
        if self.jobs.has_changed().unwrap() {
            self.jobs.mark_unchanged();
            let due = at_once(self.store.next_due()).unwrap();
            self.next_due = due.map(|due| due.as_microsecond());
        }
        self.next_due
    }

    pub(crate) fn spawn(
        &mut self,
        node: u64,
        about: About,
        future: impl Future<Output = Done> + Send + 'static,
    ) -> u64 {
        let id = self.shared.lock().number();
        self.tasks.push(Task::new((id, node), about, future));
        id
    }

    /// Nothing can go on: time moves to the next thing that happens.
    pub(crate) fn pass_time(&mut self) -> bool {
        let now_us = self.now_us();
        if self.at_rest() {
            return false;
        }
        let due = match self.nodes.iter().any(|node| !node.paused) {
            true => self.due(),
            false => None,
        };
        let next = {
            let stage = self.shared.lock();
            [
                stage.legs.keys().next().map(|(due, _)| *due),
                stage.clock.next(),
                stage.world.next_event_at().map(|ms| ms * 1000),
                self.acts.keys().next().map(|(due, _)| *due),
                due,
            ]
            .into_iter()
            .flatten()
            .min()
        };
        let Some(next) = next else {
            return false;
        };
        // A due time of whole milliseconds may lie before this very moment.
        let next = next.max(now_us + 1);
        {
            let mut stage = self.shared.lock();
            stage.clock.advance(next);
            stage.world.advance_to(next / 1000);
        }
        self.collect();
        if next - self.looked > LOOK_EVERY {
            self.looked = next;
            // A node that was away for a while has much to catch up with.
            stuck(&mut self.shared.lock(), (AWAY_MAX + 10 * MINUTE) / SECOND);
        }
        true
    }

    /// Notifications that are due are sent on their way.
    pub(crate) fn collect(&mut self) {
        let now_us = self.now_us();
        let attempts = self.shared.lock().world.due_notifications(now_us / 1000);
        for attempt in attempts {
            let path = attempt.url.strip_prefix(BASE).unwrap().to_owned();
            let merchant = path.split('/').nth(2).unwrap().to_owned();
            let late = self.dice.between(0, 2 * SECOND);
            if self.dice.chance(20) {
                // Replayed later by somebody.
                let late = self.dice.between(SECOND, 30 * MINUTE);
                let (attempt, merchant) = (attempt.clone(), merchant.clone());
                self.plan_act(
                    now_us + late,
                    Act::Notice(Notice {
                        attempt,
                        merchant,
                        copy: true,
                    }),
                );
            }
            if self.dice.chance(20) {
                // Sent to another merchant by somebody.
                let merchant = name_of(self.dice.below(3));
                let attempt = attempt.clone();
                self.plan_act(
                    now_us + late,
                    Act::Notice(Notice {
                        attempt,
                        merchant,
                        copy: true,
                    }),
                );
            }
            self.plan_act(
                now_us + late,
                Act::Notice(Notice {
                    attempt,
                    merchant,
                    copy: false,
                }),
            );
        }
    }

    pub(crate) fn at_rest(&self) -> bool {
        let asking = self
            .acts
            .values()
            .any(|act| matches!(act, Act::Ask(_) | Act::Bring(_)));
        if !self.mended || asking || !self.tasks.is_empty() || !self.shared.lock().legs.is_empty() {
            return false;
        }
        self.ended()
    }
}
