//! Claims what is due and runs it, each job on a task of its own that is tracked and awaited at the
//! end. One lane never takes another's room (INV-26, INV-30); every lane has a bound (INV-28).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tuikuan_store::Lane;
use tuikuan_terms::MchId;

use crate::away::Away;
use crate::certificates::{self, Fetched};
use crate::engine::Engine;
use crate::house::{keep_clean, keep_house};
use crate::ledger::LedgerError;
use crate::step::Work;

/// Jobs of one lane claimed at once.
const CLAIM_MAX: usize = 100;
/// Approvals of one merchant that are withdrawn at once.
const EXPIRIES_IN_FLIGHT_MAX: usize = 8;
/// Bills of one merchant fetched at once; WeChat names no rate for them and asks to be gentle.
const BILLS_IN_FLIGHT_MAX: usize = 2;
/// Differences of one merchant asked about at once: they never take the room of other queries.
const DIFFERENCES_IN_FLIGHT_MAX: usize = 16;
/// The safety net: due jobs are looked for at least so often.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// And at most so often, so that a storm of commits is not a storm of looks.
const LOOK_MIN: Duration = Duration::from_millis(4);
/// After a look that found nothing to claim: what seems due to this node's clock is not due to the
/// database's yet, or another node has it.
const LOOK_IDLE: Duration = Duration::from_millis(20);
/// A failed fetch of certificates is tried again after so long.
const CERTIFICATES_AGAIN: Duration = Duration::from_secs(60);

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    tracker: TaskTracker,
    stop: CancellationToken,
    engine: Engine,
}

impl Engine {
    /// Starts the workers on the present runtime.
    #[must_use]
    pub fn start(&self) -> Workers {
        let tracker = TaskTracker::new();
        let stop = CancellationToken::new();
        let running = Arc::new(Running::default());
        tracker.spawn(dispatch(
            self.clone(),
            tracker.clone(),
            stop.clone(),
            running,
        ));
        tracker.spawn(keep_house(self.clone(), stop.clone()));
        tracker.spawn(keep_clean(self.clone(), stop.clone()));
        for merchant in self.merchants() {
            let (engine, merchant, stop) = (self.clone(), Arc::clone(merchant), stop.clone());
            tracker.spawn(async move {
                let mut fetched = certificates::fetch(&engine, &merchant).await;
                let mut last = tokio::time::Instant::now();
                loop {
                    let wait = match fetched {
                        Fetched::Failed => CERTIFICATES_AGAIN,
                        Fetched::Replaced | Fetched::None => {
                            engine.settings().certificates_refresh.unsigned_abs()
                        }
                    };
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep_until(last + wait) => {}
                        () = engine.certificates_wanted(&merchant.name) => {
                            // Anybody can name a serial: one demanded fetch a minute (INV-23).
                            if last.elapsed() < CERTIFICATES_AGAIN {
                                continue;
                            }
                        }
                    }
                    fetched = certificates::fetch(&engine, &merchant).await;
                    last = tokio::time::Instant::now();
                }
            });
        }
        Workers {
            tracker,
            stop,
            engine: self.clone(),
        }
    }
}

impl Workers {
    /// Stops in order: nothing new is claimed, what waits is handed back, what is under way gets its
    /// answer. `false` when something was still running after the longest call; its lease brings it
    /// back (INV-42).
    pub async fn stop(self) -> bool {
        self.engine.set_stopping();
        self.stop.cancel();
        self.tracker.close();
        let longest = self.engine.settings().call_timeout.unsigned_abs() + Duration::from_secs(2);
        tokio::time::timeout(longest, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// How many jobs of each lane are running.
#[derive(Debug, Default)]
struct Running {
    lanes: Mutex<HashMap<Lane, usize>>,
    freed: tokio::sync::Notify,
}

impl Running {
    fn count(&self, lane: &Lane) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(lane).copied().unwrap_or(0)
    }

    fn begin(self: &Arc<Self>, lane: &Lane) -> Place {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = lanes.entry(lane.clone()).or_insert(0);
        *count = count.saturating_add(1);
        Place {
            running: Arc::clone(self),
            lane: lane.clone(),
        }
    }
}

/// A running job's place in its lane; dropping it frees the place.
struct Place {
    running: Arc<Running>,
    lane: Lane,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self
            .running
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = lanes.get_mut(&self.lane) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                lanes.remove(&self.lane);
            }
        }
        drop(lanes);
        self.running.freed.notify_one();
    }
}

async fn dispatch(
    engine: Engine,
    tracker: TaskTracker,
    stop: CancellationToken,
    running: Arc<Running>,
) {
    let mut changed = engine.store().jobs_changed();
    let mut away = Away::new("no jobs are claimed");
    loop {
        changed.mark_unchanged();
        let claimed = match round(&engine, &tracker, &running).await {
            Ok(claimed) => {
                away.back();
                claimed
            }
            Err(error) => {
                let wait = away.failed(&error);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => continue,
                }
            }
        };
        let wait = match claimed {
            Claimed::More => LOOK_MIN,
            Claimed::All => until_next(&engine, &running).await.max(LOOK_MIN),
            Claimed::Nothing => until_next(&engine, &running).await.max(LOOK_IDLE),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => continue,
            () = running.freed.notified() => {}
            () = engine.work().notified() => {}
            _ = changed.changed() => {}
        }
        tokio::time::sleep(LOOK_MIN).await;
    }
}

/// When to look again. A lane without room wakes the dispatcher by itself when it has some; a lane
/// that waits for its quota is looked at by the safety net.
async fn until_next(engine: &Engine, running: &Running) -> Duration {
    let Ok(lanes) = engine.store().lanes().await else {
        return LOOK_MAX;
    };
    let due = lanes
        .into_iter()
        .filter(|lane| room(engine, &lane.lane, running) > 0)
        .map(|lane| lane.due_at)
        .min();
    due.map_or(LOOK_MAX, |due| engine.clock().until(due).min(LOOK_MAX))
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claimed {
    /// A lane may have more at once.
    More,
    /// Whatever was due.
    All,
    /// Nothing.
    Nothing,
}

/// Claims once from every lane that has due jobs.
async fn round(
    engine: &Engine,
    tracker: &TaskTracker,
    running: &Arc<Running>,
) -> Result<Claimed, LedgerError> {
    let mut claimed = Claimed::Nothing;
    let mut lanes = engine.lanes_due().await?;
    // What a batch asked for comes after what anybody asks for now.
    lanes.sort_by_key(|lane| matches!(lane, Lane::Bulk(_)));
    for lane in lanes {
        let room = room(engine, &lane, running);
        if room == 0 {
            continue;
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let works = engine.claim(&lane, limit).await?;
        claimed = match (works.len(), claimed) {
            (count, _) if count == room => Claimed::More,
            (1.., Claimed::Nothing) => Claimed::All,
            (_, before) => before,
        };
        for work in works {
            let place = running.begin(work.lane());
            let engine = engine.clone();
            tracker.spawn(async move {
                let ends = EndsTheProcess;
                Box::pin(run(&engine, work)).await;
                drop((ends, place));
            });
        }
    }
    Ok(claimed)
}

/// How many jobs of a lane may be claimed now. A lane of submits gets little more than its quota can
/// send soon: the others wait in the table, where they cost nothing and can be cancelled.
fn room(engine: &Engine, lane: &Lane, running: &Running) -> usize {
    let most = match lane {
        Lane::Submit(mch_id) => {
            let wanted = submits_wanted(engine, mch_id);
            engine
                .settings()
                .calls_in_flight_max
                .min(wanted.saturating_add(ahead(engine)))
        }
        Lane::Expire(_) => EXPIRIES_IN_FLIGHT_MAX,
        Lane::Bulk(mch_id) => bulk(engine, mch_id, running),
        Lane::Batch(_) => 1,
        Lane::Query(_) => engine.settings().calls_in_flight_max,
        Lane::Webhook(_) => engine.settings().deliveries_in_flight_max,
        Lane::Bill(_) => BILLS_IN_FLIGHT_MAX,
        Lane::Difference(_) => DIFFERENCES_IN_FLIGHT_MAX,
    };
    most.saturating_sub(running.count(lane)).min(CLAIM_MAX)
}

/// How many submits it makes sense to claim now.
fn submits_wanted(engine: &Engine, mch_id: &MchId) -> usize {
    let (mch_id, now) = (mch_id.as_str(), engine.now());
    let wanted = engine.lanes().submits_wanted(mch_id, now);
    let free = engine
        .shares()
        .map(|shares| shares.submits_free(mch_id, now));
    wanted.min(free.unwrap_or(usize::MAX))
}

/// Submits of batches: few of them wait for the quota at once, so that a single refund that comes now
/// waits behind no more than a fifth of a second's worth.
fn bulk(engine: &Engine, mch_id: &MchId, running: &Running) -> usize {
    let lanes = engine.lanes();
    let wanted = submits_wanted(engine, mch_id);
    let waiting = wanted.saturating_add(ahead(engine)).min(
        engine
            .settings()
            .limits
            .submits_per_second
            .div_ceil(5)
            .max(4),
    );
    lanes
        .in_flight(mch_id.as_str())
        .saturating_add(waiting)
        .min(engine.settings().calls_in_flight_max)
        .saturating_sub(running.count(&Lane::Submit(mch_id.clone())))
}

/// Submits that are claimed beyond the free quota: their attempts are committed while they wait, so
/// that a commit never leaves the quota unused. A tenth of a second's worth, and a few.
fn ahead(engine: &Engine) -> usize {
    32_usize.saturating_add(engine.settings().limits.submits_per_second / 10)
}

/// A job that panics has met a record that cannot be: stopping is right, guessing is not.
struct EndsTheProcess;

impl Drop for EndsTheProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("an invariant is broken, the process ends");
            std::process::abort();
        }
    }
}

async fn run(engine: &Engine, work: Work) {
    let key = work.key();
    match engine.run(work).await {
        Ok(()) => {}
        Err(LedgerError::LeaseLost) => {
            engine.tally().count("jobs", "lease_lost");
            tracing::debug!(job = key, "the job went on without this worker");
        }
        Err(error) => {
            engine.tally().count("jobs", "failed");
            tracing::warn!(
                job = key,
                error = &error as &dyn std::error::Error,
                "job put off"
            );
        }
    }
}
