//! Help, exit codes, `init`: what works without a simulator.

use crate::stage::{say, tuikuan};

const COMMANDS: &[&str] = &[
    "demo",
    "init",
    "serve",
    "sim",
    "refund",
    "refund create",
    "refund get",
    "refund list",
    "refund events",
    "refund approve",
    "refund reject",
    "refund cancel",
    "refund retry",
    "refund resolve",
    "refund query",
    "payment",
    "payment import",
    "payment get",
    "payment put",
    "store",
    "store copy",
    "batch",
    "batch check",
    "batch submit",
    "batch list",
    "batch status",
    "batch approve",
    "batch reject",
    "batch pause",
    "batch resume",
    "batch cancel",
    "batch result",
    "notify",
    "notify decode",
    "doctor",
    "user",
    "user add",
    "user list",
    "user passwd",
    "user disable",
    "user enable",
    "user role",
    "key",
    "key create",
    "key list",
    "key revoke",
    "audit",
    "audit verify",
    "audit export",
    "bench",
    "",
];

#[test]
fn every_command_has_help_with_an_example() {
    for command in COMMANDS {
        let said = say(tuikuan().args(command.split_whitespace()).arg("--help"));
        assert_eq!(said.code, 0, "{command}: {}", said.err);
        assert!(said.out.contains("Usage:"), "{command}");
        assert!(
            said.out.contains("Example"),
            "{command} shows no example:
{}",
            said.out
        );
    }
}

#[test]
fn wrong_use_is_exit_code_2() {
    for args in [
        &["nonsense"][..],
        &[],
        &["refund", "get"],
        &[
            "refund",
            "create",
            "--merchant",
            "m",
            "--amount",
            "0",
            "--out-refund-no",
            "R",
        ],
        &[
            "refund",
            "create",
            "--merchant",
            "m",
            "--amount",
            "1.5",
            "--out-refund-no",
            "R",
        ],
        &["refund", "list", "--limit", "201"],
        &["refund", "resolve", "rf_1"],
        &["sim", "--speed", "0"],
        &["key", "create"],
        &["key", "create", "--name", "x", "--expires", "2020-01-01"],
        &["user", "add", "li"],
        &["user", "role", "li", "owner"],
        &["bench", "nothing"],
    ] {
        let said = say(tuikuan().args(args));
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
    }
}

#[test]
fn a_refund_without_identity_is_refused_before_it_is_sent() {
    let said = say(tuikuan()
        .args([
            "refund",
            "create",
            "--merchant",
            "main",
            "--out-trade-no",
            "T00001",
            "--amount",
            "1",
        ])
        .args(["--key", "tk_x", "--url", "http://127.0.0.1:9"]));
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("--out-refund-no or --idempotency-key"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("two refunds"),
        "it says why: {}",
        said.err
    );
}

#[test]
fn a_service_that_does_not_answer_is_exit_code_1() {
    let said = say(tuikuan().args([
        "refund",
        "list",
        "--key",
        "tk_x",
        "--url",
        "http://127.0.0.1:9",
    ]));
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is the service running"), "{}", said.err);
}

#[test]
fn init_writes_a_configuration_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let first = say(tuikuan().arg("init").arg(&shop));
    assert_eq!(first.code, 0, "{}", first.err);
    let file = shop.join("tuikuan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(shop.join("data").is_dir() && shop.join("keys").is_dir());

    std::fs::write(&file, format!("{text}# mine\n")).unwrap();
    let second = say(tuikuan().arg("init").arg(&shop));
    assert_eq!(second.code, 1);
    assert!(second.err.contains("there already"), "{}", second.err);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .ends_with("# mine\n"),
        "nothing was changed"
    );

    let listed = say(tuikuan()
        .args(["key", "list", "--json", "--config"])
        .arg(&file));
    assert_eq!(listed.code, 0, "the configuration is sound: {}", listed.err);
    assert_eq!(listed.json()["data"].as_array().unwrap().len(), 0);
}

#[cfg(unix)]
#[test]
fn what_init_writes_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(say(tuikuan().arg("init").arg(folder.path())).code, 0);
    for (name, mode) in [("tuikuan.toml", 0o600), ("data", 0o700), ("keys", 0o700)] {
        let facts = std::fs::metadata(folder.path().join(name)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(say(tuikuan().arg("init").arg(folder.path())).code, 0);
    let file = folder.path().join("tuikuan.toml");
    let key = |args: &[&str]| say(tuikuan().arg("key").args(args).arg("--config").arg(&file));
    let made = key(&["create", "--name", "back office", "--json"]).json();
    assert_eq!(made["name"], "back office");
    let secret = made["key"].as_str().unwrap();
    assert!(secret.starts_with("tk_") && secret.len() == 67, "{secret}");
    let listed = key(&["list", "--json"]);
    assert!(!listed.out.contains(secret), "a key is shown once only");
    let id = made["id"].as_str().unwrap();
    assert_eq!(listed.json()["data"][0]["id"], id);
    assert_eq!(key(&["revoke", id]).code, 0);
    assert!(key(&["list", "--json"]).json()["data"][0]["revoked_at"].is_string());
    let unknown = key(&["revoke", "key_00000000000000000000000000000000"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("there is no key"), "{}", unknown.err);
    let foreign = key(&["create", "--name", "x", "--merchant", "nobody"]);
    assert_eq!(foreign.code, 1);
    assert!(
        foreign.err.contains("no merchant named nobody"),
        "{}",
        foreign.err
    );
}

#[test]
fn a_csv_without_a_unit_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.csv");
    std::fs::write(&file, "out_trade_no,total\nT00001,1\n").unwrap();
    let said = say(tuikuan()
        .args([
            "payment",
            "import",
            "--merchant",
            "main",
            "--key",
            "tk_x",
            "--url",
            "http://127.0.0.1:9",
        ])
        .arg(&file));
    assert_eq!(said.code, 2);
    assert!(said.err.contains("total_fen or total_yuan"), "{}", said.err);
}
