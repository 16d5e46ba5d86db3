//! `prun web`: the cluster in a browser. A client of the controller as every command is, with a page for its answers.
//!
//! Over TCP it lets in whoever has the token, which stands in a file of the user's own and in the address that is
//! printed; there are no cookies, which browsers hand to every port of a host. Over a Unix socket (`--socket`) it lets
//! in this user's processes: a server that has asked its own users who they are, as JupyterLab has, goes before it.

mod actions;
mod cluster;
mod files;
mod guard;
mod output;
mod page;
mod submit;
mod text;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use self::page::{Entry, Page};
use super::dispatch::{fail, parse, trace};
use super::http::service::{self, Place, Service, ServiceError};
use super::http::token::{Token, TokenError};
use crate::daemon::home::Home;

/// Where the page is where nothing else is said: the port of Slurm's REST server, on this machine alone.
pub(crate) const ADDRESS: &str = "127.0.0.1:6820";

/// Shows the cluster in a browser, and submits jobs from there; prints the page's address
#[derive(Debug, Parser)]
#[command(name = "prun web", disable_version_flag = true)]
struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = ADDRESS)]
    listen: SocketAddr,
    #[command(flatten)]
    place: Place,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum WebError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Runs until it is told to end. Exits with 1 when it cannot run.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun web", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(options.place.verbose, "warn");
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun web", &error),
    }
}

fn start(Options { listen, place }: &Options) -> Result<(), WebError> {
    let home = Home::find(place.dir.as_deref()).map_err(ServiceError::from)?;
    let controller = service::controller(place, &home)?;
    let service = Service::new("prun web", *listen, place, home.web())?;
    let token = match place.socket {
        Some(_) => None,
        None => Some(Token::of(&home.web().path().join("token"))?),
    };
    Ok(service.run(|port| {
        let address = match (&token, port) {
            (Some(token), Some(port)) => page_address(token, listen.ip(), port),
            _ => String::new(),
        };
        let page = Arc::new(Page {
            controller,
            binary: std::env::current_exe()?,
            directory: std::env::current_dir()?,
            entry: token.map_or(Entry::Owner, Entry::Token),
        });
        Ok((page::router(page), address))
    })?)
}

/// Where a browser finds the page: behind `#`, so that the token is neither sent nor logged with the address.
fn page_address(token: &Token, ip: IpAddr, port: u16) -> String {
    // A browser cannot go to `0.0.0.0`; this machine itself is one of those that may.
    let host = match ip {
        IpAddr::V6(ip) if !ip.is_unspecified() => format!("[{ip}]"),
        IpAddr::V4(ip) if !ip.is_unspecified() => ip.to_string(),
        _ => "127.0.0.1".to_owned(),
    };
    format!("http://{host}:{port}/#token={}", token.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_a_browser_can_go_to() {
        let directory = tempfile::tempdir().unwrap();
        let token = Token::of(&directory.path().join("token")).unwrap();
        for (ip, host) in
            [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1")]
        {
            let expected = format!("http://{host}:1/#token={}", token.text());
            assert_eq!(page_address(&token, ip.parse().unwrap(), 1), expected);
        }
    }
}
