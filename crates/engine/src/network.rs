//! The way out: everything that leaves this process for WeChat or for a webhook endpoint goes
//! through [`Network`]. It has a real side (TLS connections) and a simulated one (a world in the
//! same process), and never decides anything.

use std::fs::File;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;

use tuikuan_wechat::http::{Received, Request, Response};

use crate::merchant::Merchant;

/// A future that can be sent between threads.
pub type Sending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why WeChat gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No byte of the request left this machine.
    #[error("no connection: {reason}")]
    NotSent {
        /// In words.
        reason: String,
    },
    /// The request may have arrived; no whole answer came back.
    #[error("no answer: {reason}")]
    Lost {
        /// In words.
        reason: String,
    },
}

/// Why a bill is not here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// WeChat did not send it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It could not be kept.
    #[error("the file could not be written")]
    File {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// One webhook on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookCall {
    /// Where to.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, the same at every try.
    pub body: String,
}

/// Why a webhook was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The address is one that webhooks must not reach (INV-31).
    #[error("the address {address} is not allowed; an operator may allow it with webhooks.allow")]
    AddressRefused {
        /// The address or host found.
        address: String,
    },
    /// No connection, no answer in time, or no whole answer.
    #[error("{reason}")]
    Unreachable {
        /// In words.
        reason: String,
    },
}

/// The way out.
pub trait Network: Send + Sync {
    /// One conversation with WeChat for this merchant.
    fn call<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>>;

    /// One conversation whose answer can be larger than memory, a bill: its body goes into `file`,
    /// from where that stands.
    fn fetch<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
        mut file: File,
    ) -> Sending<'a, Result<Received, FetchError>> {
        Box::pin(async move {
            let response = self.call(merchant, request).await?;
            file.write_all(&response.body)
                .map_err(|source| FetchError::File { source })?;
            Ok(Received::from(response))
        })
    }

    /// Whether a webhook may be sent to this address (INV-31).
    fn permits(&self, _address: std::net::IpAddr) -> bool {
        true
    }

    /// One delivery; the HTTP status of the answer.
    fn deliver<'a>(&'a self, call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>>;
}
