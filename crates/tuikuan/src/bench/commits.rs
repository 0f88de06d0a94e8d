//! Changes committed through the store by many callers at once, without HTTP.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tuikuan_engine::Engine;
use tuikuan_store::Change;

use super::load::Loaded;
use super::report::processor_time;

/// Commits everything once, shared out among so many callers.
pub(crate) async fn commit(
    engine: &Engine,
    changes: Vec<Change>,
    callers: usize,
) -> anyhow::Result<Loaded> {
    let callers = callers.max(1);
    let count = changes.len();
    let mut lanes: Vec<Vec<Change>> = (0..callers).map(|_| Vec::new()).collect();
    for (at, change) in changes.into_iter().enumerate() {
        if let Some(lane) = lanes.get_mut(at % callers) {
            lane.push(change);
        }
    }
    let (began, spent) = (Instant::now(), processor_time());
    let mut running = JoinSet::new();
    for lane in lanes {
        let engine = engine.clone();
        running.spawn(one_after_the_other(engine, lane));
    }
    let mut times = Vec::with_capacity(count);
    while let Some(ended) = running.join_next().await {
        times.extend(ended??);
    }
    Ok(Loaded {
        elapsed: began.elapsed(),
        times,
        spent: processor_time().saturating_sub(spent),
    })
}

async fn one_after_the_other(engine: Engine, lane: Vec<Change>) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(lane.len());
    for change in lane {
        let began = Instant::now();
        engine.store().commit(change).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}
