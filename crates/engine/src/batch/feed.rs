//! The job of a batch: its next lines become refunds, a bounded number at a time. Refunds of a batch
//! stand in a lane of their own that gives way, and never more of them than the quota sends within
//! seconds: a single refund starts at once, and what is not in the queue yet can be withdrawn for
//! nothing.
//!
//! Each line is linked to its refund in the commit that makes the refund, under the lease of this
//! job. Whoever continues after a crash finds the lines that are left, and nothing else (INV-24).

use jiff::SignedDuration;
use tuikuan_domain::batch::{Batch, BatchState, Steer};
use tuikuan_domain::planted::{self, Bug};
use tuikuan_domain::{BatchId, Command, Source};
use tuikuan_store::{BatchWrite, CommitError, Lane};

use super::BatchError;
use super::line::{Fed, feed_line};
use super::together::{Boxed, together};
use crate::by::By;
use crate::engine::{Engine, Held};
use crate::error::EngineError;
use crate::ledger::{Beside, LedgerError};

/// Lines that become refunds in one go.
const LINES_AT_ONCE: u32 = 200;
/// Between two goes.
const PACE: SignedDuration = SignedDuration::from_millis(100);
/// When the queue is full, it is looked at again after this time.
const FULL_PACE: SignedDuration = SignedDuration::from_millis(250);
/// A check that was begun anew is looked after at this pace.
const CHECK_PACE: SignedDuration = SignedDuration::from_secs(30);
/// Of a merchant's refunds of batches so many seconds' worth of the quota are in the queue and due
/// now ...
const DUE_SECONDS: u32 = 2;
/// ... and so many seconds' worth in all: those that wait for their minute, or for the balance.
const QUEUED_SECONDS: u32 = 20;
/// A job due so soon is due now.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// Runs the job.
///
/// # Errors
/// [`LedgerError`]; the lease then brings the job to somebody else.
pub(crate) async fn run(engine: &Engine, held: &Held, id: &BatchId) -> Result<(), LedgerError> {
    let batch = engine
        .store()
        .batch(id)
        .await?
        .ok_or(LedgerError::NotFound)?;
    match batch.state {
        BatchState::Running => feed(engine, held, &batch).await,
        BatchState::AwaitingApproval => expire(engine, held, &batch).await,
        BatchState::Cancelled => withdraw(engine, held, id).await,
        BatchState::Draft if batch.checked_at.is_some() => check_again(engine, held, &batch).await,
        BatchState::Draft
        | BatchState::Checked
        | BatchState::Paused
        | BatchState::Rejected
        | BatchState::Finished => done(engine, held).await,
    }
}

async fn done(engine: &Engine, held: &Held) -> Result<(), LedgerError> {
    let write = BatchWrite::Done(held.guard.clone());
    Ok(engine.store().write_batch(write).await?)
}

/// The check of a batch that was checked before was begun anew, and whoever began it is silent.
async fn check_again(engine: &Engine, held: &Held, batch: &Batch) -> Result<(), LedgerError> {
    match engine.check_again(batch, &held.guard).await {
        Ok(()) => Ok(()),
        Err(BatchError::Engine(EngineError::UnknownMerchant)) => done(engine, held).await,
        Err(error) => {
            tracing::debug!(batch = %batch.id, %error, "the batch is not checked anew yet");
            engine.hand_back(held, engine.after(CHECK_PACE)).await
        }
    }
}

/// Nobody may have agreed in time.
async fn expire(engine: &Engine, held: &Held, batch: &Batch) -> Result<(), LedgerError> {
    match batch.approval_until {
        Some(until) if engine.now() < until => engine.hand_back(held, until).await,
        Some(_) | None => by_itself(engine, held, &batch.id, &Steer::Expire).await,
    }
}

/// What the engine does to a batch by itself; the log of what people do names the engine then.
async fn by_itself(
    engine: &Engine,
    held: &Held,
    id: &BatchId,
    act: &Steer,
) -> Result<(), LedgerError> {
    match engine
        .steer_batch(id, act, &By::engine(Source::Engine))
        .await
    {
        // Refused: somebody was first, and then the job is somebody else's too.
        Ok(_) | Err(BatchError::Refused(_)) => done(engine, held).await,
        Err(error) => {
            tracing::warn!(batch = %id, %error, "a batch cannot be changed now");
            engine.hand_back(held, engine.after(CHECK_PACE)).await
        }
    }
}

async fn feed(engine: &Engine, held: &Held, batch: &Batch) -> Result<(), LedgerError> {
    let Some(merchant) = engine.merchant(&batch.merchant) else {
        // The merchant was taken out of the configuration: somebody has to look.
        return by_itself(engine, held, &batch.id, &Steer::Pause).await;
    };
    let room = room(engine, batch).await?;
    if room == 0 || engine.stopping() {
        return engine.hand_back(held, engine.after(FULL_PACE)).await;
    }
    let mut lines = engine.store().batch_pending(&batch.id, room).await?;
    let Some(last) = lines.last() else {
        return done(engine, held).await;
    };
    let next = last.number.saturating_add(1);
    if planted::is(Bug::LinePassedOver) && lines.len() > 1 {
        lines.pop();
    }
    let futures = lines.iter().map(|line| {
        Box::pin(feed_line(engine, held, (merchant, batch), line))
            as Boxed<'_, Result<Fed, LedgerError>>
    });
    let mut ended = true;
    for fed in together(futures.collect()).await {
        // Somebody paused or withdrew the batch: what is left stays as it is.
        let fed: Fed = fed?;
        ended &= fed == Fed::Ended;
    }
    if ended {
        let write = BatchWrite::Fed(held.guard.clone(), next);
        engine.store().write_batch(write).await?;
    }
    engine.wake();
    engine.hand_back(held, engine.after(PACE)).await
}

/// How many lines may become refunds now.
async fn room(engine: &Engine, batch: &Batch) -> Result<u32, LedgerError> {
    let rate = engine.settings().limits.submits_per_second;
    let rate = u32::try_from(rate).unwrap_or(u32::MAX).max(4);
    let (due_max, all_max) = (
        rate.saturating_mul(DUE_SECONDS),
        rate.saturating_mul(QUEUED_SECONDS),
    );
    let store = engine.store();
    let bulk = Lane::Bulk(batch.mch_id.clone());
    let query = Lane::Query(batch.mch_id.clone());
    let soon = engine.after(SOON);
    let due = store.lane_backlog(&bulk, soon, due_max).await?;
    let all = store
        .lane_backlog(&bulk, jiff::Timestamp::MAX, all_max)
        .await?;
    // Orders that WeChat has to be asked about stand in that queue first.
    let asked = store.lane_backlog(&query, soon, all_max).await?;
    let room = due_max
        .saturating_sub(due)
        .min(all_max.saturating_sub(all))
        .min(all_max.saturating_sub(asked));
    Ok(room.min(LINES_AT_ONCE))
}

/// A withdrawn batch: its refunds that were not sent are cancelled, one by one, as by anybody.
async fn withdraw(engine: &Engine, held: &Held, id: &BatchId) -> Result<(), LedgerError> {
    let refunds = engine.store().batch_queued(id, LINES_AT_ONCE).await?;
    if refunds.is_empty() {
        return done(engine, held).await;
    }
    let mut withdrawn = false;
    for refund in refunds {
        let acted = engine
            .ledger()
            .act(
                &refund,
                &By::engine(Source::Batch),
                Beside::under(&held.guard),
                |refund, payment, context| {
                    let situation = tuikuan_domain::Situation {
                        refund: Some(refund),
                        payment,
                        replaced: None,
                    };
                    tuikuan_domain::refund::decide(situation, Command::Cancel, context)
                },
            )
            .await;
        match acted {
            Ok(_) => withdrawn = true,
            // It was sent in the meantime.
            Err(LedgerError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let wait = if withdrawn {
        SignedDuration::ZERO
    } else {
        FULL_PACE
    };
    engine.hand_back(held, engine.after(wait)).await
}

/// Whether somebody else changed the records a write was decided on.
pub(super) const fn lost(error: &CommitError) -> bool {
    matches!(error, CommitError::Conflict)
}
