//! The queue in front of the writers: bounded, taken in groups of which no two operations concern the
//! same thing. Whoever waits for room waits outside of it; whoever waits for an answer holds a place
//! until the commit is durable.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::batch::LineEnd;
use crate::change::Change;
use crate::job::JobKey;
use crate::operation::Operation;
use crate::postgres::{Answered, Shared};

/// So many operations are worth a group of their own beside one that is under way. Fewer wait for its end
/// and for each other: what a group costs it costs once, however many it takes.
pub(super) const BESIDE_MIN: usize = 64;

/// Nor do they wait for one that is held up, once it has taken so long.
pub(super) const BESIDE_AFTER: Duration = Duration::from_millis(50);

/// After a group of so many the next one lingers: the callers who were just answered come back at once,
/// and go with those who wait.
const LINGER_FROM: usize = 8;

/// For so long.
const LINGER: Duration = Duration::from_millis(1);

/// Who has not come back by then does not come.
const BACK_WITHIN: Duration = Duration::from_millis(20);

/// An operation on its way, and what it concerns.
struct Ticket {
    operation: Operation,
    keys: Vec<u64>,
    reply: oneshot::Sender<Answered>,
    place: OwnedSemaphorePermit,
}

/// An answer that is owed. It holds its place in the queue until it is given.
struct Pending {
    reply: oneshot::Sender<Answered>,
    _place: OwnedSemaphorePermit,
}

/// Operations that a writer has taken.
#[derive(Default)]
struct Taken {
    operations: Vec<Operation>,
    pending: Vec<Pending>,
    keys: Vec<u64>,
    begun: Option<Instant>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Ticket>,
    /// What the writers are at.
    busy: HashSet<u64>,
    /// Since when each group under way is, the oldest first.
    under_way: VecDeque<Instant>,
    /// How large the last one was, and when one has ended.
    last: usize,
    ended: Option<Instant>,
    closed: bool,
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    places: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            places: Arc::new(Semaphore::new(length_max.max(1))),
        }
    }

    /// Puts an operation in, waiting for room. A reply that is dropped says that the store has stopped.
    pub(super) async fn put(&self, operation: Operation, reply: oneshot::Sender<Answered>) {
        if let Ok(place) = Arc::clone(&self.places).acquire_owned().await {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            state.waiting.push_back(Ticket {
                keys: concerned(&operation),
                operation,
                reply,
                place,
            });
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for operations and takes up to `most` of them. `None`: the queue is closed and empty.
    async fn take(&self, most: usize) -> Option<Taken> {
        loop {
            let changed = self.changed.notified();
            // Operations come in flocks: their callers were answered together. Whoever is about to put
            // one in does so first.
            yield_now().await;
            if self.lock().expects_more() {
                sleep(LINGER).await;
            }
            let held = {
                let mut state = self.lock();
                let held = state.held();
                let mut taken = match held {
                    None => state.pick(most.max(1)),
                    Some(_) => Taken::default(),
                };
                if !taken.operations.is_empty() {
                    let now = Instant::now();
                    taken.begun = Some(now);
                    state.under_way.push_back(now);
                    state.last = taken.operations.len();
                    if !state.waiting.is_empty() {
                        // Another writer may find something too.
                        self.changed.notify_one();
                    }
                    return Some(taken);
                }
                if state.closed && state.waiting.is_empty() {
                    return None;
                }
                held
            };
            match held {
                None => changed.await,
                Some(left) => drop(timeout(left, changed).await),
            }
        }
    }

    /// What a writer has done concerns others again.
    fn free(&self, keys: &[u64], begun: Option<Instant>) {
        let mut state = self.lock();
        for key in keys {
            state.busy.remove(key);
        }
        if let Some(place) = state.under_way.iter().position(|at| Some(*at) == begun) {
            state.under_way.remove(place);
        }
        state.ended = Some(Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// No more operations are taken in; those inside are still served.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// No more operations are taken in, and those inside are dropped.
    fn abandon(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(left);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long what waits is to wait for a group that is under way.
    fn held(&self) -> Option<Duration> {
        if self.waiting.is_empty() || self.waiting.len() >= BESIDE_MIN {
            return None;
        }
        let oldest = self.under_way.front()?;
        BESIDE_AFTER
            .checked_sub(oldest.elapsed())
            .filter(|left| !left.is_zero())
    }

    /// Whether those who were answered last are worth waiting for.
    fn expects_more(&self) -> bool {
        let some = (1..BESIDE_MIN).contains(&self.waiting.len());
        let lately = self.ended.is_some_and(|at| at.elapsed() < BACK_WITHIN);
        let flock = lately && self.last >= LINGER_FROM;
        some && flock && self.under_way.is_empty() && !self.closed
    }

    /// The first operations, without those that concern what others before them or a writer is at.
    fn pick(&mut self, most: usize) -> Taken {
        let mut taken = Taken::default();
        let mut passed: HashSet<u64> = HashSet::new();
        let mut left = VecDeque::new();
        while let Some(ticket) = self.waiting.pop_front() {
            let full = taken.operations.len() >= most;
            let held = |key: &u64| self.busy.contains(key) || passed.contains(key);
            if full || ticket.keys.iter().any(held) {
                passed.extend(&ticket.keys);
                left.push_back(ticket);
                if full {
                    break;
                }
                continue;
            }
            self.busy.extend(&ticket.keys);
            taken.keys.extend(ticket.keys);
            taken.operations.push(ticket.operation);
            taken.pending.push(Pending {
                reply: ticket.reply,
                _place: ticket.place,
            });
        }
        while let Some(ticket) = left.pop_back() {
            self.waiting.push_front(ticket);
        }
        taken
    }
}

/// What an operation concerns, as hashes: two of one group never have one in common. Sums of a day are
/// not among it, they are added up within a group.
fn concerned(operation: &Operation) -> Vec<u64> {
    let mut keys = Vec::new();
    match operation {
        Operation::Commit(change) => change_keys(change, &mut keys),
        Operation::Release(release) => keys.push(hash("job", &release.guard.key)),
        Operation::Forward(refund, _) => {
            keys.push(hash("job", &JobKey::Refund(refund.clone())));
            keys.push(hash("refund", refund));
        }
        Operation::Claim(_)
        | Operation::FinishDelivery(_)
        | Operation::Redeliver(..)
        | Operation::Administer(_)
        | Operation::ChangeBills(_)
        | Operation::TouchKey(..)
        | Operation::SeeSession(..)
        | Operation::SettleInbox(..)
        | Operation::Prune(_)
        | Operation::LimitPages(_)
        | Operation::Batch(_)
        | Operation::Try(_) => {}
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn change_keys(change: &Change, keys: &mut Vec<u64>) {
    if let Some(guard) = &change.guard {
        keys.push(hash("job", &guard.key));
    }
    if let Some(subject) = change.subject() {
        keys.push(hash("job", &JobKey::Refund(subject.clone())));
        keys.push(hash("refund", subject));
    }
    if let Some(changed) = &change.refund {
        let refund = &changed.record;
        keys.push(hash("number", &(&refund.out_refund_no, &refund.mch_id)));
    }
    if let Some(changed) = &change.payment {
        let payment = &changed.record;
        keys.push(hash("payment", &payment.id));
        if changed.replaces.is_none() {
            keys.push(hash("order", &(&payment.out_trade_no, &payment.mch_id)));
            if let Some(id) = &payment.transaction_id {
                keys.push(hash("transaction", &(id, &payment.mch_id)));
            }
        }
    }
    if let Some(mark) = &change.line {
        keys.push(hash("line", &(&mark.batch, mark.line)));
        if let LineEnd::Requested(refund) | LineEnd::Found(refund) = &mark.end {
            keys.push(hash("refund", refund));
        }
    }
    if let Some(entry) = &change.inbox {
        keys.push(hash("inbox", &entry.dedupe));
    }
}

fn hash(kind: &str, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// A writer: takes what waits, commits it, answers.
pub(super) async fn serve(shared: Arc<Shared>, queue: Arc<Queue>, batch_max: usize) {
    // Also when this task panics: nobody must wait for an answer that never comes.
    let _end = End {
        queue: &queue,
        shared: &shared,
    };
    while let Some(taken) = queue.take(batch_max).await {
        let answers = shared.execute(&taken.operations).await;
        // Before anybody is answered: they take their changes apart.
        drop(taken.operations);
        queue.free(&taken.keys, taken.begun);
        for (pending, answer) in taken.pending.into_iter().zip(answers) {
            // Whoever asked may have gone; what was committed stays committed.
            drop(pending.reply.send(answer));
        }
    }
}

struct End<'a> {
    queue: &'a Queue,
    shared: &'a Shared,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.signals.stop("a writing task has panicked");
        }
        self.queue.abandon();
    }
}
