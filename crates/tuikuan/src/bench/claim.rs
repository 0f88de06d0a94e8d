//! `bench claim`: four claimers empty a queue, a hundred jobs in each claim, against one claimer that
//! takes one job at a time. On PostgreSQL each has a node of its own. No job may be given twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use tokio::task::JoinSet;
use tuikuan_engine::Engine;
use tuikuan_store::{Claim, JobKey, Lane, Store};

use super::accept::{Set, Stored};
use super::place::{self, Folder, MCH_ID};
use super::report::{Report, Times, rate};

/// Jobs in one claim.
pub(crate) const BATCH: u32 = 100;
/// Claims of one job that are measured.
const ALONE: usize = 200;
/// Claimers.
const CLAIMERS: usize = 4;
/// A job that was claimed is nobody else's for so long: longer than any run.
const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// The goal on PostgreSQL, in jobs a second.
const GOAL: u32 = 50_000;

/// Measures.
pub(crate) async fn run(folder: Folder, stored: u32) -> anyhow::Result<Report> {
    let all = Stored {
        refunds: stored,
        open: stored,
    };
    let set = Set::new(folder, all, 1).await?;
    let store = set.engine.store();
    let mut given = Vec::new();
    let mut alone = Vec::with_capacity(ALONE);
    for _ in 0..ALONE {
        let began = Instant::now();
        let claimed = store.claim(claim(&set.engine, 1)?).await?;
        alone.push(began.elapsed());
        given.extend(claimed.into_iter().map(|claimed| claimed.guard.key));
    }
    let taken = given.len();
    let mut claimers = JoinSet::new();
    let began = Instant::now();
    for stores in stores(&set).await? {
        claimers.spawn(empty(set.engine.clone(), stores));
    }
    let mut times = Vec::new();
    while let Some(ended) = claimers.join_next().await {
        let (keys, spent) = ended??;
        given.extend(keys);
        times.extend(spent);
    }
    let elapsed = began.elapsed();
    let together = given.len() - taken;
    let different: HashSet<&JobKey> = given.iter().collect();
    let twice = given.len() - different.len();
    ensure!(
        different.len() >= usize::try_from(stored)?,
        "jobs are missing"
    );
    Ok(Report {
        bench: "claim",
        unit: "jobs/s",
        figure: rate(together, elapsed),
        baseline: rate(alone.len(), alone.iter().sum()),
        baseline_is: "one claimer, one job in each claim".to_owned(),
        times: Times::of(times),
        more: vec![
            ("stored_before", json!(stored)),
            ("claimers", json!(CLAIMERS)),
            ("jobs_in_a_claim", json!(BATCH)),
            ("given", json!(given.len())),
            ("given_twice", json!(twice)),
            ("goal_postgres_per_s", json!(GOAL)),
        ],
    })
}

/// The store of each claimer.
async fn stores(set: &Set) -> anyhow::Result<Vec<Arc<Store>>> {
    let mut stores = Vec::with_capacity(CLAIMERS);
    for _ in 0..CLAIMERS {
        stores.push(match set.folder.postgres() {
            Some(_) => place::store(&set.folder).await?,
            None => Arc::clone(set.engine.store()),
        });
    }
    Ok(stores)
}

/// Claims until nothing is left.
async fn empty(engine: Engine, store: Arc<Store>) -> anyhow::Result<(Vec<JobKey>, Vec<Duration>)> {
    let (mut keys, mut times) = (Vec::new(), Vec::new());
    loop {
        let began = Instant::now();
        let claimed = store.claim(claim(&engine, BATCH)?).await?;
        times.push(began.elapsed());
        if claimed.is_empty() {
            return Ok((keys, times));
        }
        keys.extend(claimed.into_iter().map(|claimed| claimed.guard.key));
    }
}

fn claim(engine: &Engine, limit: u32) -> anyhow::Result<Claim> {
    Ok(Claim {
        lane: Lane::Submit(MCH_ID.parse()?),
        limit,
        now: engine.now(),
        lease: LEASE,
    })
}
