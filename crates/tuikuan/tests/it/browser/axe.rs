//! Accessibility: axe-core looks at the page that is open.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::driver::Browser;

/// The script, as `scripts/browser` installs it.
fn source() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    workspace.join("target/axe/node_modules/axe-core/axe.min.js")
}

/// Serious and critical faults of the page that is open, one line each.
pub(crate) async fn faults(browser: &Browser) -> Vec<String> {
    let script = std::fs::read_to_string(source())
        .unwrap_or_else(|_| panic!("axe-core is needed: scripts/browser installs it"));
    browser.script(&script).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] })
            .then(found => done({ violations: found.violations, passes: found.passes.length }))
            .catch(error => done({ failed: String(error) }));";
    let found = browser.later(run).await;
    assert!(
        found["passes"].as_u64().is_some_and(|passes| passes > 0),
        "axe did not run: {found}"
    );
    let violations = found["violations"].as_array().cloned().unwrap_or_default();
    violations
        .iter()
        .filter(|fault| is_serious(fault))
        .map(line)
        .collect()
}

fn is_serious(fault: &Value) -> bool {
    fault["impact"] == "serious" || fault["impact"] == "critical"
}

fn line(fault: &Value) -> String {
    let nodes = fault["nodes"].as_array().cloned().unwrap_or_default();
    let places: Vec<_> = nodes.iter().map(|node| node["html"].to_string()).collect();
    format!("{}: {} {}", fault["id"], fault["help"], places.join(" | "))
}
