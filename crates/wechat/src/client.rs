//! The only part that opens a connection to WeChat. One client for each merchant: its own TLS
//! identity, its own pool. No redirects, no proxy from the environment, bounded time and bytes. The
//! backup host is tried only when no connection to the first could be made.

use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use zeroize::Zeroizing;

use crate::credentials::Identity;
use crate::http::{ClientCertificate, Method, Origin, Request, Response};

/// Answers are cut off and refused beyond this size, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Until the whole file of a bill is in; whoever reads it watches that it does not stand still.
pub const FILE_TIMEOUT: Duration = Duration::from_mins(15);
/// The most a bill may have on its way, packed or not, in bytes.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// What WeChat's own hosts end with.
const WECHAT_HOSTS: &str = ".mch.weixin.qq.com";
/// Connections kept for each host and client.
const IDLE_MAX: usize = 64;
const USER_AGENT: &str = concat!("tuikuan/", env!("CARGO_PKG_VERSION"), " (Rust)");

/// Where and how a client connects.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `https://api.mch.weixin.qq.com`, without a path.
    pub endpoint: String,
    /// The host to try when the first cannot be reached.
    pub endpoint_backup: Option<String>,
    /// Certificates to trust beside the built-in ones, PEM.
    pub trust_ca: Option<Vec<u8>>,
    /// Until the connection stands.
    pub connect_timeout: Duration,
    /// Until the whole answer is in.
    pub timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection could be made: no byte of the request left.
    #[error("no connection to {endpoint}")]
    NotSent {
        /// Where to.
        endpoint: String,
        /// What went wrong.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The request may have arrived.
    #[error("no whole answer from {endpoint}")]
    Lost {
        /// Where from.
        endpoint: String,
        /// What went wrong; none when the answer was too large.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The request names a host that is neither the endpoint nor WeChat's: no byte left.
    #[error("{origin} is not a host of WeChat")]
    StrangeHost {
        /// The host.
        origin: String,
    },
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificate, key or CA cannot be used for TLS.
    #[error("the certificates cannot be used for TLS")]
    Tls {
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
}

/// A client for one merchant.
#[derive(Debug, Clone)]
pub struct Client {
    plain: reqwest::Client,
    identified: Option<reqwest::Client>,
    options: ClientOptions,
}

impl Client {
    /// Makes a client; it connects when it is used.
    ///
    /// # Errors
    /// [`ClientError::Tls`].
    pub fn new(identity: Option<&Identity>, options: ClientOptions) -> Result<Self, ClientError> {
        let tls = |source| ClientError::Tls { source };
        let plain = builder(&options).map_err(tls)?.build().map_err(tls)?;
        let identified = match identity {
            None => None,
            Some(identity) => {
                let pem = Zeroizing::new(identity_pem(identity));
                let identity = reqwest::Identity::from_pem(pem.as_bytes()).map_err(tls)?;
                let client = builder(&options).map_err(tls)?.identity(identity);
                Some(client.build().map_err(tls)?)
            }
        };
        Ok(Self {
            plain,
            identified,
            options,
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`TransportError`]; only [`TransportError::NotSent`] and [`TransportError::StrangeHost`]
    /// prove that nothing arrived.
    pub async fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut incoming = self.open(request, self.options.timeout).await?;
        let mut body = Vec::new();
        while let Some(chunk) = incoming.chunk().await? {
            if body.len().saturating_add(chunk.len()) > RESPONSE_BYTES_MAX {
                return Err(incoming.lost(None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: incoming.status,
            headers: incoming.headers,
            body,
        })
    }

    /// Sends a request whose answer can be larger than memory: a bill.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn receive(&self, request: &Request) -> Result<Incoming, TransportError> {
        self.open(request, FILE_TIMEOUT).await
    }

    async fn open(&self, request: &Request, timeout: Duration) -> Result<Incoming, TransportError> {
        let begun = Instant::now();
        let origin = match &request.origin {
            Origin::Endpoint => &self.options.endpoint,
            Origin::Named(origin) if self.permits(origin) => {
                return self.open_at(origin, request, timeout).await;
            }
            Origin::Named(origin) => {
                let origin = origin.clone();
                return Err(TransportError::StrangeHost { origin });
            }
        };
        let first = self.open_at(origin, request, timeout).await;
        // Both hosts share one deadline: the caller's lease must outlast the call.
        let left = timeout.saturating_sub(begun.elapsed());
        match (&first, &self.options.endpoint_backup) {
            (Err(TransportError::NotSent { .. }), Some(backup)) if !left.is_zero() => {
                self.open_at(backup, request, left).await
            }
            _ => first,
        }
    }

    /// Whether a host that WeChat named may be spoken to: ours, or, if ours is WeChat's, another of
    /// WeChat's own. So a live merchant's request never goes to a test host, nor the reverse.
    fn permits(&self, origin: &str) -> bool {
        let ours = |endpoint: &String| endpoint.trim_end_matches('/') == origin;
        let wechat =
            |origin: &str| origin.starts_with("https://") && origin.ends_with(WECHAT_HOSTS);
        ours(&self.options.endpoint)
            || self.options.endpoint_backup.as_ref().is_some_and(ours)
            || wechat(&self.options.endpoint) && wechat(origin)
    }

    async fn open_at(
        &self,
        endpoint: &str,
        request: &Request,
        deadline: Duration,
    ) -> Result<Incoming, TransportError> {
        let not_sent = |source| TransportError::NotSent {
            endpoint: endpoint.to_owned(),
            source,
        };
        let client = match request.client_certificate {
            ClientCertificate::NotUsed => &self.plain,
            ClientCertificate::Required => {
                self.identified.as_ref().ok_or_else(|| not_sent(None))?
            }
        };
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut call = client
            .request(method, format!("{endpoint}{}", request.path))
            .timeout(deadline);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        let call = call
            .body(request.body.clone())
            .build()
            .map_err(|e| not_sent(Some(e)))?;
        let answer = client.execute(call).await.map_err(|error| {
            if error.is_connect() {
                not_sent(Some(error))
            } else {
                TransportError::Lost {
                    endpoint: endpoint.to_owned(),
                    source: Some(error),
                }
            }
        })?;
        Ok(Incoming {
            status: answer.status().as_u16(),
            headers: answer
                .headers()
                .iter()
                .filter_map(|(n, v)| Some((n.as_str().to_owned(), v.to_str().ok()?.to_owned())))
                .collect(),
            endpoint: endpoint.to_owned(),
            answer,
            bytes: 0,
        })
    }
}

/// An answer of which the body is still coming.
#[derive(Debug)]
pub struct Incoming {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    endpoint: String,
    answer: reqwest::Response,
    bytes: u64,
}

impl Incoming {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// [`TransportError::Lost`]: it ended early, or is larger than [`FILE_BYTES_MAX`].
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let chunk = self.answer.chunk().await;
        let Some(chunk) = chunk.map_err(|error| self.lost(Some(error)))? else {
            return Ok(None);
        };
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > FILE_BYTES_MAX {
            return Err(self.lost(None));
        }
        Ok(Some(chunk.into()))
    }

    fn lost(&self, source: Option<reqwest::Error>) -> TransportError {
        TransportError::Lost {
            endpoint: self.endpoint.clone(),
            source,
        }
    }
}

fn builder(options: &ClientOptions) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .no_proxy()
        .https_only(true)
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_MAX)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout);
    // A slim image has no certificates of its own.
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        builder = builder.add_root_certificate(reqwest::Certificate::from_der(root)?);
    }
    if let Some(pem) = &options.trust_ca {
        for certificate in reqwest::Certificate::from_pem_bundle(pem)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    Ok(builder)
}

fn identity_pem(identity: &Identity) -> String {
    use base64::Engine as _;
    let block = |label: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let key = identity.key.der();
    format!(
        "{}{}",
        block("PRIVATE KEY", &key),
        block("CERTIFICATE", &identity.certificate.der)
    )
}
