//! The two sets of books side by side: what the service says and what the simulator knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::load::Load;
use super::place::Place;

/// Statuses from which a refund still goes on.
const OPEN: [&str; 6] = [
    "awaiting_approval",
    "queued",
    "submitting",
    "unknown",
    "processing",
    "abnormal",
];
/// Everything has ended so soon after the last kill, or it never will.
const DRAIN: Duration = Duration::from_secs(300);
/// The faults stay on so long after the last kill, longer than a lease.
const LINGER: Duration = Duration::from_secs(35);
/// So many histories are read at the end.
const HISTORIES: usize = 200;

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u32,
    pub(crate) orderly: u32,
    silences: usize,
    acknowledged: usize,
    refused: usize,
    pub(crate) by_status: BTreeMap<String, usize>,
    attention: usize,
    at_wechat: usize,
    applications: i64,
    notifications: (usize, usize),
    /// Applications that arrived too soon after another one of their order: what a node that was
    /// stopped between its commit and its call sends late, and what a fault delays.
    pub(crate) spacing: u64,
    faults: String,
}

impl Tally {
    pub(crate) fn report(&self, rounds: u32, seed: u64, took: Duration) -> String {
        let statuses: Vec<String> = self
            .by_status
            .iter()
            .map(|(status, count)| format!("{count} {status}"))
            .collect();
        format!(
            "kill test: {rounds} rounds, seed {seed}, {:.0} s\n  \
             {} times kill -9, {} orderly stops, {} requests without an answer, asked again\n  \
             {} refunds acknowledged ({}), {} refused at once, {} with attention\n  \
             {} refunds in the simulator's books, {} applications for them, {} too soon after another\n  \
             {} notifications sent, {} of them taken\n  \
             faults met: {}\n  \
             lost 0, doubled 0, over 0, stuck 0, differing 0",
            took.as_secs_f64(),
            self.kills,
            self.orderly,
            self.silences,
            self.acknowledged,
            statuses.join(", "),
            self.refused,
            self.attention,
            self.at_wechat,
            self.applications,
            self.spacing,
            self.notifications.0,
            self.notifications.1,
            self.faults,
        )
    }
}

/// After each death: what was acknowledged is there, and WeChat holds nothing that it must not.
pub(crate) async fn check_round(place: &Place, load: &mut Load) {
    for number in std::mem::take(&mut load.fresh) {
        let (wish, id) = &load.acknowledged[&number];
        let path = format!(
            "/v1/refunds?merchant={}&out_refund_no={number}",
            wish.merchant
        );
        let (status, list) = place.ask(Method::GET, &path, None).await.unwrap();
        let found = &list["data"][0];
        assert_eq!(status, 200);
        assert_eq!(
            found["id"],
            id.as_str(),
            "{number} was lost (INV-14): {list}"
        );
        assert_eq!(found["amount"], wish.amount, "{number} has another amount");
    }
    wechats_books(place, load).await;
}

/// The simulator's books by number, checked on the way.
async fn wechats_books(place: &Place, load: &Load) -> BTreeMap<String, Value> {
    let books = place.control(Method::GET, "/refunds", None).await;
    let mut by_number: BTreeMap<String, Value> = BTreeMap::new();
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for refund in books.as_array().unwrap() {
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        let amount = refund["amount"].as_i64().unwrap();
        let (wish, _) = load
            .acknowledged
            .get(&number)
            .unwrap_or_else(|| panic!("nobody asked for {number} (INV-2): {refund}"));
        assert_eq!(amount, wish.amount, "{number}: another amount at WeChat");
        assert_eq!(refund["out_trade_no"], wish.out_trade_no.as_str());
        assert_eq!(
            refund["differing_repeats"], 0,
            "{number}: sent again with other content (INV-9)"
        );
        if refund["status"] != "CLOSED" {
            let sum = sums
                .entry(wish.out_trade_no.clone())
                .or_insert((0, refund["total"].as_i64().unwrap()));
            sum.0 += amount;
            assert!(
                sum.0 <= sum.1,
                "{}: over its total (INV-1)",
                wish.out_trade_no
            );
        }
        let twice = by_number.insert(number.clone(), refund.clone());
        assert!(
            twice.is_none(),
            "{number} stands twice in WeChat's books (INV-3)"
        );
    }
    by_number
}

/// Lets the service work with the faults still on: what a dead service had claimed comes back when
/// its leases end, and shall meet them too.
pub(crate) async fn linger(place: &Place) {
    let began = Instant::now();
    while began.elapsed() < LINGER && !open(place).await.is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until every refund has ended. The test is the person who settles abnormal ones.
pub(crate) async fn drain(place: &Place) {
    let began = Instant::now();
    loop {
        let open = open(place).await;
        let Some(first) = open.first() else {
            return;
        };
        assert!(
            began.elapsed() < DRAIN,
            "{} refunds are stuck, such as {first}\n{}",
            open.len(),
            place.log()
        );
        for refund in &open {
            push(place, refund).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The first refunds of each status that is no end.
async fn open(place: &Place) -> Vec<Value> {
    let mut open = Vec::new();
    for status in OPEN {
        let path = format!("/v1/refunds?limit=200&status={status}");
        let (_, list) = place.ask(Method::GET, &path, None).await.unwrap();
        open.extend(list["data"].as_array().unwrap().clone());
    }
    open
}

/// Brings one refund forward, as an impatient clerk would.
async fn push(place: &Place, refund: &Value) {
    if refund["status"] == "abnormal" {
        let wechat_id = refund["refund_id"].as_str().unwrap();
        let path = format!("/refunds/{wechat_id}/outcome");
        let known = place
            .control(
                Method::GET,
                &format!(
                    "/refunds?out_refund_no={}",
                    refund["out_refund_no"].as_str().unwrap()
                ),
                None,
            )
            .await;
        if known[0]["status"] == "ABNORMAL" {
            place
                .control(Method::POST, &path, Some(json!({ "status": "SUCCESS" })))
                .await;
        }
    }
    let path = format!("/v1/refunds/{}/query", refund["id"].as_str().unwrap());
    let (status, answer) = place.ask(Method::POST, &path, None).await.unwrap();
    assert!(matches!(status, 200 | 202 | 409 | 429), "{status} {answer}");
}

/// At the end both sets of books say the same about every refund.
pub(crate) async fn compare(place: &Place, load: &Load, tally: &mut Tally) {
    let wechat = wechats_books(place, load).await;
    let ours = our_books(place).await;
    for (number, (wish, id)) in &load.acknowledged {
        let refund = ours
            .get(number)
            .unwrap_or_else(|| panic!("{number} was lost (INV-14)"));
        assert_eq!(refund["id"], id.as_str());
        assert_eq!(refund["amount"], wish.amount);
        let theirs = wechat.get(number).map(|refund| refund["status"].clone());
        let expected = match refund["status"].as_str().unwrap() {
            "succeeded" => Some(json!("SUCCESS")),
            "closed" => Some(json!("CLOSED")),
            "rejected" => None,
            other => panic!("{number} ended as {other}"),
        };
        assert_eq!(theirs, expected, "{number}: the books differ: {refund}");
    }
    for (number, refund) in &ours {
        let said = load.refused.get(number);
        // Who heard nothing asks again, perhaps before the first request is through: it is refused at
        // the door, and the first one, which knew less of the payment, is taken and then rejected.
        let rejected = said.is_some() && refund["status"] == "rejected";
        let known = rejected || load.acknowledged.contains_key(number);
        assert!(known, "nobody was told of {number} ({said:?}): {refund}");
    }
    for number in load.refused.keys() {
        assert!(!wechat.contains_key(number), "{number}: refused, then sent");
    }
    for refund in ours.values().take(HISTORIES) {
        history(place, refund).await;
    }
    let counts = place.control(Method::GET, "/faults/counts", None).await;
    let told = place.control(Method::GET, "/notifications", None).await;
    let told = told.as_array().unwrap();
    let taken = |told: &&Value| told["delivery"]["answered"]["accepted"] == true;
    tally.notifications = (told.len(), told.iter().filter(taken).count());
    tally.silences = load.silences;
    tally.acknowledged = load.acknowledged.len();
    tally.refused = load.refused.len();
    for refund in ours.values() {
        let status = refund["status"].as_str().unwrap().to_owned();
        *tally.by_status.entry(status).or_default() += 1;
        tally.attention += usize::from(!refund["attention"].is_null());
    }
    tally.at_wechat = wechat.len();
    tally.applications = wechat
        .values()
        .filter_map(|r| r["applications"].as_i64())
        .sum();
    tally.faults = counts.to_string();
}

async fn our_books(place: &Place) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/refunds?limit=200{cursor}");
        let (status, list) = place.ask(Method::GET, &path, None).await.unwrap();
        assert_eq!(status, 200, "{list}");
        for refund in list["data"].as_array().unwrap() {
            let number = refund["out_refund_no"].as_str().unwrap().to_owned();
            let twice = all.insert(number.clone(), refund.clone());
            assert!(twice.is_none(), "{number} stands twice in our books");
        }
        match list["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// A history has no gap, and its last status is the refund's.
async fn history(place: &Place, refund: &Value) {
    let path = format!(
        "/v1/refunds/{}/events?limit=200",
        refund["id"].as_str().unwrap()
    );
    let (status, list) = place.ask(Method::GET, &path, None).await.unwrap();
    assert_eq!(status, 200, "{list}");
    let mut last = Value::Null;
    for (index, event) in list["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!(event["seq"], index + 1, "a gap in {list}");
        if !event["status"].is_null() {
            last = event["status"].clone();
        }
    }
    assert_eq!(last, refund["status"], "{list}");
}
