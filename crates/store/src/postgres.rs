//! PostgreSQL 15 or newer: any number of nodes, all equal, no leader. What the single writing thread of
//! SQLite gives for nothing is said here by row locks (INV-1), `SKIP LOCKED` and fences (INV-24), and
//! a token in each transaction that settles a lost answer to a COMMIT (INV-42).

use std::ops::Deref;
use std::sync::Arc;

use deadpool_postgres::{Pool, PoolError};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;

use crate::error::{CommitError, DatabaseError, Fatal, OpenError};
use crate::operation::Answer;
use crate::seal::DataKey;
use crate::signals::{Effects, Signals};
use crate::steps::Steps;
use crate::store::{LeaseClock, Options, Writing};

/// The values of a statement, in the order of `$1`, `$2` ...
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &(dyn tokio_postgres::types::ToSql + Sync)),*]
    };
}

mod address;
mod admin;
mod audit;
mod batch;
mod batches;
mod bill_reads;
mod bills;
mod burst;
mod care;
mod commit;
pub(crate) mod copy;
mod counts;
mod deliveries;
mod facts;
mod figures;
pub(crate) mod filled;
mod fresh;
mod group;
mod inbox;
mod jobs;
mod leases;
mod lines;
mod list;
mod listen;
mod look;
mod open;
mod people;
mod queue;
mod quota;
mod read;
mod reads;
mod records;
mod rules;
mod search;
mod session;
mod sets;
mod settle;
mod situations;
mod sql;
mod story;
mod tls;
mod tries;
mod trouble;
mod turns;
mod usage;
mod work;
mod writer;

use fresh::Care;
use listen::Outbox;
use queue::Queue;
use situations::Questions;

/// A PostgreSQL database. Cheap to clone; the last clone closes its connections.
#[derive(Debug, Clone)]
pub struct Postgres(Arc<Open>);

/// An open database: what is shared by all who use it, and the tasks that serve them.
struct Open {
    shared: Arc<Shared>,
    /// None: whoever writes does it himself.
    queue: Option<Arc<Queue>>,
    /// None: whoever reads does it himself.
    questions: Option<Questions>,
    listener: AbortHandle,
}

struct Shared {
    signals: Arc<Signals>,
    key: Arc<DataKey>,
    /// Connections for reads and for writes that are rare.
    pool: Pool,
    /// See [`Options::forwarded_query`], in microseconds.
    forwarded_us: i64,
    steps: Steps,
    lease_clock: LeaseClock,
    /// Connections that write.
    writers: Pool,
    outbox: Outbox,
    /// Places for acts of administration.
    acts: Semaphore,
    /// Places for writes that are not grouped.
    singles: Semaphore,
    care: Care,
}

impl Deref for Open {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listener.abort();
        if let Some(queue) = &self.queue {
            // The writers end when it is empty.
            queue.close();
        }
    }
}

/// What a write comes to.
type Answered = Result<Answer, CommitError>;

/// Tasks that write: see [`queue::BESIDE_MIN`] for when a second one is at work.
const WRITER_TASKS: usize = 2;

/// Writes at once that are not grouped. Those that wait for a disk are made durable together by the server.
const SINGLES: usize = 4;

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

/// The values of a statement, in the order of `$1`, `$2` ... Whole numbers are `BIGINT`: pass an `i64`.
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Postgres {
    /// Connects, proves that commits are durable, and brings the schema up to date (INV-41).
    ///
    /// # Errors
    /// [`OpenError`]; the operator acts.
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, OpenError> {
        let opened = open::open(url, options).await?;
        let signals = Arc::new(Signals::new());
        signals.events.send_replace(opened.position);
        let shared = Arc::new(Shared {
            signals,
            key: Arc::new(opened.key),
            pool: opened.pool,
            forwarded_us: i64::try_from(options.forwarded_query.as_micros()).unwrap_or(i64::MAX),
            steps: Steps::of(options.writing),
            lease_clock: options.lease_clock,
            writers: opened.writers,
            outbox: Outbox::default(),
            acts: Semaphore::new(open::ACTS),
            singles: Semaphore::new(SINGLES),
            care: Care::default(),
        });
        let queue =
            (options.writing == Writing::Thread).then(|| Arc::new(Queue::new(options.queue_max)));
        for queue in queue
            .iter()
            .flat_map(|queue| std::iter::repeat_n(queue, WRITER_TASKS))
        {
            let serving = queue::serve(Arc::clone(&shared), Arc::clone(queue), options.batch_max);
            drop(tokio::spawn(serving));
        }
        let questions = (options.writing == Writing::Thread).then(|| {
            let (questions, waiting) = situations::questions();
            drop(tokio::spawn(situations::serve(
                Arc::clone(&shared),
                waiting,
            )));
            questions
        });
        let listening = listen::serve(Arc::clone(&shared), opened.connector);
        Ok(Self(Arc::new(Open {
            shared,
            queue,
            questions,
            listener: tokio::spawn(listening).abort_handle(),
        })))
    }

    /// An address without its password.
    pub(crate) fn shown(url: &str) -> Result<String, OpenError> {
        Ok(address::Address::parse(url)?.shown())
    }

    pub(crate) fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.0.signals.fatal.subscribe()
    }

    /// Whether a connection is in somebody's hands.
    pub(crate) fn is_asked(&self) -> bool {
        let pools = [&self.0.pool, &self.0.writers];
        pools.iter().any(|pool| {
            let status = pool.status();
            status.available < status.size || status.waiting > 0
        })
    }

    pub(crate) fn jobs_changed(&self) -> watch::Receiver<u64> {
        self.0.signals.jobs.subscribe()
    }

    pub(crate) fn events_changed(&self) -> watch::Receiver<i64> {
        self.0.signals.events.subscribe()
    }
}

impl Shared {
    /// Tells others what is durable now.
    fn tell(&self, effects: Effects) {
        self.signals.tell(effects);
        self.outbox.put(effects);
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unreachable {
                reason: other.to_string(),
            },
        }
    }
}
