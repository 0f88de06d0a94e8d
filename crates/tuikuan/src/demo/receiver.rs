//! The merchant's own system: a receiver of webhooks on loopback, behind TLS. It refuses every
//! seventh message once, so that deliveries have to be repeated, and checks every signature.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use standardwebhooks::Webhook;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tuikuan_sim::identity::Authority;

/// A message is at most so long, head and body.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Every so many messages one is refused at its first try.
const REFUSED_EVERY: usize = 7;

/// A running receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    ca: String,
    seen: Arc<Mutex<Seen>>,
}

/// What has arrived.
#[derive(Default)]
struct Seen {
    secrets: HashMap<String, String>,
    messages: HashSet<String>,
    tally: Tally,
}

/// What has arrived, in numbers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    /// Different messages taken.
    pub(crate) messages: usize,
    /// Tries that were refused, to be repeated.
    pub(crate) refused: usize,
    /// Messages that came again after they were taken.
    pub(crate) repeated: usize,
    /// Messages whose signature was not good.
    pub(crate) bad_signature: usize,
}

impl Receiver {
    /// Listens on a free port of loopback until stopped.
    pub(crate) async fn start(stopping: CancellationToken) -> anyhow::Result<Self> {
        let now_ms = Timestamp::now().as_millisecond();
        let authority = Authority::generate(now_ms).context("no keys for the receiver")?;
        let issued = authority.server([127, 0, 0, 1].into())?;
        let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes())
            .map_err(|_not_pem| anyhow!("the receiver's certificate cannot be read"))?;
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes())
            .map_err(|_not_pem| anyhow!("the receiver's key cannot be read"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let receiver = Self {
            address: listener.local_addr()?,
            ca: authority.issued.certificate_pem.clone(),
            seen: Arc::default(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(receiver.clone().listen(listener, acceptor, stopping));
        Ok(receiver)
    }

    /// The authority that certified it, PEM.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    /// The address for the webhooks of a merchant.
    pub(crate) fn url(&self, merchant: &str) -> String {
        format!("https://{}/{merchant}", self.address)
    }

    /// Remembers the secret that signs the messages for a merchant.
    pub(crate) fn expect(&self, merchant: &str, secret: &str) {
        let path = format!("/{merchant}");
        self.seen().secrets.insert(path, secret.to_owned());
    }

    /// What has arrived so far.
    pub(crate) fn tally(&self) -> Tally {
        self.seen().tally
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(self, listener: TcpListener, acceptor: TlsAcceptor, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { return };
            let (receiver, acceptor) = (self.clone(), acceptor.clone());
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = receiver.converse(acceptor, stream) => {}
                }
            });
        }
    }

    async fn converse(self, acceptor: TlsAcceptor, stream: TcpStream) {
        if let Ok(mut stream) = acceptor.accept(stream).await {
            while let Some(message) = read_message(&mut stream).await {
                let status = self.judge(&message);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }

    fn judge(&self, message: &Message) -> &'static str {
        let mut seen = self.seen();
        let id = message.header("webhook-id").unwrap_or_default().to_owned();
        if !seen.genuine(message, &id) {
            seen.tally.bad_signature += 1;
            return "401 Unauthorized";
        }
        if seen.messages.contains(&id) {
            seen.tally.repeated += 1;
            return "204 No Content";
        }
        let tried = seen.tally.messages + seen.tally.refused + 1;
        if tried.is_multiple_of(REFUSED_EVERY) {
            seen.tally.refused += 1;
            return "503 Service Unavailable";
        }
        seen.messages.insert(id);
        seen.tally.messages += 1;
        "204 No Content"
    }
}

impl Seen {
    fn genuine(&self, message: &Message, id: &str) -> bool {
        let Some(secret) = self.secrets.get(&message.path) else {
            return false;
        };
        let timestamp = message.header("webhook-timestamp");
        let Some(seconds) = timestamp.and_then(|text| text.parse::<i64>().ok()) else {
            return false;
        };
        let signed = Webhook::new(secret).and_then(|key| key.sign(id, seconds, &message.body));
        signed.is_ok_and(|signed| message.header("webhook-signature") == Some(signed.as_str()))
    }
}

/// One request.
struct Message {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// Reads a request with a length; `None` at the end of the connection or when it makes no sense.
async fn read_message<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<Message> {
    let mut bytes = Vec::with_capacity(2048);
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MESSAGE_BYTES_MAX || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?;
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok())?;
    let end = head_end.checked_add(4)?.checked_add(length)?;
    if end > MESSAGE_BYTES_MAX {
        return None;
    }
    while bytes.len() < end {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = bytes.get(head_end.checked_add(4)?..end)?.to_vec();
    Some(Message {
        path,
        headers,
        body,
    })
}
