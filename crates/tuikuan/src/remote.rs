//! The client of a running service: one call, one answer, problems turned into sentences. It never
//! invents an identity for a refund: a repeated command must stay one refund (INV-15).

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;

use crate::config::{Config, FILE};
use crate::failure::Misused;
use crate::output::one_line;

/// A call ends after so long, answered or not.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the service is and who asks.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// The service; by default the address that the configuration listens on
    #[arg(
        long,
        value_name = "URL",
        env = "TUIKUAN_URL",
        help_heading = "Service"
    )]
    url: Option<String>,
    /// An API key (see `tuikuan key create`)
    #[arg(
        long,
        value_name = "KEY",
        env = "TUIKUAN_KEY",
        hide_env_values = true,
        help_heading = "Service"
    )]
    key: Option<String>,
    /// The configuration to read the address from
    #[arg(long, value_name = "FILE", help_heading = "Service")]
    config: Option<PathBuf>,
}

impl RemoteArgs {
    /// The configuration that was named.
    pub(crate) fn config(&self) -> Option<&std::path::Path> {
        self.config.as_deref()
    }
}

/// A running service.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    client: Client,
    base: Url,
    key: String,
}

/// What the service said no to.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The problem, as JSON where the service sent JSON.
    pub(crate) body: Value,
    text: String,
}

impl Remote {
    /// The service that the arguments name.
    pub(crate) fn new(args: &RemoteArgs) -> anyhow::Result<Self> {
        let key = args.key.clone().ok_or_else(|| {
            let text = "no API key: make one with `tuikuan key create --name me`, then give it \
                        with --key or in the environment variable TUIKUAN_KEY";
            Misused(text.to_owned())
        })?;
        let base = base(args)?;
        let client = Client::builder()
            .timeout(CALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client could not be built")?;
        Ok(Self { client, base, key })
    }

    /// Asks for something.
    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path, query)?).await
    }

    /// Does something.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.send(with_json(self.request(Method::POST, path, &[])?, body))
            .await
    }

    /// Sends a file.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        (media, bytes): (&str, Vec<u8>),
    ) -> anyhow::Result<Value> {
        let request = self.request(Method::POST, path, query)?;
        self.send(request.header("content-type", media).body(bytes))
            .await
    }

    /// Fetches a file.
    pub(crate) async fn download(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let request = self.request(Method::GET, path, query)?;
        let mut answer = request.send().await.with_context(|| self.no_answer())?;
        if !answer.status().is_success() {
            return Err(refusal(answer).await?.into());
        }
        while let Some(part) = answer.chunk().await.context("the file was cut short")? {
            out.write_all(&part)?;
        }
        Ok(())
    }

    fn no_answer(&self) -> String {
        format!(
            "no answer from {}: is the service running? (`tuikuan serve`)",
            self.base
        )
    }

    /// Does something under an idempotency key.
    pub(crate) async fn post_once(
        &self,
        path: &[&str],
        key: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = self
            .request(Method::POST, path, &[])?
            .header("idempotency-key", key);
        self.send(with_json(request, body)).await
    }

    /// Puts something in its place.
    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.send(with_json(self.request(Method::PUT, path, &[])?, body))
            .await
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<RequestBuilder> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("{} cannot be a service", self.base))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.client.request(method, url).bearer_auth(&self.key))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.with_context(|| self.no_answer())?;
        if !answer.status().is_success() {
            return Err(refusal(answer).await?.into());
        }
        let bytes = answer.bytes().await.context("the answer was cut short")?;
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

/// What the service says no to.
async fn refusal(answer: reqwest::Response) -> anyhow::Result<Problem> {
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.context("the answer was cut short")?;
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let text = sentence(status, &body);
    Ok(Problem { status, body, text })
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

fn base(args: &RemoteArgs) -> anyhow::Result<Url> {
    if let Some(url) = &args.url {
        let parsed: Option<Url> = url.parse().ok();
        let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https"));
        let text = "--url must be an address such as http://127.0.0.1:8080";
        return parsed.ok_or_else(|| Misused(text.to_owned()).into());
    }
    let file = match &args.config {
        Some(file) => file.clone(),
        None if PathBuf::from(FILE).exists() => PathBuf::from(FILE),
        None => return Ok("http://127.0.0.1:8080".parse()?),
    };
    let mut listen = Config::load(&file)?.listen;
    if listen.ip().is_unspecified() {
        let here = if listen.is_ipv4() { "127.0.0.1" } else { "::1" };
        listen.set_ip(here.parse()?);
    }
    Ok(format!("http://{listen}").parse()?)
}

/// A problem as a sentence: what, why, and each bad field.
fn sentence(status: u16, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(one_line);
    let title = text("title").unwrap_or_else(|| format!("the service answered HTTP {status}"));
    let mut sentence = match text("code") {
        Some(code) => format!("{title} ({code})"),
        None => title,
    };
    if let Some(detail) = text("detail") {
        sentence.push_str(": ");
        sentence.push_str(&detail);
    }
    for bad in body
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |name: &str| {
            bad.get(name)
                .and_then(Value::as_str)
                .map(one_line)
                .unwrap_or_default()
        };
        let message = if part("message").is_empty() {
            part("detail")
        } else {
            part("message")
        };
        if !sentence.ends_with(&message) {
            sentence.push_str(&format!("\n  {}: {message}", part("pointer")));
        }
    }
    sentence
}
