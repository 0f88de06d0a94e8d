//! `bench claim` and `bench grow`: what a store full of refunds costs. Claims are measured alone;
//! acceptance and claims are measured with few and with many refunds stored.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use tuikuan_engine::Engine;
use tuikuan_store::Lane;

use super::accept::{Plan, Set};
use super::place::{Folder, MCH_ID};
use super::report::{Report, Times, rate, rounded};

/// Jobs in one claim.
const BATCH: u32 = 100;
/// Claims that are measured.
const CLAIMS: usize = 60;
/// Measured in turns, so that one slow moment of the machine meets both sides.
const TURNS: usize = 3;

/// Claims alone.
pub(crate) async fn claim(folder: Folder, stored: usize) -> anyhow::Result<Report> {
    let batch = usize::try_from(BATCH)?;
    let stored = stored.max(CLAIMS * batch * 2);
    let set = Set::new(folder, stored).await?;
    let alone = claims(&set.engine, 1).await?;
    let batches = claims(&set.engine, BATCH).await?;
    Ok(Report {
        bench: "claim",
        unit: "jobs/s",
        figure: rate(batches.len() * batch, batches.iter().sum()),
        baseline: rate(alone.len(), alone.iter().sum()),
        baseline_is: "one job in each claim".to_owned(),
        times: Times::of(batches),
        more: vec![("stored_before", json!(stored))],
    })
}

/// Few and many.
pub(crate) async fn grow(
    (few, many): (Folder, Folder),
    (small, plan): (usize, &Plan),
) -> anyhow::Result<Report> {
    let low = Set::new(few, small).await?;
    let high = Set::new(many, plan.stored).await?;
    let (mut accept, mut claim) = (Sides::default(), Sides::default());
    for turn in 0..TURNS {
        let prefix = format!("TURN{turn}");
        let part = Plan {
            requests: plan.requests / TURNS,
            ..plan.clone()
        };
        for (at, set) in [&low, &high].into_iter().enumerate() {
            let loaded = set.load(&prefix, &part).await?;
            accept.add(at, (part.requests, loaded.elapsed));
            let times = claims(&set.engine, BATCH).await?;
            claim.add(
                at,
                (times.len() * usize::try_from(BATCH)?, times.iter().sum()),
            );
        }
    }
    let [small_rate, big_rate] = accept.rates();
    let [small_claims, big_claims] = claim.rates();
    Ok(Report {
        bench: "grow",
        unit: "refunds/s",
        figure: big_rate,
        baseline: small_rate,
        baseline_is: format!("acceptance with {small} refunds stored"),
        times: Times::default(),
        more: vec![
            ("stored_before", json!(plan.stored)),
            ("claims_per_s", rounded(big_claims)),
            ("claims_baseline", rounded(small_claims)),
            ("claims_ratio", rounded(big_claims / small_claims.max(1.0))),
        ],
    })
}

/// Counts and times of both sides.
#[derive(Debug, Default)]
struct Sides([(usize, Duration); 2]);

impl Sides {
    fn add(&mut self, at: usize, (count, elapsed): (usize, Duration)) {
        if let Some(side) = self.0.get_mut(at) {
            side.0 += count;
            side.1 += elapsed;
        }
    }

    fn rates(&self) -> [f64; 2] {
        self.0.map(|(count, elapsed)| rate(count, elapsed))
    }
}

/// The times of claims; nothing is run.
async fn claims(engine: &Engine, batch: u32) -> anyhow::Result<Vec<Duration>> {
    let lane = Lane::Submit(MCH_ID.parse()?);
    let mut times = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        let began = Instant::now();
        let works = engine.claim(&lane, batch).await?;
        times.push(began.elapsed());
        ensure!(
            u32::try_from(works.len()) == Ok(batch),
            "the queue is empty"
        );
    }
    Ok(times)
}
