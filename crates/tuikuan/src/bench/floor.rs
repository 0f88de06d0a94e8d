//! `bench floor`: what acceptance is made of, each part alone in the same run: the server answering
//! without the store, and the store committing the same changes without HTTP. Whatever is done in
//! between, a request costs at least the sum of both.

use std::sync::Arc;

use serde_json::json;

use super::accept::{self, Plan, Set};
use super::commits;
use super::load::{Load, Loaded, get, post};
use super::place::{Folder, MERCHANT};
use super::report::{Report, Times, each_us, rate, rounded};

/// Measures.
pub(crate) async fn run(folder: Folder, plan: &Plan) -> anyhow::Result<Report> {
    let set = Set::new(folder, plan.stored, plan.nodes).await?;
    let changes = accept::changes(&set.engine, ("ALONE", plan.requests), plan.numbers).await?;
    let alive = ask(&set, plan, get("/healthz")).await?;
    let refused = ask(&set, plan, refused(&set)).await?;
    let committed = commits::commit(&set.engine, changes, plan.clients).await?;
    let count = plan.requests;
    let each = |loaded: &Loaded| rounded(each_us(loaded.spent, count));
    Ok(Report {
        bench: "floor",
        unit: "answers/s",
        figure: rate(count, refused.elapsed),
        baseline: rate(count, committed.elapsed),
        baseline_is: "group commits of refunds without HTTP".to_owned(),
        more: vec![
            ("requests", json!(count)),
            ("clients", json!(plan.clients)),
            ("numbers", json!(plan.numbers.word())),
            ("stored_before", json!(plan.stored.refunds)),
            ("alive_per_s", rounded(rate(count, alive.elapsed))),
            ("alive_us_each", each(&alive)),
            ("refused_us_each", each(&refused)),
            ("commit_us_each", each(&committed)),
        ],
        times: Times::of(refused.times),
    })
}

/// A request that is read whole, with its key, and refused for one field.
fn refused(set: &Set) -> Vec<u8> {
    let headers = [
        ("authorization".to_owned(), format!("Bearer {}", set.key())),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let body = json!({
        "merchant": MERCHANT,
        "out_trade_no": "FLOOR0000000000",
        "out_refund_no": "R-FLOOR0000000000",
        "amount": 0,
        "reason": "商品退货",
    });
    post("/v1/refunds", &headers, body.to_string().as_bytes())
}

async fn ask(set: &Set, plan: &Plan, request: Vec<u8>) -> anyhow::Result<Loaded> {
    let load = Load {
        addresses: set.served.iter().map(|served| served.address).collect(),
        requests: Arc::new(vec![request; plan.requests]),
        good: &[200, 422],
        clients: plan.clients,
    };
    load.run().await
}
