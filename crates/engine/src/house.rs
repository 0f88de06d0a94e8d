//! What has to be done now and then beside the jobs: taking in what others changed, measuring the clocks,
//! wanting bills, removing what is old.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tuikuan_store::ReadError;

use crate::away::Away;
use crate::engine::Engine;

/// Endpoints and rules changed by another process are seen after so long, if no commit needs them sooner.
const ENDPOINTS_RELOAD: Duration = Duration::from_secs(1);
/// A new day is noticed within this time.
const BILLS_LOOK: Duration = Duration::from_secs(60);
/// What is old is removed this often.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Between two steps of removing.
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

/// Looks around until it is stopped.
pub(crate) async fn keep_house(engine: Engine, stop: CancellationToken) {
    let mut endpoints = tokio::time::interval(ENDPOINTS_RELOAD);
    let mut bills = tokio::time::interval(BILLS_LOOK);
    let mut away = Away::new("endpoints and rules are not read");
    let mut bills_away = Away::new("bills are not wanted");
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = endpoints.tick() => {
                away.note(reload(&engine).await);
            }
            _ = bills.tick() => {
                bills_away.note(engine.want_bills().await);
            }
        }
    }
}

/// Removes what is old, and what was left behind.
pub(crate) async fn keep_clean(engine: Engine, stop: CancellationToken) {
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = prune.tick() => {}
            () = engine.litter().notified() => {}
        }
        let kept = engine.settings().exchanges_kept;
        let before = engine.now().checked_sub(kept);
        prune_all(&engine, &stop, before.unwrap_or(jiff::Timestamp::MIN)).await;
    }
}

/// Takes in what another process or node changed, and how the clocks stand. What an older version of
/// Tuikuan beside this one changes is seen here too.
async fn reload(engine: &Engine) -> Result<(), ReadError> {
    engine.measure_clocks().await?;
    engine.reload_endpoints().await?;
    engine.rule_book().reload(engine.store()).await.map(drop)
}

/// Removes old conversations in small steps, so that nobody waits behind a long one.
async fn prune_all(engine: &Engine, stop: &CancellationToken, before: jiff::Timestamp) {
    while !stop.is_cancelled() {
        match engine.store().prune(before).await {
            Ok(0) => return,
            Ok(_) => tokio::time::sleep(PRUNE_PAUSE).await,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "old conversations not removed");
                return;
            }
        }
    }
}
