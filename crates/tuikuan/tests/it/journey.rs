//! The whole way: simulator, service, commands.

use serde_json::Value;

use crate::stage::{Service, Sim, say, tuikuan};

const MAIN: &str = "1900000109";
const CLASSIC: &str = "1900000110";

fn create(service: &Service, merchant: &str, order: &str, (number, amount): (&str, &str)) -> Value {
    let said = service.command(&[
        "refund",
        "create",
        "--merchant",
        merchant,
        "--out-trade-no",
        order,
        "--amount",
        amount,
        "--out-refund-no",
        number,
        "--json",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.json()
}

fn id(refund: &Value) -> String {
    refund["id"].as_str().unwrap().to_owned()
}

#[test]
fn refunds_of_both_generations_succeed() {
    let sim = Sim::start();
    sim.pay(MAIN, "T2026000001", 5000);
    sim.pay(CLASSIC, "T2026000002", 5000);
    let service = Service::start(&sim.config(), &[]);
    let first = create(&service, "main", "T2026000001", ("R1", "1234"));
    let second = create(&service, "classic", "T2026000002", ("R2", "5000"));
    for (refund, mch_id) in [(&first, MAIN), (&second, CLASSIC)] {
        service.wait_for(&id(refund), "succeeded");
        let books = sim.refunds(mch_id).to_string();
        assert!(
            books.contains(refund["out_refund_no"].as_str().unwrap()),
            "{books}"
        );
    }
    let again = create(&service, "main", "T2026000001", ("R1", "1234"));
    assert_eq!(
        id(&again),
        id(&first),
        "the same command is the same refund"
    );
    let other = service.command(&[
        "refund",
        "create",
        "--merchant",
        "main",
        "--out-trade-no",
        "T2026000001",
        "--amount",
        "1",
        "--out-refund-no",
        "R1",
    ]);
    assert_eq!(other.code, 1);
    assert!(
        other.err.contains("amount"),
        "it names what differs: {}",
        other.err
    );
    look_at_it(&service, &id(&first));
}

fn look_at_it(service: &Service, id: &str) {
    let by_id = service.command(&["refund", "get", id, "--json"]).json();
    assert_eq!(by_id["status"], "succeeded");
    let by_number = service.command(&[
        "refund",
        "get",
        "--merchant",
        "main",
        "--out-refund-no",
        "R1",
        "--json",
    ]);
    assert_eq!(by_number.json()["id"], by_id["id"]);
    let listed = service
        .command(&["refund", "list", "--status", "succeeded", "--json"])
        .json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let events = service.command(&["refund", "events", id, "--json"]).json();
    let seqs: Vec<i64> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(
        seqs,
        (1..=i64::try_from(seqs.len()).unwrap()).collect::<Vec<_>>()
    );
    let shown = service.command(&["refund", "get", id]);
    assert!(
        shown.out.contains("¥12.34") && shown.out.contains("succeeded"),
        "{}",
        shown.out
    );
    assert!(
        !shown.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    let payment = service
        .command(&["payment", "get", "main", "T2026000001", "--json"])
        .json();
    assert_eq!(
        (payment["refunded"].as_i64(), payment["refundable"].as_i64()),
        (Some(1234), Some(3766))
    );
    let late = service.command(&["refund", "cancel", id]);
    assert_eq!(late.code, 1, "a refund that arrived is not withdrawn");
    let absent = service.command(&["refund", "get", "rf_00000000000000000000000000000000"]);
    assert_eq!(absent.code, 1, "{}", absent.out);
}

#[test]
fn an_idempotency_key_is_one_refund() {
    let sim = Sim::start();
    sim.pay(MAIN, "T2026000003", 900);
    let service = Service::start(&sim.config(), &[]);
    let args = [
        "refund",
        "create",
        "--merchant",
        "main",
        "--out-trade-no",
        "T2026000003",
        "--amount",
        "900",
        "--idempotency-key",
        "case-77",
        "--json",
    ];
    let (first, second) = (service.command(&args).json(), service.command(&args).json());
    assert_eq!(first["id"], second["id"]);
    service.wait_for(&id(&first), "succeeded");
    assert_eq!(
        sim.refunds(MAIN)
            .to_string()
            .matches("\"out_refund_no\"")
            .count(),
        1
    );
}

#[test]
fn a_restarted_service_goes_on_where_it_was() {
    let sim = Sim::start();
    let config = sim.config();
    let service = Service::start(&config, &[]);
    let refund = create(&service, "main", "T2026000004", ("R4", "100"));
    drop(service);
    sim.pay(MAIN, "T2026000005", 700);
    let service = Service::start(&config, &[]);
    let found = service.command(&["refund", "get", &id(&refund), "--json"]);
    assert_eq!(found.code, 0, "what was accepted is there: {}", found.err);
    let next = create(&service, "main", "T2026000005", ("R5", "700"));
    service.wait_for(&id(&next), "succeeded");
}

#[test]
fn a_key_sees_its_merchants_only_and_nothing_once_revoked() {
    let sim = Sim::start();
    let service = Service::start(&sim.config(), &[]);
    let put = service.command(&["payment", "put", "main", "T2026000006", "--total", "500"]);
    assert_eq!(put.code, 0, "{}", put.err);
    let made = say(tuikuan()
        .args([
            "key",
            "create",
            "--name",
            "classic",
            "--merchant",
            "classic",
            "--json",
            "--config",
        ])
        .arg(sim.config()))
    .json();
    let narrow = service.with_key(made["key"].as_str().unwrap());
    let unseen = narrow(&["payment", "get", "main", "T2026000006"]);
    assert_eq!(unseen.code, 1);
    assert!(
        unseen.err.contains("404") || unseen.err.contains("not_found"),
        "{}",
        unseen.err
    );
    let revoked = say(tuikuan()
        .args(["key", "revoke", made["id"].as_str().unwrap(), "--config"])
        .arg(sim.config()));
    assert_eq!(revoked.code, 0, "{}", revoked.err);
}

#[test]
fn good_lines_of_a_csv_are_registered_and_bad_ones_are_named() {
    let sim = Sim::start();
    let service = Service::start(&sim.config(), &[]);
    let file = sim.folder.path().join("p.csv");
    let lines = "out_trade_no,total_yuan,paid_at\nT2026000007,39.60,2026-11-01T08:00:00Z\n\
                 T2,1.00,\nT2026000008,1.234,\nT2026000009,0.01,\n";
    std::fs::write(&file, lines).unwrap();
    let file = file.to_str().unwrap();
    let said = service.command(&["payment", "import", file, "--merchant", "main", "--json"]);
    assert_eq!(said.code, 1, "a bad line is a failure");
    let summary = said.json();
    assert_eq!(summary["registered"], 2, "{}", said.err);
    let bad: Vec<i64> = summary["bad"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| bad["line"].as_i64().unwrap())
        .collect();
    assert_eq!(bad, [3, 4]);
    let payment = service
        .command(&["payment", "get", "main", "T2026000007", "--json"])
        .json();
    assert_eq!(payment["total"], 3960);
    std::fs::write(file, "out_trade_no,total_fen\nT2026000007,3960\n").unwrap();
    let again = service.command(&["payment", "import", file, "--merchant", "main"]);
    assert_eq!(
        again.code, 0,
        "importing again changes nothing: {}",
        again.err
    );
}

#[cfg(unix)]
#[test]
fn an_address_in_use_is_said_plainly() {
    let sim = Sim::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = say(tuikuan()
        .args(["serve", "--config"])
        .arg(sim.config())
        .env("TUIKUAN_SERVER__LISTEN", &address));
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains(&address) && said.err.contains("another service"),
        "{}",
        said.err
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_service_in_order() {
    let sim = Sim::start();
    let mut service = Service::start(&sim.config(), &[]);
    let refund = create(&service, "main", "T2026000011", ("R11", "100"));
    assert_eq!(service.end("TERM"), Some(0));
    let service = Service::start(&sim.config(), &[]);
    let found = service.command(&["refund", "get", &id(&refund), "--json"]);
    assert_eq!(found.json()["out_refund_no"], "R11", "{}", found.err);
}
