//! `bench accept`: from an HTTP request to the durable 202. On SQLite it is held against the same rows
//! committed one refund after the other through the same store; on PostgreSQL, with several nodes,
//! against `pgbench -N` in the same cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tuikuan_domain::refund::{Approval, Content, Context, Situation, decide};
use tuikuan_domain::{Command, NewRefund, Source};
use tuikuan_engine::{Engine, MachineClock};
use tuikuan_store::Change;
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::Api;

use super::cluster::{Database, PGBENCH_CLIENTS};
use super::load::{Load, Loaded, post};
use super::notify;
use super::place::{self, Folder, Keys, MERCHANT, Nearby, Served, TOTAL};
use super::report::{Report, Times, each_us, rate, rounded};

/// Requests before anything is measured.
const WARM_UP: usize = 500;
/// Commits of the baseline, half before and half after the load.
const BASELINE_COMMITS: usize = 2_000;
/// `pgbench` runs for so long before the load, and after it again.
const PGBENCH_TIME: Duration = Duration::from_secs(10);
/// Nobody may wait longer, whatever the database does beside.
const STALL: Duration = Duration::from_millis(250);

/// How it is run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Requests that are measured.
    pub(crate) requests: usize,
    /// Clients at once.
    pub(crate) clients: usize,
    /// What is in the store before.
    pub(crate) stored: Stored,
    /// Nodes that serve.
    pub(crate) nodes: usize,
    /// Who chooses the refunds' numbers.
    pub(crate) numbers: Numbers,
}

/// What is in a store before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stored {
    /// Refunds.
    pub(crate) refunds: u32,
    /// So many of them wait in the queue.
    pub(crate) open: u32,
}

/// Who chooses the refunds' numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Numbers {
    /// The caller: a number falls anywhere among the others
    Caller,
    /// We: each follows the one before
    Ours,
}

impl Numbers {
    /// The number of a request, when its caller chooses it.
    fn of(self, prefix: &str, at: usize) -> Option<String> {
        match self {
            Self::Caller => Some(place::refund_number(prefix, at)),
            Self::Ours => None,
        }
    }

    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Ours => "ours",
        }
    }
}

/// A store with engines and servers around it.
pub(crate) struct Set {
    /// The first node's.
    pub(crate) engine: Engine,
    /// WeChat's stand-in.
    pub(crate) nearby: Arc<Nearby>,
    /// Each node.
    pub(crate) served: Vec<Served>,
    _others: Vec<Engine>,
    /// Where the store is; the last to go.
    pub(crate) folder: Folder,
}

impl Set {
    /// Fills and opens everything.
    pub(crate) async fn new(folder: Folder, stored: Stored, nodes: usize) -> anyhow::Result<Self> {
        place::fill_bare(&folder, stored.refunds, stored.open).await?;
        let keys = Keys::make()?;
        let nearby = Arc::new(Nearby::new(notify::world(&keys)?, MachineClock::real()));
        let mut engines = Vec::with_capacity(nodes);
        for _ in 0..nodes.max(1) {
            let parts = (Arc::clone(&nearby), notify::settings()?);
            let store = place::store(&folder).await?;
            engines.push(place::engine(store, keys.account(Api::V3)?, parts).await?);
        }
        let engine = engines.first().context("no node")?.clone();
        let mut served = vec![place::serve(&engine).await?];
        let key = served.first().context("no node")?.key.clone();
        for other in engines.iter().skip(1) {
            served.push(place::serve_with(other, key.clone()).await?);
        }
        Ok(Self {
            engine,
            nearby,
            served,
            _others: engines,
            folder,
        })
    }

    /// The API key.
    pub(crate) fn key(&self) -> &str {
        self.served.first().map_or("", |served| served.key.as_str())
    }

    /// Requests for refunds of registered payments.
    pub(crate) async fn load(&self, prefix: &str, plan: &Plan) -> anyhow::Result<Loaded> {
        place::pay(&self.engine, prefix, plan.requests).await?;
        let usual = [
            ("authorization".to_owned(), format!("Bearer {}", self.key())),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let requests = (0..plan.requests).map(|at| {
            let number = place::order_number(prefix, at);
            let mut body = json!({
                "merchant": MERCHANT,
                "out_trade_no": number,
                "amount": TOTAL,
                "reason": "商品退货",
            });
            let mut headers = usual.to_vec();
            match plan.numbers.of(prefix, at) {
                Some(chosen) => body["out_refund_no"] = json!(chosen),
                None => headers.push(("idempotency-key".to_owned(), number)),
            }
            post("/v1/refunds", &headers, body.to_string().as_bytes())
        });
        let load = Load {
            addresses: self.served.iter().map(|served| served.address).collect(),
            requests: Arc::new(requests.collect()),
            good: &[202],
            clients: plan.clients,
        };
        load.run().await
    }
}

/// Measures.
pub(crate) async fn run(folder: Folder, plan: &Plan) -> anyhow::Result<Report> {
    let set = Set::new(folder, plan.stored, plan.nodes).await?;
    let warm_up = Plan {
        requests: WARM_UP,
        ..plan.clone()
    };
    set.load("WARM", &warm_up).await?;
    let mut more = vec![
        ("requests", json!(plan.requests)),
        ("clients", json!(plan.clients)),
        ("numbers", json!(plan.numbers.word())),
        ("stored_before", json!(plan.stored.refunds)),
    ];
    let (loaded, held) = match set.folder.postgres() {
        None => beside_commits(&set, plan, &mut more).await?,
        Some(database) => beside_pgbench((&set, database), plan, &mut more).await?,
    };
    let each = each_us(loaded.spent, plan.requests);
    more.push(("processor_us_each", rounded(each)));
    let times = Times::of(loaded.times);
    more.push(("longest_ms", rounded(times.at(1.0))));
    more.push(("over_250_ms", json!(times.longer_than(STALL))));
    Ok(Report {
        bench: "accept",
        unit: "refunds/s",
        figure: rate(plan.requests, loaded.elapsed),
        baseline: held.0,
        baseline_is: held.1,
        times,
        more,
    })
}

/// Further figures.
type More = Vec<(&'static str, Value)>;

/// The load, and its baseline in words.
type Held = (Loaded, (f64, String));

async fn beside_commits(set: &Set, plan: &Plan, more: &mut More) -> anyhow::Result<Held> {
    let mut commits = one_by_one(&set.engine, "BASEA", plan.numbers).await?;
    let loaded = set.load("LOAD", plan).await?;
    commits.extend(one_by_one(&set.engine, "BASEB", plan.numbers).await?);
    let spent: Duration = commits.iter().sum();
    let baseline = rate(commits.len(), spent);
    let commit = Times::of(commits);
    let over = Times::of(loaded.times.clone()).at(0.99) / commit.at(0.5).max(0.001);
    more.push(("commit_p50_ms", rounded(commit.at(0.5))));
    more.push(("commit_p99_ms", rounded(commit.at(0.99))));
    more.push(("p99_over_commit_p50", rounded(over)));
    let words = "the same rows through the store, one refund in each commit, one after the other";
    Ok((loaded, (baseline, words.to_owned())))
}

async fn beside_pgbench(
    (set, database): (&Set, &Database),
    plan: &Plan,
    more: &mut More,
) -> anyhow::Result<Held> {
    let tables = database.beside()?;
    tables.prepare_pgbench()?;
    let before = tables.pgbench(PGBENCH_TIME)?;
    let loaded = set.load("LOAD", plan).await?;
    let after = tables.pgbench(PGBENCH_TIME)?;
    more.push(("nodes", json!(set.served.len())));
    for (name, setting) in [
        ("fsync", "fsync"),
        ("synchronous_commit", "synchronous_commit"),
        ("server_version", "server_version"),
    ] {
        more.push((name, json!(database.setting(setting)?)));
    }
    more.push(("pgbench_before", rounded(before)));
    more.push(("pgbench_after", rounded(after)));
    let words = format!("transactions of pgbench -N -c {PGBENCH_CLIENTS} in the same cluster");
    Ok((loaded, (f64::midpoint(before, after), words)))
}

/// The times of single commits.
async fn one_by_one(
    engine: &Engine,
    prefix: &str,
    numbers: Numbers,
) -> anyhow::Result<Vec<Duration>> {
    let count = BASELINE_COMMITS / 2;
    let changes = changes(engine, (prefix, count), numbers).await?;
    let mut times = Vec::with_capacity(count);
    for change in changes {
        let began = Instant::now();
        engine.store().commit(change).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// What the engine would commit for so many requests.
pub(crate) async fn changes(
    engine: &Engine,
    (prefix, count): (&str, usize),
    numbers: Numbers,
) -> anyhow::Result<Vec<Change>> {
    place::pay(engine, prefix, count).await?;
    let mut changes = Vec::with_capacity(count);
    for at in 0..count {
        changes.push(change(engine, (prefix, at), numbers).await?);
    }
    Ok(changes)
}

/// What the engine would commit for a request.
async fn change(
    engine: &Engine,
    (prefix, at): (&str, usize),
    numbers: Numbers,
) -> anyhow::Result<Change> {
    let asked = place::request(prefix, at)?;
    let merchant = engine.merchant(&asked.merchant).context("no merchant")?;
    let unique = uuid::Uuid::now_v7().simple();
    let number: OutRefundNo = match numbers.of(prefix, at) {
        Some(chosen) => chosen.parse()?,
        None => format!("R{unique}").parse()?,
    };
    let found = engine
        .store()
        .situation(&merchant.mch_id, None, &number, &asked.order)
        .await?;
    let id = format!("rf_{unique}").parse()?;
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
