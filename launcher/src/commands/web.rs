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
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use prun_runtime::net::address::Address;
use tokio::signal::unix::{SignalKind, signal};

use self::page::{Entry, Page};
use super::dispatch::{fail, parse, trace};
use super::http::door::{self, Listener};
use super::http::token::{self, Token, TokenError};
use crate::controller::client::{self, ClientError};
use crate::daemon::home::{Home, HomeError, Seat};
use crate::daemon::ready;

/// Where the page is where nothing else is said: the port of Slurm's REST server, on this machine alone.
pub(crate) const ADDRESS: &str = "127.0.0.1:6820";

/// Shows the cluster in a browser, and submits jobs from there; prints the page's address
#[derive(Debug, Parser)]
#[command(name = "prun web", disable_version_flag = true)]
struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = ADDRESS)]
    listen: SocketAddr,
    /// Listen on a Unix socket instead, for this user's processes, which need no token
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    socket: Option<PathBuf>,
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Run as a daemon of the cluster: `prun up --web` starts it so
    #[arg(long, hide = true)]
    daemon: bool,
    /// Say more, on stderr; repeat for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum WebError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("cannot listen on `{at}`")]
    Listen { at: String, source: io::Error },
    #[error("cannot start")]
    Start(#[from] io::Error),
}

/// Runs until it is told to end. Exits with 1 when it cannot run.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun web", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(options.verbose, "warn");
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun web", &error),
    }
}

fn start(options: &Options) -> Result<(), WebError> {
    let home = Home::find(options.dir.as_deref())?;
    let seat = home.web();
    let controller = match &options.dir {
        Some(_) => home.controller().address(),
        None => client::address().or_else(|error| match error {
            // One that is started later is found there.
            ClientError::NoController => Ok(home.controller().address()),
            error => Err(error),
        })?,
    };
    let lock = options.socket.is_none().then(|| seat.take()).transpose()?;
    let token = match options.socket {
        Some(_) => None,
        None => Some(Token::of(&seat.path().join("token"))?),
    };
    if options.daemon {
        ready::detach();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(options, &seat, controller, token));
    runtime.shutdown_background();
    drop(lock);
    ended
}

async fn serve(
    options: &Options,
    seat: &Seat,
    controller: Address,
    token: Option<Token>,
) -> Result<(), WebError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let at =
        options.socket.as_ref().map_or_else(|| options.listen.to_string(), |path| path.display().to_string());
    let fails = |source| WebError::Listen { at, source };
    let listener = match &options.socket {
        Some(path) => Listener::unix(path).map_err(fails)?,
        None => Listener::tcp(options.listen).await.map_err(fails)?,
    };
    let address = match (&token, listener.port()) {
        (Some(token), Some(port)) => page_address(token, options.listen.ip(), port),
        _ => String::new(),
    };
    let page = Arc::new(Page {
        controller,
        binary: std::env::current_exe()?,
        directory: std::env::current_dir()?,
        entry: token.map_or(Entry::Owner, Entry::Token),
    });
    tell(options, seat, &address)?;
    tokio::select! {
        () = door::keep(listener, page::router(page)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    if let Some(path) = &options.socket {
        // Somebody may have removed it meanwhile.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Says where the page is: to who started it by hand, or in the daemon's directory.
fn tell(options: &Options, seat: &Seat, address: &str) -> io::Result<()> {
    if options.socket.is_none() {
        token::write_private(&address_file(seat), address)?;
        if !options.listen.ip().is_loopback() {
            eprintln!("prun web: warning: whoever can listen to the network between sees all, the token too");
        }
    }
    if options.daemon {
        return ready::say();
    }
    if !address.is_empty() {
        // Whoever started it may have gone; the page is there all the same.
        let _ = writeln!(io::stdout(), "{address}");
    }
    Ok(())
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

/// Where a running page leaves its address, token included.
fn address_file(seat: &Seat) -> PathBuf {
    seat.path().join("address")
}

/// The address of the page of a cluster, if there was one.
#[must_use]
pub(crate) fn address_of(seat: &Seat) -> Option<String> {
    std::fs::read_to_string(address_file(seat)).ok()
}

/// The command that runs the page as a daemon of a cluster.
#[must_use]
pub(crate) fn daemon(binary: &Path, home: &Home, listen: SocketAddr) -> std::process::Command {
    let mut command = std::process::Command::new(binary);
    command.arg("web").arg("--daemon").arg("--dir").arg(home.path()).arg("--listen").arg(listen.to_string());
    command
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
