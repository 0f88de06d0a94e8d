//! PostgreSQL 15 or newer: any number of nodes, all equal, no leader. What the single writing thread of
//! SQLite gives for nothing is said here by row locks (INV-1), `SKIP LOCKED` and fences (INV-24), and
//! a token in each transaction that settles a lost answer to a COMMIT (INV-42).

use std::sync::Arc;

use deadpool_postgres::{Pool, PoolError};
use tokio::sync::watch;
use tokio_postgres::types::ToSql;

use crate::error::{CommitError, DatabaseError, Fatal, OpenError};
use crate::operation::Answer;
use crate::seal::DataKey;
use crate::signals::{Effects, Signals};
use crate::steps::Steps;
use crate::store::Options;

/// The values of a statement, in the order of `$1`, `$2` ...
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &(dyn tokio_postgres::types::ToSql + Sync)),*]
    };
}

mod address;
mod admin;
mod audit;
mod batches;
mod bill_reads;
mod care;
pub(crate) mod copy;
mod counts;
mod deliveries;
mod facts;
mod figures;
mod inbox;
mod leases;
mod list;
mod open;
mod people;
mod quota;
mod read;
mod reads;
mod rules;
mod search;
mod session;
mod settle;
mod story;
mod tls;
mod trouble;
mod turns;
mod unwritten;
mod work;
mod writer;

/// A PostgreSQL database. Cheap to clone; the last clone closes its connections.
#[derive(Debug, Clone)]
pub struct Postgres(Arc<Shared>);

struct Shared {
    signals: Arc<Signals>,
    key: Arc<DataKey>,
    /// Connections for reads and for writes that are rare.
    pool: Pool,
    /// See [`Options::forwarded_query`], in microseconds.
    forwarded_us: i64,
    steps: Steps,
}

/// What a write comes to.
type Answered = Result<Answer, CommitError>;

impl std::fmt::Debug for Shared {
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
        Ok(Self(Arc::new(Shared {
            signals,
            key: Arc::new(opened.key),
            pool: opened.pool,
            forwarded_us: i64::try_from(options.forwarded_query.as_micros()).unwrap_or(i64::MAX),
            steps: Steps::of(options.writing),
        })))
    }

    /// An address without its password.
    pub(crate) fn shown(url: &str) -> Result<String, OpenError> {
        Ok(address::Address::parse(url)?.shown())
    }

    pub(crate) fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.0.signals.fatal.subscribe()
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
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(source) => Self::Postgres(source),
            other => Self::Unreachable {
                reason: other.to_string(),
            },
        }
    }
}
