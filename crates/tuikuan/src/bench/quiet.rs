//! `bench quiet`: one merchant has a long backlog of due refunds, worked off as fast as the quota
//! permits; another one asks for a refund now and then. How long each of those waits until it is sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tuikuan_domain::{RefundId, Source};
use tuikuan_engine::{By, Engine, MachineClock, PaymentRegistration, RefundRequest, Settings};
use tuikuan_sim::PaidOrder;
use tuikuan_terms::Fen;
use tuikuan_wechat::Api;

use super::notify::count;
use super::place::{self, Folder, Keys, Nearby, TOTAL};
use super::report::{Report, Times, rounded};

/// The quiet merchant, and its number.
const QUIET: &str = "quiet";
const QUIET_MCH_ID: &str = "1900000209";
/// Its refunds.
const REFUNDS: usize = 30;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// None waits longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The goal.
const GOAL_MS: f64 = 1_000.0;
/// Orders of the backlog that WeChat knows: more than it can be sent meanwhile.
const KNOWN_ORDERS: usize = 2_000;

/// Measures.
pub(crate) async fn run(folder: Folder, backlog: u32) -> anyhow::Result<Report> {
    place::fill_bare(&folder, backlog, backlog).await?;
    let (keys, quiet) = (Keys::make()?, Keys::make_for(QUIET_MCH_ID)?);
    let mut world = keys.world()?;
    quiet.join(&mut world)?;
    let nearby = Arc::new(Nearby::new(world, MachineClock::real()));
    place::orders(&nearby, "FILL", KNOWN_ORDERS)?;
    let merchants = vec![
        place::merchant(place::MERCHANT, keys.account(Api::V3)?)?,
        place::merchant(QUIET, quiet.account(Api::V3)?)?,
    ];
    let parts = (Arc::clone(&nearby), Settings::default());
    let engine = place::engine_of(place::store(&folder).await?, merchants, parts).await?;
    let workers = engine.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut waits = Vec::with_capacity(REFUNDS);
    for at in 0..REFUNDS {
        let id = ask(&engine, &nearby, at).await?;
        waits.push(sent(&engine, &id).await?);
        tokio::time::sleep(PAUSE).await;
    }
    let left = count(&engine, tuikuan_domain::Status::Queued).await?;
    workers.stop().await;
    let times = Times::of(waits);
    Ok(Report {
        bench: "quiet",
        unit: "ms",
        figure: times.at(1.0),
        baseline: GOAL_MS,
        baseline_is: "the goal for the longest wait; the lower the ratio, the better".to_owned(),
        more: vec![
            ("backlog", json!(backlog)),
            ("backlog_left", json!(left)),
            ("refunds", json!(REFUNDS)),
            ("longest_ms", rounded(times.at(1.0))),
        ],
        times,
    })
}

/// A refund of the quiet merchant.
async fn ask(engine: &Engine, nearby: &Nearby, at: usize) -> anyhow::Result<RefundId> {
    let number = place::order_number("QUIET", at);
    nearby
        .world()
        .place_paid_order(&PaidOrder::new(QUIET_MCH_ID, &number, TOTAL))?;
    let payment = PaymentRegistration {
        merchant: QUIET.parse()?,
        out_trade_no: number.parse()?,
        transaction_id: None,
        total: Fen::new(TOTAL)?,
        paid_at: Some(engine.now()),
    };
    engine.register_payment(payment).await?;
    let asked = RefundRequest {
        merchant: QUIET.parse()?,
        ..place::request("QUIET", at)?
    };
    engine
        .request(asked, &By::cli().through(Source::Api))
        .await?;
    let number = place::refund_number("QUIET", at).parse()?;
    let store = engine.store();
    let found = store
        .refund_by_number(&QUIET_MCH_ID.parse()?, &number)
        .await?;
    Ok(found.context("the refund is missing")?.id)
}

/// How long a refund waited, by its own record: the attempt is committed just before it leaves.
async fn sent(engine: &Engine, id: &RefundId) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        let found = engine.store().refund(id).await?;
        let refund = found.context("the refund is missing")?;
        if let Some(at) = refund.submitted_at {
            return Ok(Duration::try_from(at.duration_since(refund.created_at))?);
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the quiet merchant waits too long"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
