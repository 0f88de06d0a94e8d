//! [`Store`]: the operations of the product's database. A closed set of engines with the same
//! operations; the conformance suite runs on each.
//!
//! Writes are answered once they are durable; reads see every write that was answered before. SQLite's
//! point reads complete at once (they take some ten microseconds), its lists are moved to a thread where
//! blocking is allowed.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tuikuan_domain::RefundId;
use tuikuan_domain::quota::{Answer, Ask, Counted};
use tuikuan_domain::retry::Schedule;
use tuikuan_terms::MchId;

use crate::admin::AdminChange;
use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::{CommitError, Fatal, OpenError, ReadError};
use crate::ids::{DeliveryId, KeyId};
use crate::job::{Claim, Claimed, Release};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// Who executes the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// A thread of its own, which groups what waits into one durable commit.
    Thread,
    /// The caller, at once: every asynchronous operation completes without waiting. For
    /// short-lived commands.
    Inline,
    /// The caller too, but others may run just before and just after each write, as they may while
    /// a thread writes: whoever drives the futures decides. For deterministic simulations.
    Stepped,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who executes the writes.
    pub writing: Writing,
    /// At least this time lies between two looks at a refund that something brought forward.
    pub forwarded_query: SignedDuration,
    /// Connections that read.
    pub readers: usize,
    /// Writes that may wait in the queue; more wait outside of it.
    pub queue_max: usize,
    /// Writes in one durable commit.
    pub batch_max: usize,
    /// The greatest number of pages of the database, if it is bounded. SQLite only.
    pub pages_max: Option<u32>,
    /// The file with the key that seals secrets. PostgreSQL only: SQLite's lies beside its database.
    pub key_file: PathBuf,
    /// Whose clock judges leases.
    pub lease_clock: LeaseClock,
}

/// Whose clock judges whether a lease has expired and a job is due (INV-25). SQLite lives in our
/// process, so there both are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseClock {
    /// The database's: nodes need not agree on the time.
    Database,
    /// The caller's. For tests, which make their own time.
    Caller,
}

/// How many processes may work on a store at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// One: it counts its own calls.
    One,
    /// Any number: what they may send is granted by [`Store::grant`].
    Many,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writing: Writing::Thread,
            forwarded_query: Schedule::default().forwarded_query,
            readers: 4,
            queue_max: 4096,
            batch_max: 512,
            pages_max: None,
            key_file: PathBuf::from("tuikuan.key"),
            lease_clock: LeaseClock::Database,
        }
    }
}

impl Options {
    /// Writes are executed by the caller, at once.
    #[must_use]
    pub fn inline() -> Self {
        Self {
            writing: Writing::Inline,
            ..Self::default()
        }
    }

    /// Writes are executed by the caller, with room for others before and after each.
    #[must_use]
    pub fn stepped() -> Self {
        Self {
            writing: Writing::Stepped,
            ..Self::default()
        }
    }
}

/// The product's database. Cheap to clone; the last clone closes it.
#[derive(Debug, Clone)]
pub enum Store {
    /// One machine, one file.
    Sqlite(Sqlite),
    /// Any number of nodes, one database.
    Postgres(Postgres),
}

/// The same operation of whichever engine it is.
macro_rules! on {
    ($store:expr, $engine:ident => $call:expr) => {
        match $store {
            Self::Sqlite($engine) => $call,
            Self::Postgres($engine) => $call,
        }
    };
}

mod audit;
mod batches;
mod bills;
mod care;
mod deliveries;
mod figures;
mod inbox;
mod people;
mod reads;
mod rules;
mod search;
mod story;
mod tries;

/// Opening, closing, signals.
impl Store {
    /// Opens `sqlite:FILE` (or `sqlite::memory:`, inline only) or `postgres://...`, brings the schema
    /// up to date and checks that durability is on (INV-41).
    ///
    /// # Errors
    /// [`OpenError`]; the operator acts.
    pub async fn open(url: &str, options: &Options) -> Result<Self, OpenError> {
        let sqlite = url.strip_prefix("sqlite:");
        if let Some(file) = sqlite.filter(|file| !file.is_empty()) {
            return Ok(Self::Sqlite(Sqlite::open(file, options)?));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let opened = Box::pin(Postgres::open(url, options)).await?;
            return Ok(Self::Postgres(opened));
        }
        Err(OpenError::Url {
            url: url.to_owned(),
        })
    }

    /// An address as people may read it, without its password; its form is checked.
    ///
    /// # Errors
    /// [`OpenError`], which does not tell the password either.
    pub fn shown(url: &str) -> Result<String, OpenError> {
        match url.strip_prefix("sqlite:") {
            Some(_) => Ok(url.to_owned()),
            None => Postgres::shown(url),
        }
    }

    /// Turns to `Some` when writes have ended for good: the process must stop (INV-42).
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        on!(self, s => s.fatal())
    }

    /// Changes whenever a durable commit has changed jobs: look for due ones again.
    #[must_use]
    pub fn jobs_changed(&self) -> watch::Receiver<u64> {
        on!(self, s => s.jobs_changed())
    }

    /// The position of the last durable event of this process; changes with each.
    #[must_use]
    pub fn events_changed(&self) -> watch::Receiver<i64> {
        on!(self, s => s.events_changed())
    }

    /// Whether somebody waits for the database's answer right now. For simulations, whose time stands
    /// still meanwhile.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        match self {
            // Whoever steps through it has its answer at once.
            Self::Sqlite(_) => false,
            Self::Postgres(store) => store.is_asked(),
        }
    }

    /// How many processes may work on it.
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        on!(self, s => s.nodes())
    }

    /// The time by the clock that judges leases (INV-25), where it is not the caller's.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn clock(&self) -> Result<Option<Timestamp>, ReadError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(store) => store.clock().await,
        }
    }

    /// Bounds the database to so many pages from now on, or lifts the bound.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn limit_pages(&self, pages_max: Option<u32>) -> Result<(), CommitError> {
        on!(self, s => s.limit_pages(pages_max).await)
    }
}

/// Writes. Each is durable when it is answered.
impl Store {
    /// Applies a change whole. The writer lets go of it before it says that it is written: whoever kept a
    /// share of it has it alone again.
    ///
    /// # Errors
    /// [`CommitError`]; then nothing of it was written.
    pub async fn commit(&self, change: impl Into<Arc<Change>>) -> Result<Committed, CommitError> {
        let change = change.into();
        on!(self, s => s.commit(change).await)
    }

    /// Leases due jobs of a lane, the longest due first.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, CommitError> {
        on!(self, s => s.claim(claim).await)
    }

    /// Hands a job back without a failed attempt.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] when it is no longer ours.
    pub async fn release(&self, release: Release) -> Result<(), CommitError> {
        on!(self, s => s.release(release).await)
    }

    /// Brings a refund's query forward as far as the limit for forwarded queries allows. A job that
    /// is at work takes the hint when it plans its next look.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn forward(&self, refund: RefundId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.forward(refund, now).await)
    }

    /// Deals with what a node says about its share in quotas of a merchant number (INV-26): one
    /// answer for each. Where one process works alone nothing is given.
    ///
    /// # Errors
    /// [`CommitError`]; then no permit may be used.
    pub async fn grant(
        &self,
        mch_id: &MchId,
        asks: Vec<(Counted, Ask)>,
    ) -> Result<Vec<Answer>, CommitError> {
        on!(self, s => s.grant(mch_id, asks).await)
    }

    /// Writes how a try of a delivery ended.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] when its job is no longer ours.
    pub async fn finish_delivery(&self, report: DeliveryReport) -> Result<(), CommitError> {
        on!(self, s => s.finish_delivery(report).await)
    }

    /// Sends a delivery again, from its first try.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when there is no such delivery or no such endpoint any more.
    pub async fn redeliver(&self, id: DeliveryId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.redeliver(id, now).await)
    }

    /// Does an act of administration and writes its entry in the audit log (INV-35).
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when what it is about does not exist, or exists already.
    pub async fn administer(&self, change: AdminChange) -> Result<(), CommitError> {
        on!(self, s => s.administer(change).await)
    }

    /// Notes that a key was used; at most once a minute is written.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn touch_key(&self, id: KeyId, now: Timestamp) -> Result<(), CommitError> {
        on!(self, s => s.touch_key(id, now).await)
    }

    /// Writes what became of a stored notification.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when there is no such notification.
    pub async fn settle_inbox(&self, number: i64, outcome: String) -> Result<(), CommitError> {
        on!(self, s => s.settle_inbox(number, outcome).await)
    }

    /// Removes a bounded number of old conversations and raw notifications; says how many. Call
    /// again while it is not zero.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn prune(&self, before: Timestamp) -> Result<u64, CommitError> {
        on!(self, s => s.prune(before).await)
    }
}
