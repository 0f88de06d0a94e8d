//! `bench pages`: what a page of the console costs at the server, without a network, with many
//! refunds stored, beside an indexed read of a single row in the same run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use http::Request;
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::{By, Engine, MachineClock, NewUser, Settings};
use tuikuan_server::{Server, ServerParts};
use tuikuan_store::{Scope, SecondFactor, Session};
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::Api;

use super::place::{self, Folder, Keys, MCH_ID, Nearby};
use super::report::{Report, Times, rounded};

/// Refunds of one order.
const OF_AN_ORDER: usize = 40;
/// One refund in so many is withdrawn, so that not all of them stand alike.
const WITHDRAWN_ONE_IN: usize = 10;
/// Looks at each page; the first ones are not counted.
const LOOKS: usize = 400;
const WARM_UP: usize = 20;
/// The session of the bench lasts so long.
const SESSION: SignedDuration = SignedDuration::from_hours(4);

/// A page: its name in the report, and its path for a refund's place.
type Page = (&'static str, fn(usize) -> String);

/// The pages.
const PAGES: [Page; 5] = [
    ("overview", |_| "/console".to_owned()),
    ("list", |_| "/console/refunds".to_owned()),
    ("search", |at| format!("/console/refunds?q={}", number(at))),
    ("attention", |_| "/console/attention".to_owned()),
    ("notifications", |_| "/console/notifications".to_owned()),
];

/// Measures.
pub(crate) async fn run(folder: Folder, refunds: usize) -> anyhow::Result<Report> {
    let keys = Keys::make()?;
    let clock = MachineClock::real();
    let nearby = std::sync::Arc::new(Nearby::new(keys.world()?, clock));
    let store = place::store(&folder).await?;
    let account = keys.account(Api::V3)?;
    let engine = place::engine(store, account, (nearby, Settings::default())).await?;
    place::fill(&engine, refunds, OF_AN_ORDER).await?;
    withdraw(&engine, refunds).await?;
    let visitor = Visitor::come(&engine).await?;
    let mut more: Vec<(&'static str, Value)> = vec![("stored", json!(refunds))];
    let (mut all, mut worst) = (Vec::new(), 0.0_f64);
    for (name, path) in PAGES {
        let mut times = Vec::with_capacity(LOOKS);
        for look in 0..LOOKS + WARM_UP {
            let took = visitor.look(&path(scattered(look, refunds))).await?;
            if look >= WARM_UP {
                times.push(took);
            }
        }
        all.extend_from_slice(&times);
        let times = Times::of(times);
        worst = worst.max(times.at(0.99));
        more.push((
            name,
            json!({ "p50_ms": rounded(times.at(0.5)), "p99_ms": rounded(times.at(0.99)) }),
        ));
    }
    let rows = rows(&engine, refunds).await?;
    more.push(("row_p50_ms", rounded(rows.at(0.5))));
    Ok(Report {
        bench: "pages",
        unit: "ms",
        figure: worst,
        baseline: rows.at(0.99),
        baseline_is: "an indexed read of a single row; both at the 99th of 100, the slowest page"
            .to_owned(),
        times: Times::of(all),
        more,
    })
}

/// The number of the refund at a place, as the fill gives it.
fn number(place: usize) -> String {
    format!("F{place:012}")
}

/// Places far from each other, the same in each run.
fn scattered(look: usize, refunds: usize) -> usize {
    look.wrapping_mul(7_919_317) % refunds.max(1)
}

async fn withdraw(engine: &Engine, refunds: usize) -> anyhow::Result<()> {
    let count = refunds / WITHDRAWN_ONE_IN;
    place::all(count, |at| {
        let engine = engine.clone();
        async move {
            let number: OutRefundNo = number(at * WITHDRAWN_ONE_IN).parse()?;
            let found = engine
                .store()
                .refund_by_number(&MCH_ID.parse()?, &number)
                .await?;
            let refund = found.context("a refund is missing")?;
            engine
                .command(&refund.id, Command::Cancel, &By::cli())
                .await?;
            Ok(())
        }
    })
    .await
}

/// The baseline.
async fn rows(engine: &Engine, refunds: usize) -> anyhow::Result<Times> {
    let mut times = Vec::with_capacity(LOOKS);
    for look in 0..LOOKS + WARM_UP {
        let number: OutRefundNo = number(scattered(look, refunds)).parse()?;
        let began = Instant::now();
        let found = engine
            .store()
            .refund_by_number(&MCH_ID.parse()?, &number)
            .await?;
        let took = began.elapsed();
        ensure!(found.is_some(), "a refund is missing");
        if look >= WARM_UP {
            times.push(took);
        }
    }
    Ok(Times::of(times))
}

/// Somebody signed in, beside the server.
struct Visitor {
    router: axum::Router,
    cookie: String,
}

impl Visitor {
    async fn come(engine: &Engine) -> anyhow::Result<Self> {
        let people = engine.people();
        let new = NewUser {
            name: "bench".to_owned(),
            role: Role::Admin,
            scope: Scope::All,
            language: None,
            password: None,
        };
        let user = people.create_user(&Actor::Cli, new).await?;
        let token = format!("{:_>43}", user.id.as_str());
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let now = engine.now();
        people
            .open_session(Session {
                hash: hash.as_ref().try_into()?,
                user: user.id,
                created_at: now,
                seen_at: now,
                expires_at: tuikuan_domain::after(now, SESSION),
                second_factor: SecondFactor::Passed,
                csrf: "bench".to_owned(),
                address: "127.0.0.1".to_owned(),
                agent: "bench".to_owned(),
            })
            .await?;
        let server = Server::new(ServerParts {
            engine: engine.clone(),
            settings: tuikuan_server::Settings::default(),
        });
        Ok(Self {
            router: server.router(),
            cookie: format!("tuikuan={token}"),
        })
    }

    /// Looks at a page to its last byte.
    async fn look(&self, path: &str) -> anyhow::Result<Duration> {
        let request = Request::builder().uri(path).header("cookie", &self.cookie);
        let request = request.body(axum::body::Body::empty())?;
        let began = Instant::now();
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let took = began.elapsed();
        ensure!(status == 200, "{path} was answered with {status}");
        ensure!(!body.is_empty(), "{path} is empty");
        Ok(took)
    }
}
