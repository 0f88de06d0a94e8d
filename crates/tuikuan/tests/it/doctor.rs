//! `doctor`: finds nothing wrong where nothing is, and what is wrong where something is.

use serde_json::Value;

use crate::stage::{Said, Service, Sim, say, tuikuan};

fn doctor(sim: &Sim, file: &str, environment: &[(&str, &str)]) -> Said {
    let path = sim.folder.path().join(file);
    say(tuikuan()
        .args(["doctor", "--json", "--config"])
        .arg(path)
        .envs(environment.iter().copied()))
}

/// The finding about a subject.
fn finding<'a>(report: &'a Value, subject: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|finding| finding["subject"].as_str().unwrap().contains(subject));
    found.unwrap_or_else(|| panic!("no {subject:?} in {report:#}"))
}

#[test]
fn a_sound_set_up_has_no_errors() {
    let sim = Sim::start();
    let service = Service::start(&sim.config(), &[]);
    let listen = service.url.strip_prefix("http://").unwrap();
    let said = doctor(&sim, "t.toml", &[("TUIKUAN_SERVER__LISTEN", listen)]);
    assert_eq!(said.code, 0, "{}", said.out);
    let report = said.json();
    for subject in [
        "config",
        "main: certificate",
        "main: question",
        "classic: question",
        "provider: question",
        "main: platform certificates",
        "main: clock",
        "store: database",
        "store: audit log",
        "store: durable write",
    ] {
        assert_ne!(
            finding(&report, subject)["level"],
            "error",
            "{subject}: {report:#}"
        );
    }
    assert_eq!(finding(&report, "main: question")["level"], "ok");
    let leads = finding(&report, "public_url");
    assert_eq!(leads["level"], "ok", "{leads}");
}

#[test]
fn keys_that_wechat_refuses_are_found() {
    let sim = Sim::start();
    let wrong = "A".repeat(32);
    let report = doctor(
        &sim,
        "t.toml",
        &[
            ("TUIKUAN_MERCHANT__MAIN__API_V3_KEY", &wrong),
            ("TUIKUAN_MERCHANT__CLASSIC__API_V2_KEY", &wrong),
        ],
    );
    assert_eq!(report.code, 1);
    let report = report.json();
    let certificates = finding(&report, "main: platform certificates");
    assert_eq!(certificates["level"], "error", "{certificates}");
    assert!(
        certificates["advice"]
            .as_str()
            .unwrap()
            .contains("api_v3_key"),
        "{certificates}"
    );
    let question = finding(&report, "classic: question");
    assert_eq!(question["level"], "error", "{question}");
    assert!(!question["advice"].as_str().unwrap().is_empty());
    assert_eq!(
        finding(&report, "main: question")["level"],
        "ok",
        "its signature key is right"
    );
}

#[test]
fn a_host_that_is_away_is_found() {
    let sim = Sim::start();
    let text = sim.config_text();
    let endpoint = text
        .lines()
        .find(|line| line.starts_with("endpoint"))
        .unwrap();
    let text = text.replace(endpoint, "endpoint = \"https://127.0.0.1:9\"");
    std::fs::write(sim.folder.path().join("away.toml"), text).unwrap();
    let said = doctor(&sim, "away.toml", &[]);
    assert_eq!(said.code, 1);
    let report = said.json();
    let host = finding(&report, "main: 127.0.0.1");
    assert_eq!(host["level"], "error");
    assert!(
        host["seen"].as_str().unwrap().contains("takes connections"),
        "{host}"
    );
}

#[test]
fn a_host_with_a_foreign_certificate_is_found() {
    let (sim, other) = (Sim::start(), Sim::start());
    let endpoint = |sim: &Sim| {
        let text = sim.config_text();
        text.lines()
            .find(|line| line.starts_with("endpoint"))
            .unwrap()
            .to_owned()
    };
    let text = sim
        .config_text()
        .replace(&endpoint(&sim), &endpoint(&other));
    std::fs::write(sim.folder.path().join("foreign.toml"), text).unwrap();
    let report = doctor(&sim, "foreign.toml", &[]).json();
    let connection = finding(&report, "main: connection");
    assert_eq!(connection["level"], "error", "{connection}");
    assert!(
        connection["advice"].as_str().unwrap().contains("trust_ca"),
        "{connection}"
    );
}

#[test]
fn a_broken_configuration_and_a_broken_store_are_findings() {
    let sim = Sim::start();
    let text = sim.config_text();
    std::fs::write(
        sim.folder.path().join("bad.toml"),
        text.replace("api = \"v2\"", "api = \"v5\""),
    )
    .unwrap();
    let bad = doctor(&sim, "bad.toml", &[]);
    assert_eq!(bad.code, 1);
    assert_eq!(finding(&bad.json(), "merchant[1].api")["level"], "error");

    std::fs::write(
        sim.folder.path().join("tuikuan-sim.db"),
        "this is no database",
    )
    .unwrap();
    let broken = doctor(&sim, "t.toml", &[]);
    assert_eq!(broken.code, 1);
    assert_eq!(finding(&broken.json(), "store: database")["level"], "error");
}
