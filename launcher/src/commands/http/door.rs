//! Connections: who is let in at all, how many at a time, and how long one may take to ask.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prun_runtime::limits::{ACCEPT_RETRY, WEB_CONNECTIONS_MAX, WEB_REQUEST_WAIT};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

/// Where clients, or a server that goes before, connect.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Anything that bytes go over in both directions.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Listener {
    /// Listens on an address. Needs a tokio runtime.
    pub(crate) async fn tcp(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::Tcp(TcpListener::bind(address).await?))
    }

    /// Listens on a Unix socket, in the place of one that nobody listens on any more. Needs a tokio runtime.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(_) => {}
        }
        Ok(Self::Unix(UnixListener::bind(path)?))
    }

    /// The port, where there is one.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    /// Waits for a connection; `None` for one of another user.
    async fn accept(&self) -> io::Result<Option<Box<dyn Duplex>>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Some(Box::new(stream)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let ours = rustix::process::geteuid().as_raw();
                let same = stream.peer_cred().is_ok_and(|peer| peer.uid() == ours);
                Ok(same.then(|| Box::new(stream) as Box<dyn Duplex>))
            }
        }
    }
}

/// Serves connections for ever.
pub(crate) async fn keep(listener: Listener, router: Router) {
    let places = Arc::new(Semaphore::new(WEB_CONNECTIONS_MAX));
    loop {
        // While the house is full, the others wait outside: in the system's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok(Some(stream)) => stream,
            Ok(None) => {
                tracing::warn!("refused a connection of another user");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(WEB_REQUEST_WAIT);
            // A client that goes away in the middle of something is no error.
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
}
