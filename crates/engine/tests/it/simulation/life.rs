//! One life of a service, driven by its seed: which future goes on, what arrives when, who dies.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::watch::Receiver;
use tuikuan_domain::quota::Limits;
use tuikuan_domain::{Source, Status};
use tuikuan_engine::{
    Clock, Engine, EngineError, EngineParts, Incoming, Merchant, NewEndpoint, PaymentRegistration,
    Received, Settings,
};
use tuikuan_sim::{NotificationAttempt, World};
use tuikuan_store::{Options, Store};
use tuikuan_terms::Fen;
use tuikuan_wechat::Account;
use tuikuan_wechat::account::SubMerchant;

use super::act::{Act, Asked, BASE, Order, Script, name_of};
use super::check::{Watch, Writer, stuck};
use super::dice::Dice;
use super::keys::kits;
use super::plan::{LOOK_EVERY, Plan};
use super::stage::{Shared, Stage};
use super::task::{About, Done, Task};
use super::time::{MINUTE, SECOND, START_US, SimIds};
use super::trace::Trace;
use super::wire::Wire;

/// A life that takes longer has gone round in circles.
const STEPS_MAX: u64 = 400_000;
/// No node may be down or paused for longer.
const AWAY_MAX: i64 = 2 * MINUTE;

/// What was found, and how to find it again.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) seed: u64,
    pub(crate) what: String,
}

/// Counts of what was lived through.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    pub(crate) lives: u64,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }

    pub(crate) fn count(&mut self, name: &str, count: u64) {
        *self.counts.entry(name.to_owned()).or_default() += count;
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lives", self.lives)?;
        for (name, count) in &self.counts {
            write!(f, ", {name} {count}")?;
        }
        Ok(())
    }
}

/// The value of a future that never waits for anybody.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits for somebody");
}

/// A process with an engine.
struct Node {
    id: u64,
    engine: Engine,
    paused: bool,
}

/// One life.
pub(crate) struct Life {
    pub(crate) shared: Shared,
    pub(crate) store: Arc<Store>,
    pub(crate) watch: Watch,
    pub(crate) asks: Vec<Asked>,
    pub(crate) orders: Vec<Order>,
    pub(crate) outcome: Outcome,
    /// Notifications answered with success.
    pub(crate) stored: u64,
    plan: Plan,
    dice: Dice,
    merchants: Vec<Arc<Merchant>>,
    ids: Arc<SimIds>,
    wire: Arc<Wire>,
    nodes: Vec<Node>,
    tasks: Vec<Task>,
    acts: BTreeMap<(i64, u64), Act>,
    /// The fence and the task of the newest claim of each job.
    claims: BTreeMap<String, (i64, u64)>,
    mended: bool,
    looked: i64,
    /// The earliest due time of all jobs, while the jobs are the same.
    next_due: Option<i64>,
    jobs: Receiver<u64>,
}

impl Life {
    /// Lives through a seed.
    pub(crate) fn run(seed: u64) -> Result<Outcome, Finding> {
        // A broken invariant inside the product is a panic: stopping is right.
        let lived = std::panic::catch_unwind(|| Self::new(seed, Trace::Off).live().0);
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

    fn new(seed: u64, trace: Trace) -> Self {
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
        let store = Store::open("sqlite::memory:", &Options::stepped()).unwrap();
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
            now(life.nodes[0].engine.add_endpoint(new, "simulation")).unwrap();
        }
        life
    }

    fn live(mut self) -> (Result<Outcome, Finding>, Shared) {
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

    fn plan_act(&mut self, when: i64, act: Act) {
        let number = self.shared.lock().number();
        self.acts.insert((when, number), act);
    }

    fn now_us(&self) -> i64 {
        self.shared.lock().clock.now_us()
    }

    /// One step; `false` when everything is at rest.
    fn step(&mut self) -> bool {
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

    fn awake(&self, node: u64) -> bool {
        self.nodes.iter().any(|n| n.id == node && !n.paused)
    }

    fn poll(&mut self, at: usize) {
        let done = self.tasks[at].poll();
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
    fn claim(&mut self) -> bool {
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
        let lanes = node.engine.lanes_due().unwrap();
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
    fn due(&mut self) -> Option<i64> {
        if self.jobs.has_changed().unwrap() {
            self.jobs.mark_unchanged();
            let due = self.store.next_due().unwrap();
            self.next_due = due.map(|due| due.as_microsecond());
        }
        self.next_due
    }

    fn spawn(
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
    fn pass_time(&mut self) -> bool {
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
    fn collect(&mut self) {
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
                    Act::Notice {
                        attempt,
                        merchant,
                        copy: true,
                    },
                );
            }
            if self.dice.chance(20) {
                // Sent to another merchant by somebody.
                let merchant = name_of(self.dice.below(3));
                let attempt = attempt.clone();
                self.plan_act(
                    now_us + late,
                    Act::Notice {
                        attempt,
                        merchant,
                        copy: true,
                    },
                );
            }
            self.plan_act(
                now_us + late,
                Act::Notice {
                    attempt,
                    merchant,
                    copy: false,
                },
            );
        }
    }

    fn at_rest(&self) -> bool {
        let asking = self.acts.values().any(|act| matches!(act, Act::Ask(_)));
        if !self.mended || asking || !self.tasks.is_empty() || !self.shared.lock().legs.is_empty() {
            return false;
        }
        self.ended()
    }

    /// The next act, if it is its time.
    fn act(&mut self) -> bool {
        let now_us = self.now_us();
        let Some((&key, _)) = self
            .acts
            .iter()
            .next()
            .filter(|((due, _), _)| *due <= now_us)
        else {
            return false;
        };
        let act = self.acts.remove(&key).unwrap();
        self.shared.lock().line(|| format!("act {}", act.name()));
        match act {
            Act::Start => self.start_node(),
            Act::Resume(id) => self.resume(id),
            Act::Calm => self.calm(),
            Act::Mend => self.mend(),
            Act::Portal(portal) => {
                let mut stage = self.shared.lock();
                stage.world.advance_to(now_us / 1000);
                let made = stage.world.portal_refund(&portal).is_ok();
                drop(stage);
                self.outcome.count("portal refunds", u64::from(made));
                self.collect();
            }
            Act::Notice {
                attempt,
                merchant,
                copy,
            } => self.notice(attempt, merchant, copy),
            Act::Register(order) => self.register(order),
            Act::Ask(ask) => self.ask(ask),
            Act::Command(ask, command) => {
                let id = self.asks[ask].id.clone();
                if let (Some(id), Some((engine, node))) = (id, self.some_engine()) {
                    self.spawn(node, About::Command(ask), async move {
                        Done::Commanded(engine.command(&id, command, Source::Api).await)
                    });
                }
            }
        }
        true
    }

    fn some_engine(&mut self) -> Option<(Engine, u64)> {
        let awake: Vec<&Node> = self.nodes.iter().filter(|node| !node.paused).collect();
        if awake.is_empty() {
            return None;
        }
        let node = self.dice.pick(&awake);
        Some((node.engine.clone(), node.id))
    }

    fn again(&mut self, act: Act) {
        let when = self.now_us() + self.dice.between(SECOND, 20 * SECOND);
        self.plan_act(when, act);
    }

    fn register(&mut self, at: usize) {
        let Some((engine, node)) = self.some_engine() else {
            return self.again(Act::Register(at));
        };
        let order = &self.orders[at];
        let new = PaymentRegistration {
            merchant: name_of(order.merchant).parse().unwrap(),
            out_trade_no: order.out_trade_no.parse().unwrap(),
            transaction_id: self
                .dice
                .chance(500)
                .then(|| order.transaction_id.parse().unwrap()),
            total: Fen::new(order.total).unwrap(),
            paid_at: Some(jiff::Timestamp::from_microsecond(order.paid_us).unwrap()),
        };
        self.spawn(node, About::Register(at), async move {
            Done::Registered(engine.register_payment(new).await)
        });
    }

    fn ask(&mut self, at: usize) {
        let Some((engine, node)) = self.some_engine() else {
            return self.again(Act::Ask(at));
        };
        let request = self.asks[at].request.clone();
        self.spawn(node, About::Ask(at), async move {
            Done::Asked(engine.request(request, Source::Api).await)
        });
    }

    fn notice(&mut self, attempt: NotificationAttempt, merchant: String, copy: bool) {
        let number = (!copy).then_some(attempt.id);
        let Some((engine, node)) = self.some_engine() else {
            if let Some(id) = number {
                self.shared
                    .lock()
                    .world
                    .notification_failed(id, "no connection");
            }
            return;
        };
        let channel = match attempt.url.rsplit('/').next() {
            Some("refund") => tuikuan_engine::Channel::V2Refund,
            Some("payment") => tuikuan_engine::Channel::V2Payment,
            _ => tuikuan_engine::Channel::V3,
        };
        let true_one = !copy && {
            let stage = self.shared.lock();
            let at = usize::try_from(attempt.id - 1).unwrap();
            stage.world.notifications()[at].fault.is_none()
        };
        let incoming = Incoming {
            channel,
            headers: attempt.headers,
            body: attempt.body,
        };
        let merchant = merchant.parse().unwrap();
        let about = About::Notice {
            attempt: number,
            true_one,
        };
        self.spawn(node, about, async move {
            Done::Received(engine.receive(&merchant, incoming).await)
        });
    }

    fn start_node(&mut self) {
        let mut limits = Limits::default();
        limits.submits_per_second = self.plan.submits_per_second;
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let clock: Arc<dyn Clock> = Arc::new(self.shared.lock().clock.clone());
        let engine = Engine::new(EngineParts {
            store: Arc::clone(&self.store),
            merchants: self.merchants.clone(),
            clock,
            ids: self.ids.clone(),
            network: self.wire.clone(),
            settings,
        });
        let id = self.shared.lock().number();
        self.nodes.push(Node {
            id,
            engine: engine.unwrap(),
            paused: false,
        });
        self.blur_quota();
    }

    /// Quotas are kept per node: while there are two, or after a pause, they are not looked at.
    /// After a crash they are: what the process before it sent counts (INV-26).
    fn blur_quota(&mut self) {
        let mut stage = self.shared.lock();
        let until = stage.clock.now_us() + 2 * SECOND;
        let paused = self.nodes.iter().any(|node| node.paused);
        stage.calls.quota_from = match self.nodes.len() {
            0 | 1 if !paused => stage.calls.quota_from.min(until),
            _ => i64::MAX,
        };
    }

    /// A node dies, or stops for a while (F-25, F-26, F-44, F-45).
    fn accident(&mut self) {
        let awake: Vec<usize> = (0..self.nodes.len())
            .filter(|at| !self.nodes[*at].paused)
            .collect();
        if awake.is_empty() {
            return;
        }
        let at = *self.dice.pick(&awake);
        let now_us = self.now_us();
        if self.dice.below(self.plan.crash + self.plan.pause) < self.plan.crash {
            self.crash(at);
            if self.nodes.is_empty() || self.dice.chance(300) {
                let later = now_us + self.dice.between(SECOND, AWAY_MAX);
                self.plan_act(later, Act::Start);
            }
        } else {
            let id = self.nodes[at].id;
            self.nodes[at].paused = true;
            self.outcome.count("pauses", 1);
            let later = now_us + self.dice.between(SECOND, AWAY_MAX);
            self.plan_act(later, Act::Resume(id));
            if self.dice.chance(700) && self.nodes.len() < 3 {
                self.start_node();
            }
        }
        self.shared.lock().line(|| format!("accident {at}"));
        self.blur_quota();
    }

    fn resume(&mut self, id: u64) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            node.paused = false;
        }
        self.blur_quota();
    }

    /// All futures of a process are gone; what it committed stays.
    fn crash(&mut self, at: usize) {
        let node = self.nodes.swap_remove(at);
        self.outcome.count("crashes", 1);
        let (gone, stay): (Vec<Task>, Vec<Task>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.node == node.id);
        self.tasks = stay;
        for task in gone {
            match task.about {
                About::Ask(ask) => self.again(Act::Ask(ask)),
                About::Register(order) => self.again(Act::Register(order)),
                About::Notice {
                    attempt: Some(id), ..
                } => {
                    self.shared.lock().world.notification_failed(id, "reset");
                }
                About::Notice { attempt: None, .. }
                | About::Claim
                | About::Job(_)
                | About::Command(_) => {}
            }
        }
    }

    fn calm(&mut self) {
        let mut stage = self.shared.lock();
        stage.plan.rough = false;
        stage.world.set_faults(Vec::new());
        for kit in kits() {
            let mch_id = kit.plan.mch_id.as_str();
            stage
                .world
                .set_balance(mch_id, 1_000_000_000, None)
                .unwrap();
        }
        let none = self.nodes.is_empty();
        drop(stage);
        if none {
            self.start_node();
        }
    }

    /// The shop calls some of its abnormal refunds through at WeChat; the others stay.
    fn mend(&mut self) {
        let mut stage = self.shared.lock();
        let now_us = stage.clock.now_us();
        stage.world.advance_to(now_us / 1000);
        let abnormal: Vec<String> = stage
            .world
            .refunds()
            .iter()
            .filter(|refund| refund.status == tuikuan_sim::RefundStatus::Abnormal)
            .map(|refund| refund.refund_id.clone())
            .collect();
        for id in abnormal {
            if self.dice.chance(700) {
                stage
                    .world
                    .decide(&id, tuikuan_sim::RefundStatus::Success)
                    .unwrap();
            }
        }
        drop(stage);
        self.mended = true;
        self.replace();
        self.collect();
    }

    /// Some of the closed refunds are asked for anew; of others it is tried in vain.
    fn replace(&mut self) {
        for at in 0..self.asks.len() {
            let Some(id) = self.asks[at].id.clone() else {
                continue;
            };
            let status = self.store.refund(&id).unwrap().map(|refund| refund.status);
            let wanted = match status {
                Some(Status::Closed) => 500,
                _ => 20,
            };
            if self.dice.chance(wanted) {
                let new = self.asks[at].replacing(id);
                self.asks.push(new);
                let later = self.now_us() + self.dice.between(0, MINUTE);
                self.plan_act(later, Act::Ask(self.asks.len() - 1));
            }
        }
    }

    fn done(&mut self, task: &Task, done: Done) {
        match done {
            Done::Claimed(works) => {
                for work in works.unwrap() {
                    let Some(node) = self.nodes.iter().find(|node| node.id == task.node) else {
                        return;
                    };
                    let (engine, node) = (node.engine.clone(), node.id);
                    let (key, fence) = (work.key(), work.fence());
                    let about = About::Job(key.clone());
                    let id = self.spawn(
                        node,
                        about,
                        async move { Done::Ran(engine.run(work).await) },
                    );
                    let newest = self.claims.entry(key).or_insert((fence, id));
                    // A node that was paused may tell of an old claim later.
                    if newest.0 <= fence {
                        *newest = (fence, id);
                    }
                }
            }
            Done::Ran(Ok(())) => {}
            Done::Ran(Err(tuikuan_engine::LedgerError::LeaseLost)) => {
                self.outcome.count("lost leases", 1);
            }
            Done::Ran(Err(error)) => {
                let about = format!("{:?}", task.about);
                self.shared
                    .lock()
                    .find(format!("a job failed: {about}: {error:?}"));
            }
            Done::Asked(result) => {
                if let About::Ask(ask) = task.about {
                    self.asked(ask, result);
                }
            }
            Done::Commanded(Ok(_)) => self.outcome.count("commands", 1),
            Done::Commanded(Err(EngineError::Refused(_))) => {
                self.outcome.count("refused commands", 1);
            }
            Done::Commanded(Err(error)) => {
                self.shared
                    .lock()
                    .find(format!("a command failed: {error:?}"));
            }
            Done::Registered(Ok(_)) => {}
            Done::Registered(Err(error)) => self.not_registered(&task.about, &error),
            Done::Received(received) => self.received(&task.about, received),
        }
    }

    fn not_registered(&mut self, about: &About, error: &EngineError) {
        let About::Register(at) = about else {
            return;
        };
        let order = &self.orders[*at];
        let kit = &kits()[order.merchant];
        let sub = kit.plan.sub_merchants.first().map(|sub| &sub.sub_mch_id);
        let number = order.out_trade_no.parse().unwrap();
        let stored = self
            .store
            .payment_by_trade_no(&kit.plan.mch_id, sub, &number)
            .unwrap();
        let id = order.transaction_id.parse().unwrap();
        let holder = self
            .store
            .payment_by_transaction(&kit.plan.mch_id, &id)
            .unwrap();
        let what =
            format!("INV-8: {order:?} was refused: {error:?}, stored is {stored:?}, {holder:?}");
        self.shared.lock().find(what);
    }

    fn received(&mut self, about: &About, received: Received) {
        let About::Notice { attempt, true_one } = about else {
            return;
        };
        let mut stage = self.shared.lock();
        if received == Received::Stored {
            self.stored += 1;
        } else if *true_one {
            stage.find(format!(
                "INV-20: a true notification was answered {received:?}"
            ));
        }
        self.outcome.count(&format!("notices {received:?}"), 1);
        let Some(id) = *attempt else {
            return;
        };
        let at = usize::try_from(id - 1).unwrap();
        let v2 = stage.world.notifications()[at].format == tuikuan_sim::Api::V2;
        let (status, body) = match (received, v2) {
            (Received::Stored, true) => (
                200,
                "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>",
            ),
            (Received::Stored, false) => (200, ""),
            (Received::NotUnderstood, _) => (400, ""),
            (Received::NotStored, _) => (500, ""),
        };
        stage
            .world
            .notification_answered(id, status, body.as_bytes());
    }
}

fn merchant(at: usize, plan: &Plan) -> Merchant {
    let kit = &kits()[at];
    let sub = kit.plan.sub_merchants.first().map(|sub| SubMerchant {
        sub_mch_id: sub.sub_mch_id.clone(),
        sub_app_id: sub.sub_app_id.clone(),
    });
    let account = Account {
        mch_id: kit.plan.mch_id.clone(),
        app_id: kit.plan.app_id.clone(),
        sub,
        api: plan.apis[at],
        sign_type: plan.sign_type,
        credentials: kit.credentials.clone(),
    };
    Merchant::new(name_of(at).parse().unwrap(), account, Some(BASE.to_owned()))
}
