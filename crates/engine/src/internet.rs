//! The real way out: one TLS client for each merchant, and one careful client for webhooks, which
//! resolves every name itself, checks the address and connects to that address only (INV-31).

use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio::io::AsyncWriteExt as _;
use tuikuan_domain::MerchantName;
use tuikuan_wechat::client::{Client, ClientError, Incoming, TransportError};
use tuikuan_wechat::http::{HEAD_BYTES_MAX, Received, Request, Response};

use crate::address::AddressPolicy;
use crate::merchant::Merchant;
use crate::network::{CallError, FetchError, Network, Sending, WebhookCall, WebhookError};

/// Until a webhook's whole answer is in.
pub(crate) const WEBHOOK_TIMEOUT_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);
/// The longest a bill's file may stand still on its way.
const FILE_IDLE_MAX: Duration = Duration::from_secs(30);
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

    fn client(&self, merchant: &Merchant) -> Result<&Client, CallError> {
        self.clients
            .get(&merchant.name)
            .ok_or_else(|| CallError::NotSent {
                reason: "no client for this merchant".to_owned(),
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

fn lost(error: &TransportError) -> CallError {
    let reason = chain(error);
    match error {
        TransportError::NotSent { .. } | TransportError::StrangeHost { .. } => {
            CallError::NotSent { reason }
        }
        TransportError::Lost { .. } => CallError::Lost { reason },
    }
}

/// Writes an answer's body into a file as it comes. Memory does not grow with it.
async fn store(mut incoming: Incoming, file: File) -> Result<Received, FetchError> {
    let failed = |source| FetchError::File { source };
    let mut file = tokio::fs::File::from_std(file);
    let (mut head, mut bytes) = (Vec::new(), 0_u64);
    loop {
        let next = tokio::time::timeout(FILE_IDLE_MAX, incoming.chunk()).await;
        let next = next.map_err(|_elapsed| CallError::Lost {
            reason: format!("nothing came for {} s", FILE_IDLE_MAX.as_secs()),
        })?;
        let Some(chunk) = next.map_err(|error| lost(&error))? else {
            break;
        };
        bytes = bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        let room = HEAD_BYTES_MAX.saturating_sub(head.len()).min(chunk.len());
        head.extend(chunk.iter().take(room));
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Received {
        status: incoming.status,
        headers: incoming.headers,
        head,
        bytes,
    })
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
            let client = self.client(merchant)?;
            client.send(&request).await.map_err(|error| lost(&error))
        })
    }

    fn fetch<'a>(
        &'a self,
        merchant: &'a Merchant,
        request: Request,
        file: File,
    ) -> Sending<'a, Result<Received, FetchError>> {
        Box::pin(async move {
            let client = self.client(merchant)?;
            let incoming = client
                .receive(&request)
                .await
                .map_err(|error| lost(&error))?;
            store(incoming, file).await
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
