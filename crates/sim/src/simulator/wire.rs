//! The wire side: TLS with an optional client certificate, HTTP/1.1, and the ways a connection can
//! go wrong. A certificate of a foreign authority ends the handshake; whether a call needs one at
//! all is the world's business.

mod cut;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming as HyperBody};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use self::cut::{Cut, CutStream};
use super::{Shared, StartError};
use crate::identity::{Authority, Issued};
use crate::message::{Incoming, Outgoing, Response};

/// Connections at once.
const CONNECTIONS_MAX: usize = 4_096;
/// The longest request body, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// How long a handshake or a request head may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The TLS side.
pub(super) fn acceptor(server: &Issued, authority: &Authority) -> Result<TlsAcceptor, StartError> {
    let certificate = |pem: &str| {
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_bad| StartError::Authority)
    };
    let failed = |source| StartError::Tls { source };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(certificate(&authority.issued.certificate_pem)?)
        .map_err(failed)?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|_no_roots| StartError::Authority)?;
    let key = PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes())
        .map_err(|_bad| StartError::Authority)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate(&server.certificate_pem)?], key)
        .map_err(failed)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until the simulator stops.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (acceptor, own) = (acceptor.clone(), Arc::clone(&shared));
        shared.tracker.spawn(async move {
            let stop = own.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = connection(stream, &acceptor, own) => {}
            }
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, acceptor: &TlsAcceptor, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set nodelay");
    }
    let Ok(Ok(tls)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else {
        return;
    };
    let common_name = tls
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .and_then(|der| tuikuan_wechat::keys::Certificate::from_der(der).ok())
        .and_then(|certificate| certificate.common_name);
    let cut = Cut::default();
    let io = TokioIo::new(CutStream::new(tls, cut.clone()));
    let service = hyper::service::service_fn(move |request| {
        answer(
            request,
            Arc::clone(&shared),
            common_name.clone(),
            cut.clone(),
        )
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(io, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The connection is to be closed without (further) bytes.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct CutOnPurpose;

type HyperResponse = hyper::Response<Full<Bytes>>;

async fn answer(
    request: hyper::Request<HyperBody>,
    shared: Arc<Shared>,
    common_name: Option<String>,
    cut: Cut,
) -> Result<HyperResponse, CutOnPurpose> {
    let Some(incoming) = read(request, common_name).await else {
        return Ok(write(Response::empty(413)));
    };
    let outgoing = shared.world().handle(&incoming);
    shared.bell.notify_one();
    match outgoing {
        Outgoing::Reply(response) => Ok(write(response)),
        Outgoing::Delay { ms, response } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(write(response))
        }
        Outgoing::CutAfter { bytes, response } => {
            cut.after(bytes);
            Ok(write(response))
        }
        Outgoing::Drop => Err(CutOnPurpose),
        Outgoing::Hang => match std::future::pending::<Infallible>().await {},
    }
}

async fn read(
    request: hyper::Request<HyperBody>,
    client_cert_mch: Option<String>,
) -> Option<Incoming> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await.ok()?;
    let path_and_query = head
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    Some(Incoming {
        method: head.method.as_str().to_owned(),
        path_and_query,
        headers,
        body: body.to_bytes().to_vec(),
        client_cert_mch,
    })
}

fn write(response: Response) -> HyperResponse {
    let mut built = hyper::Response::new(Full::new(Bytes::from(response.body)));
    *built.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::OK);
    for (name, value) in response.headers {
        let name = hyper::header::HeaderName::try_from(name);
        let value = hyper::header::HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            built.headers_mut().append(name, value);
        }
    }
    built
}
