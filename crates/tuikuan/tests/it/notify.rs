//! `notify decode` on notifications that the simulator really sent, caught on their way.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::stage::{Said, Service, Sim, say, tuikuan};

/// Takes one POST from a listener: its head and its body.
fn catch(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse()
                        .ok()
                })
                .unwrap_or(0_usize);
            if bytes.len() >= end + 4 + length {
                stream
                    .write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
                    .unwrap();
                return (head, bytes[end + 4..end + 4 + length].to_vec());
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the notification was cut short");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// Lets a refund end and catches what WeChat says of it.
fn caught(sim: &Sim, (merchant, mch_id): (&str, &str)) -> (String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let public = format!("http://{}", listener.local_addr().unwrap());
    sim.pay(mch_id, "T2026000010", 500);
    let service = Service::start(&sim.config(), &[("TUIKUAN_SERVER__PUBLIC_URL", &public)]);
    let said = service.command(&[
        "refund",
        "create",
        "--merchant",
        merchant,
        "--out-trade-no",
        "T2026000010",
        "--amount",
        "500",
        "--out-refund-no",
        "R10",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    catch(&listener)
}

fn decode(sim: &Sim, merchant: &str, files: (&str, Option<&str>)) -> Said {
    let mut command = tuikuan();
    command.args([
        "notify",
        "decode",
        files.0,
        "--merchant",
        merchant,
        "--json",
        "--config",
    ]);
    command.arg(sim.config()).current_dir(sim.folder.path());
    if let Some(headers) = files.1 {
        command.args(["--fetch", "--headers", headers]);
    }
    say(&mut command)
}

#[test]
fn a_v3_notification_is_explained_and_a_changed_one_is_refused() {
    let sim = Sim::start();
    let (head, body) = caught(&sim, ("main", "1900000109"));
    let at = |name: &str| sim.folder.path().join(name);
    std::fs::write(at("head"), &head).unwrap();
    std::fs::write(at("body"), &body).unwrap();
    let told = decode(&sim, "main", ("body", Some("head")));
    assert_eq!(told.code, 0, "{}", told.out);
    let json = told.json();
    assert_eq!(
        (json["format"].as_str(), json["about"].as_str()),
        (Some("v3"), Some("refund"))
    );
    assert_eq!(json["steps"][0]["ok"], true, "{json}");
    assert_eq!(json["fields"]["out_refund_no"], "R10");
    assert!(
        json["would"].as_str().unwrap().contains("succeeded"),
        "{json}"
    );

    let mut offline = tuikuan();
    offline.args([
        "notify",
        "decode",
        "body",
        "--headers",
        "head",
        "--merchant",
        "main",
        "--config",
    ]);
    let offline = say(offline.arg(sim.config()).current_dir(sim.folder.path()));
    assert_eq!(offline.code, 1, "a key that is not known proves nothing");
    assert!(
        offline.out.contains("--fetch"),
        "it says what to do: {}",
        offline.out
    );

    let unsigned = decode(&sim, "main", ("body", None)).json();
    assert!(
        unsigned["steps"][0]["ok"].is_null(),
        "without headers nothing is claimed: {unsigned}"
    );

    let mut changed = body.clone();
    changed.push(b' ');
    std::fs::write(at("changed"), changed).unwrap();
    let refused = decode(&sim, "main", ("changed", Some("head")));
    assert_eq!(refused.code, 1);
    assert!(
        refused.out.contains("the signature is wrong"),
        "{}",
        refused.out
    );

    let foreign = decode(&sim, "provider", ("body", Some("head")));
    assert_eq!(
        foreign.code, 1,
        "another merchant's keys do not fit: {}",
        foreign.out
    );
}

#[test]
fn a_v2_notification_is_a_hint_only() {
    let sim = Sim::start();
    let (_, body) = caught(&sim, ("classic", "1900000110"));
    std::fs::write(sim.folder.path().join("body"), &body).unwrap();
    let told = decode(&sim, "classic", ("body", None));
    assert_eq!(told.code, 0, "{}", told.out);
    let json = told.json();
    assert_eq!(
        (json["format"].as_str(), json["about"].as_str()),
        (Some("v2"), Some("refund"))
    );
    assert!(
        json["would"].as_str().unwrap().contains("ask WeChat"),
        "{json}"
    );
    assert!(json["plain"].as_str().unwrap().contains("R10"), "{json}");
    let text = sim.config_text();
    for line in text.lines().filter(|line| line.starts_with("api_v")) {
        assert!(
            !told.out.contains(line.split('"').nth(1).unwrap()),
            "a key is shown"
        );
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    let sim = Sim::start();
    for (body, says) in [
        ("", "envelope"),
        ("{}", "envelope"),
        ("<xml>", "not"),
        ("<!DOCTYPE x><xml></xml>", "DOCTYPE"),
        ("<xml><req_info>!</req_info></xml>", "return_code"),
    ] {
        std::fs::write(sim.folder.path().join("body"), body).unwrap();
        let told = decode(&sim, "main", ("body", None));
        assert_eq!(told.code, 1, "{body:?}: {}", told.out);
        assert!(
            told.out.contains(says),
            "{body:?}: no {says:?} in {}",
            told.out
        );
    }
}
