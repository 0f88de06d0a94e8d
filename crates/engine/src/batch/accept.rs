//! Taking a file in: its lines are checked against the store and kept with what was found, in short
//! writes so that nobody waits behind a large file, then the batch as a whole is declared checked. A
//! crash in between leaves a draft; the same file again completes it. Whoever checks holds the lease of
//! the batch's job, over all nodes: who begins later takes it, and who has lost it writes nothing more,
//! so that what was found and what is counted are of one check (INV-24).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use tuikuan_domain::MerchantName;
use tuikuan_domain::batch::{Batch, BatchState, Checker, Checking, Facts, Line, Mark};
use tuikuan_store::{
    Action, BATCH_LINES_PER_WRITE, BatchWrite, CheckLease, CheckedLine, CommitError, FactsWanted,
    Guard, LineFilter, LinesOf, NewBatch, ReadError,
};

use super::file::{File, number_of_order};
use super::{BatchError, together::together};
use crate::by::By;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::merchant::Merchant;

/// A refund of the same order and amount within this time before is worth a warning.
const SAME_AMOUNT_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Lines that one read of a stored batch gives.
const LINES_PER_READ: u32 = 2000;

/// Writes of lines on their way at once: they share a commit.
const WRITES_AT_ONCE: usize = 2;

/// A check that was lost to somebody else is begun once more: who held up the first one may be gone, and
/// of two who begin by turns one has to yield.
const CHECKS_MAX: usize = 2;

/// A file that somebody wants refunded.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The merchant's name in the configuration.
    pub merchant: MerchantName,
    /// What the uploader calls it; shown, never used.
    pub name: Option<String>,
    /// What stands in it.
    pub file: File,
}

/// The batch of a file.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The batch, durable.
    pub batch: Batch,
    /// Whether this upload made it, or it existed.
    pub created: bool,
}

/// The contents that are being taken in by this process: of two uploads of one file the first goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads(Arc<Mutex<HashSet<[u8; 32]>>>);

struct Place {
    uploads: Uploads,
    content: [u8; 32],
}

impl Uploads {
    fn enter(&self, content: [u8; 32]) -> Option<Place> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.insert(content).then(|| Place {
            uploads: self.clone(),
            content,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let inside = &self.uploads.0;
        let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.remove(&self.content);
    }
}

impl Engine {
    /// Takes a file in: every line is checked and kept, nothing is refunded yet. The same file again
    /// is the same batch; one that was not submitted yet is checked anew.
    ///
    /// # Errors
    /// [`BatchError`].
    pub async fn accept_batch(&self, upload: Upload, by: &By) -> Result<Accepted, BatchError> {
        let merchant = self
            .merchant(&upload.merchant)
            .ok_or(EngineError::UnknownMerchant)?;
        let content = upload.file.content;
        let _place = self.uploads().enter(content).ok_or(BatchError::Busy)?;
        let mut created = false;
        for _ in 0..CHECKS_MAX {
            let new = self.new_batch(merchant, &upload, by);
            let id = new.id.clone();
            let begun = self.store().begin_batch(new).await?;
            let batch = begun.batch;
            created |= batch.id == id;
            let Some(guard) = begun.check else {
                return Ok(Accepted { batch, created });
            };
            let ended = self.check_lines(merchant, &guard, &upload.file.lines).await;
            let stored = self.store().batch(&batch.id).await?;
            let batch = stored.ok_or(BatchError::NotFound)?;
            match ended {
                Ok(()) => return Ok(Accepted { batch, created }),
                // Whoever took the check over has completed it, later than it was begun here.
                Err(BatchError::Busy) if batch.state != BatchState::Draft => {
                    return Ok(Accepted { batch, created });
                }
                // Or has left it, or is at it.
                Err(BatchError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Err(BatchError::Busy)
    }

    /// Completes a check that somebody began anew and left: the lines are all there. Its job is done
    /// with it.
    pub(super) async fn check_again(&self, batch: &Batch, guard: &Guard) -> Result<(), BatchError> {
        let merchant = self
            .merchant(&batch.merchant)
            .ok_or(EngineError::UnknownMerchant)?;
        let mut lines = Vec::new();
        loop {
            let wanted = LinesOf {
                batch: batch.id.clone(),
                filter: LineFilter::All,
                after: lines.last().map_or(0, |line: &Line| line.number),
                limit: LINES_PER_READ,
            };
            let read = self.store().batch_lines(wanted).await?;
            if read.is_empty() {
                break;
            }
            lines.extend(read.into_iter().map(|stored| stored.line));
        }
        self.check_lines(merchant, guard, &lines).await
    }

    fn new_batch(&self, merchant: &Merchant, upload: &Upload, by: &By) -> NewBatch {
        let id = crate::clock::batch_id(self.ids());
        let now = self.now();
        let detail = serde_json::json!({
            "merchant": merchant.name.as_str(),
            "name": upload.name,
            "lines": upload.file.lines.len(),
        });
        let audit = by.entry(now, Action::BATCH_UPLOADED, (id.as_str(), detail));
        NewBatch {
            id,
            merchant: merchant.name.clone(),
            mch_id: merchant.mch_id.clone(),
            name: upload.name.clone(),
            content: upload.file.content,
            created: Mark {
                by: by.actor.clone(),
                at: now,
            },
            lease: self.settings().lease,
            audit,
        }
    }

    /// Reads the facts of the next lines while those before are written.
    async fn check_lines(
        &self,
        merchant: &Merchant,
        guard: &Guard,
        lines: &[Line],
    ) -> Result<(), BatchError> {
        let mut checker = Checker::new(Checking {
            now: self.now(),
            amount_max: self.settings().total_max,
        });
        let step = BATCH_LINES_PER_WRITE.saturating_mul(WRITES_AT_ONCE);
        let mut steps = lines.chunks(step);
        let mut next = || steps.next().map(<[Line]>::to_vec).unwrap_or_default();
        let mut known = self.facts(merchant, next()).await?;
        while !known.is_empty() {
            let checked: Vec<CheckedLine> = known
                .into_iter()
                .map(|(line, facts)| CheckedLine {
                    verdict: checker.check(&line, &facts),
                    line,
                })
                .collect();
            let (written, read) = tokio::join!(
                self.keep_lines(guard, checked),
                self.facts(merchant, next())
            );
            written?;
            known = read?;
        }
        let write = BatchWrite::Checked(guard.clone(), checker.summary(), self.now());
        Ok(self.store().write_batch(write).await?)
    }

    async fn keep_lines(
        &self,
        guard: &Guard,
        checked: Vec<CheckedLine>,
    ) -> Result<(), CommitError> {
        let mut checked = checked.into_iter().peekable();
        let mut writes = Vec::new();
        while checked.peek().is_some() {
            let some = checked.by_ref().take(BATCH_LINES_PER_WRITE).collect();
            let held = CheckLease {
                guard: guard.clone(),
                now: self.now(),
                lease: self.settings().lease,
            };
            let write = BatchWrite::Lines(held, some);
            writes.push(Box::pin(self.store().write_batch(write)) as super::together::Boxed<'_, _>);
        }
        together(writes).await.into_iter().collect()
    }

    async fn facts(
        &self,
        merchant: &Merchant,
        lines: Vec<Line>,
    ) -> Result<Vec<(Line, Facts)>, ReadError> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let since = self.now().checked_sub(SAME_AMOUNT_WITHIN);
        let wanted = FactsWanted {
            mch_id: merchant.mch_id.clone(),
            sub_mch_id: merchant.sub_mch_id.clone(),
            lines,
            since: since.unwrap_or(jiff::Timestamp::MIN),
            number_of: number_of_order,
        };
        self.store().batch_facts(wanted).await
    }
}
