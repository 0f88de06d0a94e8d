//! `bench grow`: what a store full of refunds costs. Acceptance, claims, notifications, single reads
//! and list pages, with few and with many refunds stored, in turns in the same run; and what of the many
//! had to come from the disk, because the system did not hold it in memory.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tuikuan_engine::Engine;
use tuikuan_server::{Server, ServerParts};
use tuikuan_store::{Filling, Lane};

use super::accept::{Plan, Set, Stored};
use super::claim::BATCH;
use super::notify;
use super::place::{Folder, MCH_ID, MERCHANT};
use super::report::{Report, Times, fetched_from_disk, rate, rounded};

/// Claims of a turn.
const CLAIMS: usize = 20;
/// Measured in turns, so that one slow moment of the machine meets both sides.
const TURNS: usize = 3;
/// Single reads of a turn, and as many pages.
const READS: usize = 400;

/// Few and many.
pub(crate) async fn run(
    (few, many): (Folder, Folder),
    (small, plan): (u32, &Plan),
) -> anyhow::Result<Report> {
    let part = Plan {
        requests: (plan.requests / TURNS).max(CLAIMS * usize::try_from(BATCH)?),
        ..plan.clone()
    };
    let mut sides = Vec::with_capacity(2);
    for (folder, refunds) in [(few, small), (many, plan.stored.refunds)] {
        sides.push(Side::new(folder, refunds, &part).await?);
    }
    for turn in 0..TURNS {
        for side in &mut sides {
            side.turn(turn, &part).await?;
        }
    }
    let (low, high) = (
        sides.first().context("no store")?,
        sides.last().context("no store")?,
    );
    let [accept, claim, notified] = [0, 1, 2].map(|what| (high.rate(what), low.rate(what)));
    let mut more = vec![("stored_before", json!(plan.stored.refunds))];
    push(
        &mut more,
        ["claims_per_s", "claims_baseline", "claims_ratio"],
        claim,
    );
    push(
        &mut more,
        ["notify_per_s", "notify_baseline", "notify_ratio"],
        notified,
    );
    let reads = (high.times(&high.reads), low.times(&low.reads));
    push(
        &mut more,
        ["read_p99_ms", "read_baseline_ms", "read_ratio"],
        reads,
    );
    let pages = (high.times(&high.pages), low.times(&low.pages));
    push(
        &mut more,
        ["page_p99_ms", "page_baseline_ms", "page_ratio"],
        pages,
    );
    for (name, fetched) in [
        ("accept_disk_kb", high.fetched.0),
        ("accept_disk_baseline_kb", low.fetched.0),
        ("read_disk_kb", high.fetched.1),
        ("read_disk_baseline_kb", low.fetched.1),
    ] {
        more.push((name, json!(fetched / 1024)));
    }
    more.push(("goals", json!("rates 0.8 or more, times 1.5 or less")));
    Ok(Report {
        bench: "grow",
        unit: "refunds/s",
        figure: accept.0,
        baseline: accept.1,
        baseline_is: format!("acceptance with {small} refunds stored"),
        times: Times::default(),
        more,
    })
}

fn push(
    more: &mut Vec<(&'static str, Value)>,
    [figure, baseline, ratio]: [&'static str; 3],
    (high, low): (f64, f64),
) {
    more.push((figure, rounded(high)));
    more.push((baseline, rounded(low)));
    more.push((ratio, rounded(if low > 0.0 { high / low } else { 0.0 })));
}

/// One of the stores, with what was measured.
struct Side {
    set: Set,
    stored: u32,
    /// Counts and times of acceptance, claims, notifications.
    rates: [(usize, Duration); 3],
    reads: Vec<Duration>,
    pages: Vec<Duration>,
    /// Bytes that came from the disk, for acceptance and for reads and pages.
    fetched: (u64, u64),
}

impl Side {
    async fn new(folder: Folder, stored: u32, part: &Plan) -> anyhow::Result<Self> {
        let all = Stored {
            refunds: stored,
            open: 0,
        };
        let set = Set::new(folder, all, part.nodes).await?;
        let told = ("TOLD", part.requests * TURNS);
        notify::send(&set.engine, &set.nearby, told).await?;
        Ok(Self {
            set,
            stored,
            rates: Default::default(),
            reads: Vec::new(),
            pages: Vec::new(),
            fetched: (0, 0),
        })
    }

    async fn turn(&mut self, turn: usize, part: &Plan) -> anyhow::Result<()> {
        let fetched = fetched_from_disk();
        let loaded = self.set.load(&format!("TURN{turn}"), part).await?;
        self.fetched.0 += fetched_from_disk().saturating_sub(fetched);
        self.add(0, (part.requests, loaded.elapsed));
        let spent = claims(&self.set.engine).await?;
        self.add(1, (CLAIMS * usize::try_from(BATCH)?, spent));
        let written = notify::notifications(&self.set.nearby, part.requests)?;
        ensure!(
            written.len() == part.requests,
            "{} notifications of {}",
            written.len(),
            part.requests
        );
        let load = notify::load(&self.set.served, &written, part.clients);
        let loaded = load.run().await?;
        self.add(2, (written.len(), loaded.elapsed));
        self.read().await
    }

    fn add(&mut self, what: usize, (count, elapsed): (usize, Duration)) {
        if let Some(sum) = self.rates.get_mut(what) {
            sum.0 += count;
            sum.1 += elapsed;
        }
    }

    fn rate(&self, what: usize) -> f64 {
        let found = self.rates.get(what).copied().unwrap_or_default();
        rate(found.0, found.1)
    }

    #[expect(clippy::unused_self, reason = "reads beside `rate`")]
    fn times(&self, times: &[Duration]) -> f64 {
        Times::of(times.to_vec()).at(0.99)
    }

    /// Single reads anywhere, and a walk over pages, by turns.
    async fn read(&mut self) -> anyhow::Result<()> {
        let reader = Reader::new(&self.set);
        let fetched = fetched_from_disk();
        let mut cursor = String::new();
        for look in 0..READS {
            let place = u32::try_from(look)?.wrapping_mul(7_919_317) % self.stored.max(1);
            let path = format!("/v1/refunds/{}", Filling::id(place));
            self.reads.push(reader.look(&path).await?.0);
            let path = format!("/v1/refunds?merchant={MERCHANT}&limit=50{cursor}");
            let (spent, page) = reader.look(&path).await?;
            self.pages.push(spent);
            cursor = match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => format!("&cursor={next}"),
                None => String::new(),
            };
        }
        self.fetched.1 += fetched_from_disk().saturating_sub(fetched);
        Ok(())
    }
}

/// Somebody who reads, beside the server.
struct Reader {
    router: axum::Router,
    key: String,
}

impl Reader {
    fn new(set: &Set) -> Self {
        let server = Server::new(ServerParts {
            engine: set.engine.clone(),
            settings: tuikuan_server::Settings::default(),
        });
        Self {
            router: server.router(),
            key: format!("Bearer {}", set.key()),
        }
    }

    async fn look(&self, path: &str) -> anyhow::Result<(Duration, Value)> {
        let request = http::Request::builder()
            .uri(path)
            .header("authorization", &self.key)
            .body(axum::body::Body::empty())?;
        let began = Instant::now();
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let spent = began.elapsed();
        ensure!(status == 200, "{path} was answered with {status}");
        Ok((spent, serde_json::from_slice(&body)?))
    }
}

/// The time of claims; nothing is run.
async fn claims(engine: &Engine) -> anyhow::Result<Duration> {
    let lane = Lane::Submit(MCH_ID.parse()?);
    let began = Instant::now();
    for _ in 0..CLAIMS {
        let works = engine.claim(&lane, BATCH).await?;
        ensure!(
            u32::try_from(works.len()) == Ok(BATCH),
            "the queue is empty"
        );
    }
    Ok(began.elapsed())
}
