//! `audit`: the log is proved and exported beside a running service.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::stage::{Said, Service, Sim, say, tuikuan};

#[test]
fn the_log_is_exported_and_proved_beside_a_running_service() {
    let sim = Sim::start();
    let config = sim.config();
    let service = Service::start(&config, &[]);
    let audit = |args: &[&str]| -> Said {
        let mut command = tuikuan();
        say(command.arg("audit").args(args).arg("--config").arg(&config))
    };
    let order = ["payment", "put", "main", "T2026000009", "--total", "500"];
    assert_eq!(service.command(&order).code, 0);
    let ask = [
        "refund",
        "create",
        "--merchant",
        "main",
        "--out-trade-no",
        "T2026000009",
        "--amount",
        "200",
        "--out-refund-no",
        "R2026000009",
    ];
    assert_eq!(service.command(&ask).code, 0);

    let file = sim.folder.path().join("audit.jsonl");
    let path = file.to_str().unwrap();
    let exported = audit(&["export", "--output", path, "--json"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let (head, entries) = lines.split_last().unwrap();
    assert_eq!(head["head"], exported.json()["head"]);
    let last = entries.last().unwrap();
    assert_eq!(last["action"], "audit.exported");
    assert_eq!(
        (&last["number"], &last["hash"]),
        (&head["head"]["number"], &head["head"]["hash"])
    );
    assert!(
        entries
            .iter()
            .any(|entry| entry["action"] == "config.loaded")
    );

    let sound = audit(&["verify", "--head", path, "--histories", "--json"]);
    assert_eq!(sound.code, 0, "{}", sound.err);
    let said = sound.json();
    assert_eq!(
        (&said["ok"], &said["histories"]["faults"]),
        (&Value::from(true), &Value::from(0))
    );
    assert_eq!(said["histories"]["refunds"], 1);
    // Another file there already is not overwritten.
    assert_eq!(audit(&["export", "--output", path]).code, 1);

    a_changed_head_is_found(&audit, (&file, path), &text);
    let to_stdout = audit(&["export"]);
    assert!(
        to_stdout
            .out
            .lines()
            .last()
            .unwrap()
            .starts_with("{\"head\":")
    );
}

/// The log no longer agrees with a head that was changed, and a file without one is named.
fn a_changed_head_is_found(
    audit: &impl Fn(&[&str]) -> Said,
    (file, path): (&Path, &str),
    text: &str,
) {
    let head: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let hash = head["head"]["hash"].as_str().unwrap();
    let turned: String = hash.chars().rev().collect();
    fs::write(file, text.replace(hash, &turned)).unwrap();
    let differs = audit(&["verify", "--head", path]);
    assert_eq!(differs.code, 1);
    assert!(
        differs.out.contains("not the one of the exported log"),
        "{}",
        differs.out
    );
    fs::write(file, "no head\n").unwrap();
    let cut = audit(&["verify", "--head", path]);
    assert_eq!(
        (cut.code, cut.err.contains("was it cut?")),
        (1, true),
        "{}",
        cut.err
    );
}
