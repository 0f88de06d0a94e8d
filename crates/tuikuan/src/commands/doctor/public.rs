//! The address that WeChat calls back: its shape was checked with the configuration; here it is
//! called from this machine.

use std::time::Duration;

use reqwest::{Client, Url};

use super::Findings;
use crate::config::{Config, is_local};

const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at the public address.
pub(super) async fn look(config: &Config, findings: &mut Findings) {
    let subject = "public_url";
    let Ok(url) = config.public_url(config.listen) else {
        return;
    };
    if is_local(&url) {
        findings.ok(
            subject,
            format!("{url} is on this machine: fine for test merchants only"),
        );
    }
    let advice = "if the service is meant to run: start it with `tuikuan serve`, and let the proxy \
                  lead this address to it";
    match alive(&url).await {
        Ok(()) => findings.ok(subject, format!("{url} leads to a running Tuikuan")),
        Err(seen) => findings.warn(subject, seen, advice),
    }
}

async fn alive(url: &Url) -> Result<(), String> {
    let client = Client::builder()
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    let target = format!("{}/healthz", url.as_str().trim_end_matches('/'));
    let answer = client.get(&target).send().await.map_err(|error| {
        if error.is_connect() {
            format!("{target}: no connection")
        } else {
            format!("{target}: {error}")
        }
    })?;
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    let ours = serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|body| body.get("status").is_some_and(|status| status == "ok"));
    if status.is_success() && ours {
        Ok(())
    } else {
        Err(format!(
            "{target} answers HTTP {status}, and not as Tuikuan does"
        ))
    }
}
