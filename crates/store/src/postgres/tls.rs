//! TLS to the database, with the TLS stack that everything else uses. Who answers is always verified,
//! by name.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

use crate::error::OpenError;

/// Makes protected connections.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the certificates of a file, or the public authorities.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, OpenError> {
        let store = match roots {
            Some(file) => of_file(file)?,
            None => {
                let anchors = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(anchors.iter().cloned());
                store
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Address {
                reason: error.to_string(),
            })?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

fn of_file(file: &Path) -> Result<RootCertStore, OpenError> {
    let refused = |reason: String| OpenError::Roots {
        path: file.to_owned(),
        reason,
    };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| refused(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in found {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        let added = store.add(certificate);
        added.map_err(|error| refused(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(refused("it holds no certificate".to_owned()));
    }
    Ok(store)
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Protected;
    type TlsConnect = Named;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Named, io::Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.0));
        Ok(Named { connector, name })
    }
}

/// A connection to be made to somebody of this name.
pub(super) struct Named {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Named {
    type Stream = Protected;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Protected>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.connector.connect(self.name, stream).await?;
            Ok(Protected(stream))
        })
    }
}

/// A protected connection.
pub(super) struct Protected(client::TlsStream<Socket>);

impl TlsStream for Protected {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Protected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Protected {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
