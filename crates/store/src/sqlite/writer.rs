//! The single writer: what waits is applied in one transaction, made durable by one COMMIT, and only
//! then answered (INV-14). A change that loses leaves no trace in the transaction of the others.

use rusqlite::Connection;

use crate::error::CommitError;
use crate::operation::{Answer, Operation};
use crate::seal::DataKey;
use crate::signals::{Effects, Signals};
use crate::sqlite::checkpoint::Checkpoints;
use crate::sqlite::open;
use crate::sqlite::queue::{Answered, Queue, Ticket};
use crate::sqlite::work::Work;
use crate::trouble::Trouble;

/// Pages of a database without a bound: SQLite's own greatest number.
const PAGES_UNBOUNDED: u32 = 4_294_967_294;

/// The writing connection and what it needs.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) key: std::sync::Arc<DataKey>,
    pub(super) forwarded_us: i64,
    pub(super) signals: std::sync::Arc<Signals>,
    /// Without it, SQLite moves its log by itself.
    pub(super) checkpoints: Option<Checkpoints>,
}

/// How an operation is kept apart from the others of its transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Not at all: fast, and enough as long as who loses has written nothing.
    Bare,
    /// By a savepoint each.
    Savepoints,
}

/// Why a transaction was not committed.
enum Undone {
    /// Somebody lost after having written: do it again with care.
    Dirty,
    /// Nobody could be served.
    Failed(Trouble),
}

impl From<Trouble> for Undone {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The writing thread: takes what waits, commits it, answers.
pub(super) fn serve(mut writer: Writer, queue: &Queue, batch_max: usize) {
    // Also when this thread panics: nobody must wait for an answer that never comes.
    let _end = End {
        queue,
        signals: std::sync::Arc::clone(&writer.signals),
    };
    while let Some(tickets) = queue.take(batch_max) {
        writer.answer(tickets);
    }
}

struct End<'a> {
    queue: &'a Queue,
    signals: std::sync::Arc<Signals>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.signals.stop("the writing thread has panicked");
        }
        self.queue.abandon();
    }
}

impl Writer {
    fn answer(&mut self, tickets: Vec<Ticket>) {
        let (operations, replies): (Vec<_>, Vec<_>) = tickets.into_iter().map(Ticket::open).unzip();
        let answers = self.execute(&operations);
        // Before anybody is answered: they take their changes apart, and free them.
        drop(operations);
        for (reply, answer) in replies.into_iter().zip(answers) {
            reply.send(answer);
        }
        if let Some(checkpoints) = &self.checkpoints {
            // What is committed is durable in the log; only an error that ends everything counts.
            if let Err(Trouble::Fatal(reason)) = checkpoints.between(&self.connection) {
                self.signals.stop(&reason);
            }
        }
    }

    /// Executes operations in one durable commit; an answer for each.
    pub(super) fn execute(&mut self, operations: &[Operation]) -> Vec<Answered> {
        if self.signals.fatal.borrow().is_some() {
            return repeat(operations, &self.signals.stopped());
        }
        let result = match self.transaction(operations, Care::Bare) {
            Err(Undone::Dirty) => self.transaction(operations, Care::Savepoints),
            other => other,
        };
        let trouble = match result {
            Ok(answers) => return answers,
            Err(Undone::Failed(trouble)) => trouble,
            // With savepoints nobody is dirty.
            Err(Undone::Dirty) => Trouble::Fatal("a savepoint did not hold".to_owned()),
        };
        let error = match trouble {
            Trouble::Refused(error) | Trouble::All(error) => error,
            Trouble::Fatal(reason) => {
                self.signals.stop(&reason);
                CommitError::Stopped { reason }
            }
        };
        repeat(operations, &error)
    }

    fn transaction(&self, operations: &[Operation], care: Care) -> Result<Vec<Answered>, Undone> {
        self.run("BEGIN IMMEDIATE")?;
        match self.inside(operations, care) {
            Ok((answers, effects)) => {
                self.signals.tell(effects);
                Ok(answers)
            }
            Err(undone) => {
                // Some errors have rolled back by themselves.
                if !self.connection.is_autocommit() {
                    self.run("ROLLBACK")?;
                }
                Err(undone)
            }
        }
    }

    fn inside(
        &self,
        operations: &[Operation],
        care: Care,
    ) -> Result<(Vec<Answered>, Effects), Undone> {
        let mut work = Work::new(&self.connection, &self.key, self.forwarded_us);
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            if care == Care::Savepoints {
                self.run("SAVEPOINT one")?;
            }
            let mark = work.tally.mark();
            work.wrote = false;
            let answer = work.apply(operation);
            let lost = answer.is_err();
            answers.push(match answer {
                Ok(answer) => Ok(answer),
                Err(Trouble::Refused(error)) => Err(error),
                Err(trouble) => return Err(trouble.into()),
            });
            if lost {
                work.tally.forget(&mark);
            }
            match care {
                Care::Bare if lost && work.wrote => return Err(Undone::Dirty),
                Care::Bare => {}
                Care::Savepoints => {
                    if lost {
                        self.run("ROLLBACK TO one")?;
                    }
                    self.run("RELEASE one")?;
                }
            }
        }
        work.write_counts()?;
        work.write_figures()?;
        self.run("COMMIT")?;
        Ok((answers, work.tally.effects))
    }

    fn run(&self, sql: &'static str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

impl Work<'_> {
    fn apply(&mut self, operation: &Operation) -> Result<Answer, Trouble> {
        match operation {
            Operation::Commit(change) => return Ok(Answer::Committed(self.commit(change)?)),
            Operation::Claim(claim) => return Ok(Answer::Claimed(self.claim(claim)?)),
            Operation::Prune(before) => return Ok(Answer::Pruned(self.prune(*before)?)),
            Operation::Batch(write) => return self.write_batch(write),
            Operation::Try(one) => return Ok(Answer::Tried(self.attempt(one)?)),
            Operation::Release(release) => self.release(release)?,
            Operation::Forward(refund, now) => self.forward(refund, *now)?,
            Operation::FinishDelivery(report) => self.finish_delivery(report)?,
            Operation::Redeliver(id, now) => self.redeliver(id, *now)?,
            Operation::Administer(change) => self.administer(change)?,
            Operation::ChangeBills(change) => self.change_bills(change)?,
            Operation::TouchKey(id, now) => self.touch_key(id, *now)?,
            Operation::SeeSession(hash, now) => self.see_session(hash, *now)?,
            Operation::SettleInbox(number, outcome) => self.settle_inbox(*number, outcome)?,
            Operation::LimitPages(pages) => {
                open::limit_pages(self.connection, pages.unwrap_or(PAGES_UNBOUNDED))?;
            }
        }
        Ok(Answer::Done)
    }
}

fn repeat(operations: &[Operation], error: &CommitError) -> Vec<Answered> {
    operations.iter().map(|_| Err(error.clone())).collect()
}
