//! A connection to a rank of another node, through that node's one door.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::wire::frame::{FrameError, write_message};
use crate::wire::preamble::{Preamble, Target};

/// When a peer that says nothing is asked by the kernel whether it is there.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// Connects to a node as it has registered (`unix:PATH` or `HOST:PORT`), and says whom it wants. Blocks.
///
/// # Errors
/// Those of connecting and of the first write.
pub(crate) fn dial(address: &str, target: Target) -> Result<OwnedFd, FrameError> {
    let preamble = Preamble::new(target);
    match address.strip_prefix("unix:") {
        Some(path) => {
            let mut stream = UnixStream::connect(path)?;
            write_message(&mut stream, &preamble)?;
            Ok(stream.into())
        }
        None => {
            let mut stream = TcpStream::connect(address)?;
            tune(&stream)?;
            write_message(&mut stream, &preamble)?;
            Ok(stream.into())
        }
    }
}

/// Small messages go at once, and a peer whose machine is gone is noticed some time.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME))
}
