//! Where something listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An address: `unix:PATH` or `tcp://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket of this host.
    Unix(PathBuf),
    /// A port of a host, which has a name, an IPv4 address, or an IPv6 address in brackets.
    Tcp {
        /// The host; without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// No address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: `unix:PATH` and `tcp://HOST:PORT` are")]
pub struct AddressError(pub String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        text.strip_prefix("tcp://").and_then(Self::host_and_port).ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl Address {
    /// Reads `HOST:PORT`; `None` for anything else.
    #[must_use]
    pub fn host_and_port(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.or_else(|| (!host.contains(':')).then_some(host)).filter(|host| !host.is_empty())?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        host.chars().all(plain).then_some(())?;
        Some(Self::Tcp { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in
            ["unix:/run/prun/socket", "tcp://node1:6818", "tcp://10.0.0.7:1", "tcp://[fe80::1%eth0]:6818"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "unix:",
            "node1:6818",
            "tcp://node1",
            "tcp://:6818",
            "tcp://node1:70000",
            "tcp://fe80::1:6818",
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError(text.to_owned())));
        }
        assert_eq!("tcp://a b:1".parse::<Address>(), Err(AddressError("tcp://a b:1".to_owned())));
    }
}
