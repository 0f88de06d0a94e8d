//! A batch through the real binary against the real simulator: answers get lost, the service is
//! killed in the middle, the file is sent again. Afterwards every order was refunded once, and the
//! result says what the simulator's books say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Service, Sim, call, runtime};

const MAIN: &str = "1900000109";

/// Waits are short, so that what a kill costs is a matter of seconds.
const ENGINE: [(&str, &str); 4] = [
    ("TUIKUAN_ENGINE__WECHAT_TIMEOUT", "1s"),
    ("TUIKUAN_ENGINE__LEASE", "3s"),
    ("TUIKUAN_ENGINE__FIRST_QUERY", "500ms"),
    ("TUIKUAN_ENGINE__VISIBILITY", "2s"),
];

fn order(n: usize) -> String {
    format!("EVENT2026-{n:05}")
}

/// Paid orders, many at once.
fn pay_all(sim: &Sim, count: usize) {
    let url = format!("{}/orders", sim.control);
    runtime().block_on(async {
        let client = reqwest::Client::new();
        for n in 0..count {
            let body = json!({ "mch_id": MAIN, "out_trade_no": order(n), "total": 5000 });
            let answer = client
                .post(&url)
                .header("content-type", "application/json")
                .body(body.to_string());
            assert!(answer.send().await.unwrap().status().is_success());
        }
    });
}

/// A file that refunds the orders, as a Chinese spreadsheet writes it.
fn file(sim: &Sim, name: &str, count: usize) -> PathBuf {
    let mut text = String::from("\u{feff}商户订单号,金额(元),退款原因\r\n");
    for n in 0..count {
        let _written = write!(text, "{},{}.50,活动取消\r\n", order(n), 10 + n % 7);
    }
    // WeChat does not know this one, and this one is too small.
    text.push_str("UNKNOWN-ORDER-1,1.00,活动取消\r\n");
    let _written = write!(text, "{},50.01,活动取消\r\n", order(count));
    let path = sim.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn submit(service: &Service, file: &Path) -> Value {
    let file = file.to_str().unwrap();
    let args = [
        "batch",
        "submit",
        file,
        "--merchant",
        "main",
        "--yes",
        "--detach",
        "--json",
    ];
    let said = service.command(&args);
    // Lines that were refused meanwhile make it 1.
    assert!(said.code <= 1, "{}", said.err);
    said.json()
}

fn status(service: &Service, id: &str) -> Value {
    service.command(&["batch", "status", id, "--json"]).json()
}

fn lines_in(batch: &Value, outcome: &str) -> u64 {
    batch["counts"][outcome]["lines"].as_u64().unwrap_or(0)
}

/// Waits for the other process: there is no signal across it but its own answers.
fn until(mut done: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed().as_secs() < 120, "it takes too long");
        std::thread::yield_now();
    }
}

#[test]
fn a_batch_survives_lost_answers_a_kill_and_a_second_upload_and_refunds_each_order_once() {
    let sim = Sim::start();
    let count = 300;
    pay_all(&sim, count + 1);
    let faults = json!([{ "match": { "api": "v3_refund" }, "action": "reply_lost_after_accept", "rate": 0.1 }]);
    call(
        Method::PUT,
        &format!("{}/faults", sim.control),
        Some(faults),
    );
    let file = file(&sim, "活动 取消.csv", count);
    let mut service = Service::start(&sim.config(), &ENGINE);
    let batch = submit(&service, &file);
    let id = batch["id"].as_str().unwrap().to_owned();
    assert_eq!(batch["state"], "running");
    assert_eq!(batch["name"], "活动 取消.csv");
    assert_eq!(batch["lines"], 302);
    until(|| lines_in(&status(&service, &id), "succeeded") > 40);
    service.end("KILL");
    drop(service);
    let service = Service::start(&sim.config(), &ENGINE);
    let again = submit(&service, &file);
    assert_eq!(again["id"], id.as_str(), "the same file is the same batch");
    let followed = service.command(&["batch", "status", &id, "--follow", "--json"]);
    let end = followed.json();
    assert_eq!(end["state"], "finished", "{end}");
    assert_eq!(lines_in(&end, "succeeded"), 300);
    assert_eq!(lines_in(&end, "rejected"), 2);
    compare(&service, &sim, &id);
    let third = submit(&service, &file);
    assert_eq!((&third["id"], &third["state"]), (&end["id"], &end["state"]));
}

/// The result, line by line, against the simulator's books.
fn compare(service: &Service, sim: &Sim, id: &str) {
    let said = service.command(&["batch", "result", id, "--format", "jsonl"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let mut books: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    let refunds = sim.refunds(MAIN);
    for refund in refunds.as_array().unwrap() {
        let text = |name: &str| refund[name].as_str().unwrap().to_owned();
        let amount = refund["amount"].as_i64().unwrap();
        let of = books.entry(text("out_trade_no")).or_default();
        of.push((text("out_refund_no"), amount));
    }
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 302);
    let mut refunded = 0;
    for line in &lines {
        let order = line["out_trade_no"].as_str().unwrap();
        let held = books.get(order).cloned().unwrap_or_default();
        if line["status"] == "succeeded" {
            let number = line["out_refund_no"].as_str().unwrap().to_owned();
            let amount = line["amount"].as_i64().unwrap();
            assert_eq!(held, vec![(number, amount)], "{order}");
            refunded += 1;
        } else {
            assert_eq!(held, vec![], "{order}: {line}");
            assert!(line["error"]["code"].is_string(), "{line}");
        }
    }
    assert_eq!(refunded, books.len());
}

#[test]
fn a_single_refund_overtakes_a_running_batch() {
    let sim = Sim::start();
    let count = 1500;
    pay_all(&sim, count + 1);
    let file = file(&sim, "many.csv", count);
    let service = Service::start(&sim.config(), &[]);
    let batch = submit(&service, &file);
    let id = batch["id"].as_str().unwrap().to_owned();
    until(|| lines_in(&status(&service, &id), "succeeded") > 100);
    sim.pay(MAIN, "SINGLE-0001", 700);
    let path = format!("{}/v1/refunds", service.url);
    let single = json!({ "merchant": "main", "out_trade_no": "SINGLE-0001", "amount": 700, "out_refund_no": "SINGLE" });
    let said = service.command(&[
        "payment",
        "put",
        "main",
        "SINGLE-0001",
        "--total",
        "700",
        "--json",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let refund = post(&service, &path, &single);
    let id_of_single = refund["id"].as_str().unwrap();
    let look = || {
        service
            .command(&["refund", "get", id_of_single, "--json"])
            .json()
    };
    until(|| !look()["submitted_at"].is_null());
    let left = lines_in(&status(&service, &id), "pending");
    let found = look();
    let time = |name: &str| -> jiff::Timestamp { found[name].as_str().unwrap().parse().unwrap() };
    let waited = time("submitted_at").duration_since(time("created_at"));
    assert!(left > 0, "the batch was over before the single refund came");
    assert!(waited.as_millis() < 1000, "it waited for {waited}");
    let cancelled = service.command(&["batch", "cancel", &id, "--json"]).json();
    assert_eq!(cancelled["state"], "cancelled");
    assert!(lines_in(&cancelled, "withdrawn") > 0);
    until(|| {
        let now = status(&service, &id);
        ["queued", "submitting", "unknown", "processing"]
            .iter()
            .all(|open| lines_in(&now, open) == 0)
    });
    let sent = lines_in(&status(&service, &id), "succeeded");
    let books = sim.refunds(MAIN).as_array().unwrap().len();
    assert_eq!(u64::try_from(books).unwrap(), sent + 1);
}

fn post(service: &Service, url: &str, body: &Value) -> Value {
    runtime().block_on(async {
        let answer = reqwest::Client::new()
            .post(url)
            .bearer_auth(&service.key)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    })
}

#[test]
fn a_file_with_faults_is_refused_with_every_line_and_exit_code_1() {
    let sim = Sim::start();
    let service = Service::start(&sim.config(), &[]);
    let path = sim.folder.path().join("bad.csv");
    std::fs::write(&path, "out_trade_no,amount_fen\nORDER-1,12.5\n1.2E+18,1\n").unwrap();
    let path = path.to_str().unwrap();
    let said = service.command(&["batch", "check", path, "--merchant", "main"]);
    assert_eq!(said.code, 1);
    for part in ["line 2, amount_fen", "line 3, out_trade_no", "Excel"] {
        assert!(said.err.contains(part), "{part} is missing: {}", said.err);
    }
    std::fs::write(path, "out_trade_no,amount_fen\nORDER-1,12\nORDER-1,12\n").unwrap();
    let said = service.command(&["batch", "check", path, "--merchant", "main"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("order_twice"), "{}", said.out);
    let asked = service.command(&["batch", "submit", path, "--merchant", "main"]);
    assert_eq!(asked.code, 2, "nobody is there to be asked: {}", asked.err);
    let refused = service.command(&["batch", "submit", path, "--merchant", "main", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("batch_has_faults"), "{}", refused.err);
}
