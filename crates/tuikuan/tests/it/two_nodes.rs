//! What callers see when two nodes share one PostgreSQL: whichever node took the request, the other
//! one answers the same, and hears and tells of it.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::port;
use crate::stage::{Said, Service, Sim, call, runtime};

const MAIN: &str = "1900000109";
const URL: &str = "TUIKUAN_TEST_POSTGRES_URL";

/// Two nodes on a database of this test. WeChat's messages go to the second one.
struct Two {
    sim: Sim,
    first: Service,
    second: Service,
    /// After those who use it.
    _database: Database,
}

/// A database of a test, gone with it.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn make(server: &str, name: &str) -> Self {
        let database = Self {
            server: format!("{}/", server.trim_end_matches('/')),
            name: format!("tuikuan_two_{name}_{}", std::process::id()),
        };
        database.order(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// One statement, from another database.
    fn order(&self, sql: &str) {
        let psql = Command::new("psql")
            .args([&format!("{}postgres", self.server), "-qXc", sql])
            .status();
        assert!(psql.unwrap().success(), "{sql}");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.order(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

impl Two {
    /// Absent, the test says so, and fails where it must not be.
    fn start(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var(URL) else {
            let required = std::env::var("TUIKUAN_TEST_POSTGRES").is_ok_and(|it| it == "required");
            assert!(!required, "no PostgreSQL to test on: set {URL}");
            // Not captured, as a test's own output is.
            let mut aloud = std::io::stderr().lock();
            writeln!(aloud, "skipped: no PostgreSQL ({URL})").unwrap();
            return None;
        };
        let database = Database::make(&server, name);
        let sim = Sim::start();
        let text = sim.config_text();
        let there = text
            .lines()
            .find(|line| line.starts_with("url = \"sqlite:"));
        let url = format!("url = \"{}{}\"", database.server, database.name);
        std::fs::write(sim.config(), text.replace(there.unwrap(), &url)).unwrap();
        let listen = format!("127.0.0.1:{}", port::free());
        let public = format!("http://{listen}");
        let told = ("TUIKUAN_SERVER__PUBLIC_URL", public.as_str());
        let address = ("TUIKUAN_SERVER__LISTEN", listen.as_str());
        let second = Service::start(&sim.config(), &[address, told]);
        let first = Service::start(&sim.config(), &[told]);
        Some(Self {
            sim,
            first,
            second,
            _database: database,
        })
    }
}

fn create(node: &Service, order: &str, (number, amount): (&str, &str)) -> Said {
    node.command(&[
        "refund",
        "create",
        "--merchant",
        "main",
        "--out-trade-no",
        order,
        "--amount",
        amount,
        "--out-refund-no",
        number,
        "--json",
    ])
}

fn id(said: &Said) -> String {
    assert_eq!(said.code, 0, "{}", said.err);
    said.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_other_node_knows_the_refund_its_duplicate_and_its_conflict() {
    let Some(two) = Two::start("same") else {
        return;
    };
    two.sim.pay(MAIN, "T2026000101", 5000);
    let made = id(&create(&two.first, "T2026000101", ("N1", "1200")));
    let again = create(&two.second, "T2026000101", ("N1", "1200"));
    assert_eq!(id(&again), made, "the same request is the same refund");
    let other = create(&two.second, "T2026000101", ("N1", "1201"));
    assert_eq!(other.code, 1);
    assert!(other.err.contains("amount"), "{}", other.err);
    two.second.wait_for(&made, "succeeded");
    for node in [&two.first, &two.second] {
        let seen = node.command(&["refund", "get", &made, "--json"]).json();
        assert_eq!(
            (&seen["status"], &seen["amount"]),
            (&"succeeded".into(), &1200.into())
        );
        let events = node.command(&["refund", "events", &made, "--json"]).json();
        let last = events["data"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["status"], "succeeded", "{events}");
        let asked = node.command(&["refund", "query", &made, "--json"]);
        assert!(asked.code <= 1, "{}", asked.err);
    }
    let books = two.sim.refunds(MAIN);
    assert_eq!(books.as_array().unwrap().len(), 1, "{books}");
}

#[test]
fn a_notification_to_the_second_node_ends_a_refund_of_the_first() {
    let Some(two) = Two::start("told") else {
        return;
    };
    two.sim.pay(MAIN, "T2026000102", 900);
    let made = id(&create(&two.first, "T2026000102", ("N2", "900")));
    two.first.wait_for(&made, "succeeded");
    let url = format!("{}/notifications", two.sim.control);
    let taken = || {
        let told = call(reqwest::Method::GET, &url, None);
        let all = told.as_array().unwrap().clone();
        all.iter()
            .any(|told| told["delivery"]["answered"]["accepted"] == true)
    };
    let began = std::time::Instant::now();
    while !taken() {
        assert!(
            began.elapsed().as_secs() < 60,
            "nobody took the notification"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_stream_that_broke_off_goes_on_at_the_other_node() {
    let Some(two) = Two::start("stream") else {
        return;
    };
    two.sim.pay(MAIN, "T2026000103", 900);
    let first = id(&create(&two.first, "T2026000103", ("N3", "300")));
    let (seen, last) = stream_until(&two.first, "0", |event| {
        event["status"] == "succeeded" && event.to_string().contains(&first)
    });
    assert!(seen.len() > 1, "{seen:?}");
    let second = id(&create(&two.first, "T2026000103", ("N4", "400")));
    let (rest, _) = stream_until(&two.second, &last, |event| {
        event.to_string().contains(&second)
    });
    let repeated = rest.iter().filter(|event| seen.contains(event));
    assert_eq!(
        repeated.count(),
        0,
        "what was heard is not told again: {rest:?}"
    );
}

/// Hears events from a position on, until one is as wanted; also the position of the last.
fn stream_until(
    node: &Service,
    from: &str,
    wanted: impl Fn(&Value) -> bool,
) -> (Vec<Value>, String) {
    let request = reqwest::Client::new()
        .get(format!("{}/v1/stream", node.url))
        .bearer_auth(&node.key)
        .header("last-event-id", from);
    let hearing = async {
        let mut answer = request.send().await.unwrap();
        let (mut text, mut events, mut last) = (String::new(), Vec::new(), from.to_owned());
        while let Some(chunk) = answer.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((message, rest)) = text.split_once("\n\n") {
                let part = |name: &str| message.lines().find_map(|l| l.strip_prefix(name));
                if let Some(id) = part("id:") {
                    id.trim().clone_into(&mut last);
                }
                if let Some(Ok(event)) = part("data:").map(|data| serde_json::from_str(data.trim()))
                {
                    events.push(event);
                }
                text = rest.to_owned();
                if events.last().is_some_and(&wanted) {
                    return (events, last);
                }
            }
        }
        panic!("the stream ended: {events:?}");
    };
    runtime().block_on(async {
        let limit = std::time::Duration::from_secs(60);
        tokio::time::timeout(limit, hearing).await.unwrap()
    })
}
