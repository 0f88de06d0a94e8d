//! `bench dispatch`: a full queue of one merchant against a WeChat that answers at once, under the
//! merchant's quota. The rate of sends is held against the rate that the quota permits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use tuikuan_engine::{MachineClock, Settings};
use tuikuan_sim::{Limits, OutcomePolicy, RefundStatus};
use tuikuan_wechat::Api;

use super::place::{self, Folder, Keys, Nearby};
use super::report::{Report, Times, rate, rounded};

/// Nobody looks for a refund by itself while this is measured.
const NEVER: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// The queue must be empty after so many times what the quota permits.
const PATIENCE: u32 = 5;

/// How it is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Refunds in the queue.
    pub(crate) refunds: usize,
    /// The quota, in sends a second; WeChat's own is 150.
    pub(crate) per_second: u32,
}

/// Measures.
pub(crate) async fn run(folder: Folder, plan: Plan) -> anyhow::Result<Report> {
    let keys = Keys::make()?;
    let clock = MachineClock::real();
    let mut world = keys.world()?;
    world.set_limits(Limits {
        applications_per_second: plan.per_second,
        ..Limits::published()
    });
    world.set_outcomes(OutcomePolicy {
        default: RefundStatus::Processing,
        ..OutcomePolicy::prompt()
    });
    let nearby = Arc::new(Nearby::new(world, clock));
    place::orders(&nearby, "SEND", plan.refunds)?;
    let mut settings = Settings::default();
    settings.limits.submits_per_second = usize::try_from(plan.per_second)?;
    settings.schedule.first_query = NEVER;
    let store = place::store(&folder).await?;
    let account = keys.account(Api::V2)?;
    let engine = place::engine(store, account, (Arc::clone(&nearby), settings)).await?;
    place::pay(&engine, "SEND", plan.refunds).await?;
    place::ask(&engine, "SEND", plan.refunds).await?;
    let permitted = f64::from(plan.per_second);
    let expected = Duration::from_secs_f64(f64::from(u32::try_from(plan.refunds)?) / permitted);
    let began = Instant::now();
    let workers = engine.start();
    while taken(&nearby) < plan.refunds {
        if began.elapsed() > expected * PATIENCE + Duration::from_secs(5) {
            bail!(
                "only {} of {} refunds were sent",
                taken(&nearby),
                plan.refunds
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    workers.stop().await;
    // The first second's sends may leave at once, and so may those of every later second: the rate
    // is taken from the end of the first second's to the end of all.
    let first = usize::try_from(plan.per_second)?.min(plan.refunds / 2);
    let beyond = plan.refunds.saturating_sub(first);
    let sending = between(&nearby, first)?;
    let refused = engine_errors(&nearby, plan.refunds);
    Ok(Report {
        bench: "dispatch",
        unit: "sends/s",
        figure: rate(beyond, sending),
        baseline: permitted,
        baseline_is: format!(
            "a quota of {} sends a second, at the engine and at WeChat, in real time",
            plan.per_second
        ),
        times: Times::default(),
        more: vec![
            ("refunds", json!(plan.refunds)),
            ("frequency_limited", json!(refused)),
            ("seconds", rounded(sending.as_secs_f64())),
            (
                "wechat_is",
                json!("in the same process, without TLS; v2, HMAC-SHA256"),
            ),
        ],
    })
}

/// How many refunds WeChat has.
fn taken(nearby: &Nearby) -> usize {
    nearby.world().refunds().len()
}

/// The time from the last of the first `count` refunds that WeChat took to the last of all.
fn between(nearby: &Nearby, count: usize) -> anyhow::Result<Duration> {
    let world = nearby.world();
    let refunds = world.refunds();
    let first = refunds
        .get(count.saturating_sub(1))
        .context("nothing was sent")?;
    let last = refunds.last().context("nothing was sent")?;
    let ms = last.created_at_ms.saturating_sub(first.created_at_ms);
    Ok(Duration::from_millis(u64::try_from(ms)?))
}

/// Answers that were not acceptances: WeChat refuses a good request for its rate alone here.
fn engine_errors(nearby: &Nearby, refunds: usize) -> u64 {
    let requests = nearby.world().requests();
    requests.saturating_sub(u64::try_from(refunds).unwrap_or(u64::MAX))
}
