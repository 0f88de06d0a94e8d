//! SQLite, embedded: one file, one writing connection, a few that read.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use tuikuan_domain::RefundId;

use crate::admin::AdminChange;
use crate::batch::{BatchWrite, Begun, NewBatch};
use crate::bill::BillChange;
use crate::change::{Change, Committed};
use crate::delivery::DeliveryReport;
use crate::error::{CommitError, Fatal, OpenError, ReadError};
use crate::ids::{DeliveryId, KeyId};
use crate::job::{Claim, Claimed, Release};
use crate::seal::DataKey;
use crate::signals::Signals;
use crate::steps::Steps;
use crate::store::{Options, Writing};

mod admin;
mod audit;
mod bare;
mod batch;
mod batches;
mod bill_reads;
mod bills;
mod care;
mod checkpoint;
mod commit;
pub(crate) mod copy;
mod deliveries;
mod facts;
mod figures;
pub(crate) mod filled;
mod inbox;
mod jobs;
mod list;
mod looks;
mod open;
mod overview;
mod people;
mod queue;
mod quota;
mod read;
mod reads;
mod records;
mod rules;
mod search;
mod sql;
mod story;
mod tries;
mod trouble;
mod work;
mod writer;

use crate::operation::{Answer, Operation};
pub use bare::bare_batch_insert;
use checkpoint::Checkpoints;
use looks::Looks;
use queue::{Answered, Queue};
use writer::Writer;

/// A SQLite database. Cheap to clone; the last clone closes it.
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<Shared>);

struct Shared {
    signals: Arc<Signals>,
    key: Arc<DataKey>,
    way: Way,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

/// Who writes, and where reads go.
enum Way {
    Threaded {
        queue: Arc<Queue>,
        threads: Mutex<Vec<JoinHandle<()>>>,
        readers: Readers,
        looks: Looks,
    },
    /// One connection for everything.
    Inline(Mutex<Writer>, Steps),
}

impl Way {
    fn start(file: &str, options: &Options, mut writer: Writer) -> Result<Self, OpenError> {
        let readers = Readers::open(file, options.readers)?;
        let queue = Arc::new(Queue::new(options.queue_max));
        let served = Arc::clone(&queue);
        let batch_max = options.batch_max;
        let mover = open::mover(file)?;
        let signals = Arc::clone(&writer.signals);
        let (checkpoints, moving) =
            Checkpoints::start(&mut writer.connection, (mover, Path::new(file)), signals)?;
        writer.checkpoints = Some(checkpoints);
        let writing = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::serve(writer, &served, batch_max))
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self::Threaded {
            queue,
            threads: Mutex::new(vec![writing, moving]),
            readers,
            looks: Looks::default(),
        })
    }
}

/// Connections that read. A read takes some ten microseconds, so a few are enough.
struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    fn open(file: &str, count: usize) -> Result<Self, OpenError> {
        let connections = (0..count.max(1)).map(|_| open::reader(file).map(Mutex::new));
        Ok(Self {
            connections: connections.collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
        })
    }

    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.connections.len();
        let turn = self
            .connections
            .iter()
            .cycle()
            .skip(first % count)
            .take(count);
        for connection in turn.clone() {
            if let Ok(connection) = connection.try_lock() {
                return read(&connection);
            }
        }
        match turn.clone().next() {
            Some(connection) => read(&lock(connection)),
            None => Err(ReadError::Cancelled),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Way::Threaded { queue, threads, .. } = &self.way {
            queue.close();
            // The writer first: the other ends with it.
            for thread in lock(threads).drain(..) {
                if thread.join().is_err() {
                    tracing::error!("a thread of the store had panicked");
                }
            }
        }
    }
}

impl Sqlite {
    pub(crate) fn open(file: &str, options: &Options) -> Result<Self, OpenError> {
        let threaded = options.writing == Writing::Thread;
        if threaded && open::in_memory(file) {
            let url = format!("sqlite:{file}");
            return Err(OpenError::Url { url });
        }
        let (connection, key) = open::writer(file, options.pages_max)?;
        let key = Arc::new(key);
        let signals = Arc::new(Signals::new());
        let writer = Writer {
            connection,
            key: Arc::clone(&key),
            forwarded_us: i64::try_from(options.forwarded_query.as_micros()).unwrap_or(i64::MAX),
            signals: Arc::clone(&signals),
            checkpoints: None,
        };
        let way = if threaded {
            Way::start(file, options, writer)?
        } else {
            Way::Inline(Mutex::new(writer), Steps::of(options.writing))
        };
        Ok(Self(Arc::new(Shared { signals, key, way })))
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

    async fn write(&self, operation: Operation) -> Answered {
        match &self.0.way {
            Way::Threaded { queue, .. } => {
                let (reply, answer) = oneshot::channel();
                queue.put(operation, reply).await;
                answer
                    .await
                    .unwrap_or_else(|_| Err(self.0.signals.stopped()))
            }
            Way::Inline(writer, steps) => {
                steps.pause().await;
                let answer = self.inline(writer, operation);
                steps.pause().await;
                answer
            }
        }
    }

    fn inline(&self, writer: &Mutex<Writer>, operation: Operation) -> Answered {
        let answers = lock(writer).execute(&[operation]);
        let first = answers.into_iter().next();
        first.unwrap_or_else(|| Err(self.0.signals.stopped()))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        match &self.0.way {
            Way::Threaded { readers, .. } => readers.with(read),
            Way::Inline(writer, _) => read(&lock(writer).connection),
        }
    }

    /// A longer read, where blocking is allowed.
    async fn read_aside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        if let Way::Inline(writer, _) = &self.0.way {
            return read(&lock(writer).connection);
        }
        let this = self.clone();
        let task = tokio::task::spawn_blocking(move || this.read(read));
        task.await.unwrap_or(Err(ReadError::Cancelled))
    }
}

/// Writes.
impl Sqlite {
    pub(crate) async fn commit(&self, change: Arc<Change>) -> Result<Committed, CommitError> {
        self.write(Operation::Commit(change)).await?.committed()
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, CommitError> {
        self.write(Operation::Claim(claim)).await?.claimed()
    }

    pub(crate) async fn release(&self, release: Release) -> Result<(), CommitError> {
        self.done(Operation::Release(release)).await
    }

    pub(crate) async fn forward(
        &self,
        refund: RefundId,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.done(Operation::Forward(refund, now)).await
    }

    pub(crate) async fn finish_delivery(&self, report: DeliveryReport) -> Result<(), CommitError> {
        self.done(Operation::FinishDelivery(Box::new(report))).await
    }

    pub(crate) async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.done(Operation::Redeliver(id, now)).await
    }

    pub(crate) async fn administer(&self, change: AdminChange) -> Result<(), CommitError> {
        self.done(Operation::Administer(Box::new(change))).await
    }

    pub(crate) async fn change_bills(&self, change: BillChange) -> Result<(), CommitError> {
        self.done(Operation::ChangeBills(Box::new(change))).await
    }

    pub(crate) async fn touch_key(&self, id: KeyId, now: Timestamp) -> Result<(), CommitError> {
        self.done(Operation::TouchKey(id, now)).await
    }

    pub(crate) async fn settle_inbox(
        &self,
        number: i64,
        outcome: String,
    ) -> Result<(), CommitError> {
        self.done(Operation::SettleInbox(number, outcome)).await
    }

    pub(crate) async fn prune(&self, before: Timestamp) -> Result<u64, CommitError> {
        self.write(Operation::Prune(before)).await?.pruned()
    }

    pub(crate) async fn limit_pages(&self, pages_max: Option<u32>) -> Result<(), CommitError> {
        self.done(Operation::LimitPages(pages_max)).await
    }

    pub(crate) async fn begin_batch(&self, new: NewBatch) -> Result<Begun, CommitError> {
        let write = BatchWrite::Begin(new);
        self.write(Operation::Batch(Box::new(write))).await?.begun()
    }

    pub(crate) async fn write_batch(&self, write: BatchWrite) -> Result<(), CommitError> {
        self.done(Operation::Batch(Box::new(write))).await
    }

    async fn done(&self, operation: Operation) -> Result<(), CommitError> {
        match self.write(operation).await? {
            Answer::Done
            | Answer::Committed(_)
            | Answer::Claimed(_)
            | Answer::Pruned(_)
            | Answer::Begun(_)
            | Answer::Tried(_) => Ok(()),
        }
    }
}
