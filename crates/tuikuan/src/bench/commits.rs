//! The store without HTTP: the same act for many things, by many callers at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tuikuan_engine::Engine;
use tuikuan_store::Change;

use super::load::Loaded;
use super::report::processor_time;

/// Commits everything once, shared out among so many callers. Like the engine, each keeps a share of its
/// change until it is answered.
pub(crate) async fn commit(
    engine: &Engine,
    changes: Vec<Change>,
    callers: usize,
) -> anyhow::Result<Loaded> {
    let engine = engine.clone();
    let commit = move |change| {
        let engine = engine.clone();
        async move {
            let kept = Arc::new(change);
            engine.store().commit(Arc::clone(&kept)).await?;
            drop(kept);
            Ok(())
        }
    };
    shared_out(changes, callers, commit).await
}

/// Does the same for each of many things, one after the other for each of so many callers.
pub(crate) async fn shared_out<T, A, D>(
    things: Vec<T>,
    callers: usize,
    act: A,
) -> anyhow::Result<Loaded>
where
    T: Send + 'static,
    A: Fn(T) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let callers = callers.max(1);
    let count = things.len();
    let mut lanes: Vec<Vec<T>> = (0..callers).map(|_| Vec::new()).collect();
    for (at, thing) in things.into_iter().enumerate() {
        if let Some(lane) = lanes.get_mut(at % callers) {
            lane.push(thing);
        }
    }
    let (began, spent) = (Instant::now(), processor_time());
    let mut running = JoinSet::new();
    for lane in lanes {
        running.spawn(one_after_the_other(lane, act.clone()));
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

async fn one_after_the_other<T, D>(
    lane: Vec<T>,
    act: impl Fn(T) -> D,
) -> anyhow::Result<Vec<Duration>>
where
    D: Future<Output = anyhow::Result<()>>,
{
    let mut times = Vec::with_capacity(lane.len());
    for thing in lane {
        let began = Instant::now();
        act(thing).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}
