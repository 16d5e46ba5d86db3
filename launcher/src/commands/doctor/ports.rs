//! Ports that daemons have where nothing else is said: whether somebody else is there.

use std::io;
use std::net::TcpListener;

use super::finding::Finding;
use crate::daemon::home::{Home, Seat};

/// A port, what listens there, and whose it is when the daemon runs.
type Port = (u16, &'static str, fn(&Home) -> Seat);

const PORTS: &[Port] = &[
    (6817, "the controller (`prun up --listen`)", Home::controller),
    (6820, "the web page (`prun web`)", Home::web),
    (6821, "the REST API (`prun rest`)", Home::rest),
];

/// Looks at each of them.
pub(super) fn look(home: &Home) -> Vec<Finding> {
    let taken: Vec<(u16, &str)> = PORTS
        .iter()
        .filter(|(port, _, seat)| !is_free(*port) && seat(home).holder().is_none())
        .map(|(port, what, _)| (*port, *what))
        .collect();
    if taken.is_empty() {
        return vec![Finding::good("ports", "6817, 6820 and 6821 are free, or this cluster's own")];
    }
    let cure = |port: u16| {
        format!(
            "another place, as `--listen 127.0.0.1:0` chooses one; `ss -ltnp 'sport = :{port}'` shows who is there"
        )
    };
    let told = |(port, what): (u16, &str)| {
        Finding::note("ports", format!("{port} is taken, where {what} would be"), cure(port))
    };
    taken.into_iter().map(told).collect()
}

/// Whether nobody listens at a port of this machine.
fn is_free(port: u16) -> bool {
    !TcpListener::bind(("127.0.0.1", port)).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_until_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }
}
