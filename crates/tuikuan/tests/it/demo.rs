//! `demo` and `bench` as programs see them: exit code and the last line of stdout.

use assert_cmd::Command;
use serde_json::Value;

fn last_line(args: &[&str]) -> Value {
    let ended = Command::new(env!("CARGO_BIN_EXE_tuikuan"))
        .args(args)
        .assert()
        .success();
    let text = String::from_utf8(ended.get_output().stdout.clone()).unwrap();
    assert!(!text.contains('\u{1b}'), "control codes outside a terminal");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn the_demo_ends_as_the_simulators_books_say() {
    let told = last_line(&["demo", "--refunds", "30", "--seed", "9", "--exit", "--json"]);
    assert_eq!(told["refunds"], 30);
    assert_eq!(told["matches_books"], true);
    for nothing in ["doubled", "over", "lost", "stuck"] {
        assert_eq!(told[nothing], 0, "{nothing}");
    }
    let statuses = told["by_status"].as_object().unwrap();
    let sum: u64 = statuses.values().filter_map(Value::as_u64).sum();
    assert_eq!(sum, 30);
    assert_eq!(told["faults_survived"]["worker_crashes"], 1);
    assert!(told["elapsed_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_bench_prints_its_figure_beside_its_baseline() {
    // More a second than there are refunds: beside other tests on a busy machine the sends may
    // arrive in bursts, and a refused one would wait a minute.
    let told = last_line(&[
        "bench",
        "dispatch",
        "--requests",
        "200",
        "--quota",
        "250",
        "--json",
    ]);
    assert_eq!(told["bench"], "dispatch");
    for number in ["figure", "baseline", "ratio", "p50_ms", "p99_ms", "rss_mb"] {
        assert!(told[number].is_f64(), "{number}");
    }
    for text in ["unit", "baseline_is"] {
        assert!(told[text].is_string(), "{text}");
    }
    assert_eq!(told["refunds"], 200);
}
