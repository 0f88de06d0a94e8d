//! `bench accept`: from an HTTP request to the durable 202, against the same rows committed one
//! refund after the other through the same store on the same file system.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;
use tuikuan_domain::refund::{Approval, Content, Context, Situation, decide};
use tuikuan_domain::{Command, NewRefund, Source};
use tuikuan_engine::{Engine, MachineClock, Settings};
use tuikuan_store::Change;
use tuikuan_wechat::Api;

use super::load::{Load, Loaded, post};
use super::place::{self, Folder, Keys, MERCHANT, Nearby, Served, TOTAL};
use super::report::{Report, Times, rate, rounded};

/// Requests before anything is measured.
const WARM_UP: usize = 500;
/// Commits of the baseline, half before and half after the load.
const BASELINE_COMMITS: usize = 2_000;
/// Refunds of one order in a filled store; WeChat allows 50.
const REFUNDS_OF_AN_ORDER: usize = 40;

/// How it is run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Requests that are measured.
    pub(crate) requests: usize,
    /// Clients at once.
    pub(crate) clients: usize,
    /// Refunds in the store before.
    pub(crate) stored: usize,
}

/// A store with an engine and a server around it.
pub(crate) struct Set {
    pub(crate) engine: Engine,
    pub(crate) served: Served,
    _folder: Folder,
}

impl Set {
    /// Opens and fills everything.
    pub(crate) async fn new(folder: Folder, stored: usize) -> anyhow::Result<Self> {
        let keys = Keys::make()?;
        let clock = MachineClock::real();
        let nearby = Arc::new(Nearby::new(keys.world()?, clock));
        let store = place::store(&folder).await?;
        let parts = (nearby, Settings::default());
        let engine = place::engine(store, keys.account(Api::V3)?, parts).await?;
        let served = place::serve(&engine).await?;
        if stored > 0 {
            place::fill(&engine, stored, REFUNDS_OF_AN_ORDER).await?;
        }
        Ok(Self {
            engine,
            served,
            _folder: folder,
        })
    }

    /// Requests for refunds of registered payments.
    pub(crate) async fn load(&self, prefix: &str, plan: &Plan) -> anyhow::Result<Loaded> {
        place::pay(&self.engine, prefix, plan.requests).await?;
        let headers = [
            (
                "authorization".to_owned(),
                format!("Bearer {}", self.served.key),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let requests = (0..plan.requests).map(|at| {
            let number = place::order_number(prefix, at);
            let body = json!({
                "merchant": MERCHANT,
                "out_trade_no": number,
                "amount": TOTAL,
                "out_refund_no": format!("R{number}"),
                "reason": "商品退货",
            });
            post("/v1/refunds", &headers, body.to_string().as_bytes())
        });
        let load = Load {
            address: self.served.address,
            requests: Arc::new(requests.collect()),
            good: &[202],
            clients: plan.clients,
        };
        load.run().await
    }
}

/// Measures.
pub(crate) async fn run(folder: Folder, plan: &Plan) -> anyhow::Result<Report> {
    let set = Set::new(folder, plan.stored).await?;
    let warm_up = Plan {
        requests: WARM_UP,
        ..plan.clone()
    };
    set.load("WARM", &warm_up).await?;
    let mut commits = one_by_one(&set.engine, "BASEA").await?;
    let loaded = set.load("LOAD", plan).await?;
    commits.extend(one_by_one(&set.engine, "BASEB").await?);
    let spent: Duration = commits.iter().sum();
    let baseline = rate(commits.len(), spent);
    let commit = Times::of(commits);
    let times = Times::of(loaded.times);
    let over = times.at(0.99) / commit.at(0.5).max(0.001);
    Ok(Report {
        bench: "accept",
        unit: "refunds/s",
        figure: rate(plan.requests, loaded.elapsed),
        baseline,
        baseline_is:
            "the same rows through the store, one refund in each commit, one after the other"
                .to_owned(),
        times,
        more: vec![
            ("requests", json!(plan.requests)),
            ("clients", json!(plan.clients)),
            ("stored_before", json!(plan.stored)),
            ("commit_p50_ms", rounded(commit.at(0.5))),
            ("commit_p99_ms", rounded(commit.at(0.99))),
            ("p99_over_commit_p50", rounded(over)),
        ],
    })
}

/// The times of single commits.
async fn one_by_one(engine: &Engine, prefix: &str) -> anyhow::Result<Vec<Duration>> {
    let count = BASELINE_COMMITS / 2;
    place::pay(engine, prefix, count).await?;
    let mut changes = Vec::with_capacity(count);
    for at in 0..count {
        changes.push(change(engine, prefix, at).await?);
    }
    let mut times = Vec::with_capacity(count);
    for change in changes {
        let began = Instant::now();
        engine.store().commit(change).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// What the engine would commit for a request.
async fn change(engine: &Engine, prefix: &str, at: usize) -> anyhow::Result<Change> {
    let asked = place::request(prefix, at)?;
    let merchant = engine.merchant(&asked.merchant).context("no merchant")?;
    let Some(number) = asked.out_refund_no else {
        bail!("the request has no number");
    };
    let found = engine
        .store()
        .situation(&merchant.mch_id, None, &number, &asked.order)
        .await?;
    let id = format!("rf_{}", uuid::Uuid::now_v7().simple()).parse()?;
    let new = NewRefund {
        id,
        merchant: asked.merchant,
        mch_id: merchant.mch_id.clone(),
        sub_mch_id: None,
        out_refund_no: number,
        content: Content {
            order: asked.order,
            amount: asked.amount,
            reason: Some("商品退货".parse()?),
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: None,
            replaces: None,
            metadata: None,
        },
        requested_by: tuikuan_domain::Actor::Cli,
    };
    let now = engine.now();
    let context = Context {
        now,
        source: Source::Api,
        actor: &tuikuan_domain::Actor::Engine,
        schedule: &engine.settings().schedule,
        total_max: engine.settings().total_max,
        approval: Approval::NotNeeded,
    };
    let situation = Situation {
        refund: found.refund.as_ref(),
        payment: found.payment.as_ref(),
        replaced: None,
    };
    let subject = new.id.clone();
    let transition = decide(situation, Command::Request(Box::new(new)), &context)?;
    Ok(Change::of(transition, subject, now))
}
