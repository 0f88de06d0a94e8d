//! The merchant's shop: it talks to the service over HTTP with an API key, like anybody else.

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A caller of the service.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    client: Client,
    base: String,
    key: String,
}

impl Shop {
    /// A caller with a key.
    pub(crate) fn new(base: &str, key: &str) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self {
            client,
            base: base.to_owned(),
            key: key.to_owned(),
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client.request(method, url).bearer_auth(&self.key)
    }

    /// Status and body of an answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request
            .send()
            .await
            .context("the service does not answer")?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// The body of a good answer.
    pub(crate) async fn done(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        if !(200..300).contains(&status) {
            bail!("{path} was answered with {status}: {answer}");
        }
        Ok(answer)
    }

    /// Sends a file of many refunds; the answer is its dry run.
    pub(crate) async fn upload(&self, merchant: &str, csv: String) -> anyhow::Result<Value> {
        let path = format!("/v1/batches?merchant={merchant}");
        let request = self.request(Method::POST, &path);
        let request = request.header("content-type", "text/csv").body(csv);
        let answer = request.send().await?.error_for_status()?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// The stream of events.
    pub(crate) async fn stream(&self, after: i64) -> anyhow::Result<Response> {
        let request = self.request(Method::GET, &format!("/v1/stream?after={after}"));
        Ok(request.send().await?.error_for_status()?)
    }
}
