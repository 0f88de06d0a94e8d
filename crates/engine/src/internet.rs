//! The real way out: one TLS client for each merchant, and one careful client for webhooks, which
//! resolves every name itself, checks the address and connects to that address only (INV-31).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tuikuan_domain::MerchantName;
use tuikuan_wechat::client::{Client, ClientError, TransportError};
use tuikuan_wechat::http::{Request, Response};

use crate::address::AddressPolicy;
use crate::merchant::Merchant;
use crate::network::{CallError, Network, Sending, WebhookCall, WebhookError};

/// Until a webhook's whole answer is in.
pub(crate) const WEBHOOK_TIMEOUT_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);
/// Bytes of a webhook's answer that are read; the rest is nobody's business.
const WEBHOOK_ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Why the way out could not be built.
#[derive(Debug, thiserror::Error)]
pub enum InternetError {
    /// A merchant's client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The webhook client.
    #[error("the webhook client could not be built")]
    Webhook {
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
}

/// How webhooks go out.
#[derive(Debug, Clone, Default)]
pub struct InternetOptions {
    /// Which addresses webhooks may reach beside public ones.
    pub addresses: AddressPolicy,
    /// Certificates to trust for webhooks beside the built-in ones, PEM.
    pub webhook_ca: Option<Vec<u8>>,
}

/// The real network.
#[derive(Debug)]
pub struct Internet {
    clients: HashMap<MerchantName, Client>,
    webhooks: reqwest::Client,
    addresses: AddressPolicy,
}

impl Internet {
    /// A network with a client for each merchant.
    ///
    /// # Errors
    /// [`InternetError`].
    pub fn new(
        clients: HashMap<MerchantName, Client>,
        options: InternetOptions,
    ) -> Result<Self, InternetError> {
        let build = || -> Result<reqwest::Client, reqwest::Error> {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("tuikuan-webhook/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .no_proxy()
                .https_only(true)
                .timeout(WEBHOOK_TIMEOUT_MAX.unsigned_abs())
                .dns_resolver(Arc::new(CheckedResolver {
                    addresses: options.addresses.clone(),
                }));
            if let Some(pem) = &options.webhook_ca {
                for certificate in reqwest::Certificate::from_pem_bundle(pem)? {
                    builder = builder.add_root_certificate(certificate);
                }
            }
            builder.build()
        };
        let webhooks = build().map_err(|source| InternetError::Webhook { source })?;
        Ok(Self {
            clients,
            webhooks,
            addresses: options.addresses,
        })
    }

    async fn post(&self, call: WebhookCall) -> Result<u16, WebhookError> {
        let url = reqwest::Url::parse(&call.url).map_err(|error| WebhookError::Unreachable {
            reason: error.to_string(),
        })?;
        // A literal address never reaches the resolver.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let literal = host.parse::<IpAddr>().ok();
        if let Some(address) = literal.filter(|address| !self.addresses.permits(*address)) {
            return Err(WebhookError::AddressRefused {
                address: address.to_string(),
            });
        }
        let mut request = self.webhooks.post(url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let answer = request.body(call.body).send().await;
        let mut answer = answer
            .map_err(|error| refused_address(&error).unwrap_or_else(|| unreachable(&error)))?;
        let mut read = 0_usize;
        // The status line decides (INV-30); the body is read only so that the connection can be used
        // again, and however it ends changes nothing.
        while let Ok(Some(chunk)) = answer.chunk().await {
            read = read.saturating_add(chunk.len());
            if read > WEBHOOK_ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(answer.status().as_u16())
    }
}

fn unreachable(error: &reqwest::Error) -> WebhookError {
    WebhookError::Unreachable {
        reason: chain(error),
    }
}

fn refused_address(error: &reqwest::Error) -> Option<WebhookError> {
    let text = chain(error);
    let address = text
        .split_once(REFUSED)?
        .1
        .split_whitespace()
        .next()?
        .to_owned();
    Some(WebhookError::AddressRefused { address })
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}

impl Network for Internet {
    fn permits(&self, address: IpAddr) -> bool {
        self.addresses.permits(address)
    }

    fn call<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
    ) -> Sending<'a, Result<Response, CallError>> {
        Box::pin(async move {
            let Some(client) = self.clients.get(&merchant.name) else {
                let reason = "no client for this merchant".to_owned();
                return Err(CallError::NotSent { reason });
            };
            client.send(&request).await.map_err(|error| match &error {
                TransportError::NotSent { .. } => CallError::NotSent {
                    reason: chain(&error),
                },
                TransportError::Lost { .. } => CallError::Lost {
                    reason: chain(&error),
                },
            })
        })
    }

    fn deliver<'a>(&'a self, call: WebhookCall) -> Sending<'a, Result<u16, WebhookError>> {
        Box::pin(self.post(call))
    }
}

/// How a refused address is told through the client's error chain.
const REFUSED: &str = "address not allowed: ";

/// Resolves names and lets only permitted addresses through; the client connects to what it gets
/// from here and to nothing else.
#[derive(Debug, Clone)]
struct CheckedResolver {
    addresses: AddressPolicy,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.addresses.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|address| !policy.permits(address.ip())) {
                // One bad address spoils the name: it could be the one that is connected to.
                Some(bad) => Err(format!("{REFUSED}{}", bad.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}
