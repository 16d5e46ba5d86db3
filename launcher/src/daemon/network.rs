//! What a daemon has on the network: a port, and the key that who comes there must have.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;

use prun_runtime::net::address::Address;
use prun_runtime::net::key::{Key, KeyError};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted: a step of some hundred ranks may come at once.
const BACKLOG: i32 = 1024;

/// Why a port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No address of this host.
    #[error(
        "`{0}` is no place to listen at: `HOST:PORT` is, as `127.0.0.1:6817`, or `0.0.0.0:6817` for all the network"
    )]
    Place(String),
    /// The system refuses.
    #[error("cannot listen at `{place}`")]
    Listen {
        /// Where.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// Who comes there could prove nothing.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Binds a port. To be called inside of a tokio runtime.
///
/// # Errors
/// [`NetworkError`].
pub fn listen(place: &str) -> Result<TcpListener, NetworkError> {
    let Some(Address::Tcp { host, port }) = Address::host_and_port(place) else {
        return Err(NetworkError::Place(place.to_owned()));
    };
    let fails = |source| NetworkError::Listen { place: place.to_owned(), source };
    let mut addresses = (host.as_str(), port).to_socket_addrs().map_err(fails)?;
    let address = addresses.next().ok_or_else(|| NetworkError::Place(place.to_owned()))?;
    bind(address).map_err(fails)
}

/// Binds an address; one of IPv6 without a host takes IPv4 too, where the system allows it. To be called inside of a tokio
/// runtime.
///
/// # Errors
/// Those of the system.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A daemon that is restarted has its port at once.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Where others reach a listener: at what it is bound to, or, where that is every address, at the one that this host
/// has on the way to them, or to anywhere.
#[must_use]
pub fn reached_at(listener: SocketAddr, on_the_way: Option<IpAddr>) -> Address {
    let ip = match listener.ip() {
        ip if ip.is_unspecified() => on_the_way.or_else(way_out).unwrap_or(ip),
        ip => ip,
    };
    Address::Tcp { host: ip.to_string(), port: listener.port() }
}

/// This host's address on the way to others, as the system would choose it. Nothing is sent.
fn way_out() -> Option<IpAddr> {
    /// Set aside for documentation (RFC 5737), so nobody's.
    const ANYWHERE: (&str, u16) = ("192.0.2.1", 9);
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(ANYWHERE).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Where a daemon has its cluster's key from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file that may not be there yet: a volume that several containers share gets it from the first.
    File(PathBuf),
    /// It was told the key.
    Told(Key),
}

impl KeySource {
    /// The key, now.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key(&self) -> Result<Key, KeyError> {
        match self {
            Self::File(path) => Key::read(path),
            Self::Told(key) => Ok(key.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_where_it_is_reached() {
        let at = |listener: &str, way: Option<&str>| {
            reached_at(listener.parse().unwrap(), way.map(|ip| ip.parse().unwrap())).to_string()
        };
        assert_eq!(at("0.0.0.0:6818", Some("10.1.2.3")), "tcp://10.1.2.3:6818");
        assert_eq!(at("[::]:6818", Some("fd00::2")), "tcp://[fd00::2]:6818");
        assert_eq!(at("127.0.0.1:7000", Some("10.1.2.3")), "tcp://127.0.0.1:7000");
    }

    #[tokio::test]
    async fn what_is_no_place_is_said() {
        assert!(matches!(listen("6817"), Err(NetworkError::Place(_))));
        let taken = listen("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_ne!(taken.port(), 0);
    }
}
