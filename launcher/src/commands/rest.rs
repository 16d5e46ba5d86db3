//! `prun rest`: Slurm's REST API (`slurmrestd(8)` of 24.11, version 0.0.42 of its data). A client of the controller as
//! `prun web` is, in a process of its own: what a stranger can make go wrong goes wrong there.
//!
//! A request goes in through `api` (who asks?), finds its handler by `routes`, and comes out through `answer`. Over TCP it
//! needs a token of `scontrol token`; over a Unix socket it must come from a process of this user.

mod accounting;
mod answer;
mod api;
mod cancel;
mod cluster;
mod describe;
mod entities;
mod errno;
mod jobs;
pub mod jwt;
mod nodes;
mod openapi;
mod routes;
mod submit;
mod value;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use prun_runtime::net::address::Address;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;

use self::api::{Api, Entry};
use super::dispatch::{fail, parse, trace};
use super::http::door::{self, Listener};
use super::http::token::{Token, TokenError, write_private};
use super::users;
use crate::controller::client::{self, ClientError};
use crate::daemon::home::{Home, HomeError, Seat};
use crate::daemon::ready;

/// Where the server is where nothing else is said: the port after that of Slurm's, which is the web page's, on this machine
/// alone.
pub(crate) const ADDRESS: &str = "127.0.0.1:6821";

/// Answers Slurm's REST API (/slurm/v0.0.42, /slurmdb/v0.0.42); prints its address. Over TCP it lets in who has a token:
/// export $(scontrol token)
#[derive(Debug, Parser)]
#[command(name = "prun rest", disable_version_flag = true, verbatim_doc_comment)]
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
    /// Run as a daemon of the cluster: `prun up --rest` starts it so
    #[arg(long, hide = true)]
    daemon: bool,
    /// Say more, on stderr; repeat for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
enum RestError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot listen on `{at}`")]
    Listen { at: String, source: io::Error },
    #[error("cannot start")]
    Start(#[from] io::Error),
}

/// Why there is no key to sign tokens with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// Its place cannot be had.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its file cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The key that a cluster's tokens are signed with, made where it is missing. Blocks.
///
/// # Errors
/// [`KeyError`].
pub(crate) fn key_of(home: &Home) -> Result<Token, KeyError> {
    let seat = home.rest();
    seat.make()?;
    Ok(Token::of(&seat.path().join("key"))?)
}

/// Runs until it is told to end. Exits with 1 when it cannot run.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun rest", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    trace(options.verbose, "warn");
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun rest", &error),
    }
}

fn start(options: &Options) -> Result<(), RestError> {
    let home = Home::find(options.dir.as_deref())?;
    let seat = home.rest();
    let controller = match &options.dir {
        Some(_) => home.controller().address(),
        None => client::address().or_else(|error| match error {
            // One that is started later is found there.
            ClientError::NoController => Ok(home.controller().address()),
            error => Err(error),
        })?,
    };
    let lock = options.socket.is_none().then(|| seat.take()).transpose()?;
    let entry = match options.socket {
        Some(_) => Entry::Owner,
        None => Entry::Key(key_of(&home)?),
    };
    if options.daemon {
        ready::detach();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(options, &seat, controller, entry));
    runtime.shutdown_background();
    drop(lock);
    ended
}

async fn serve(options: &Options, seat: &Seat, controller: Address, entry: Entry) -> Result<(), RestError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let wanted =
        options.socket.as_ref().map_or_else(|| options.listen.to_string(), |path| path.display().to_string());
    let fails = |source| RestError::Listen { at: wanted.clone(), source };
    let listener = match &options.socket {
        Some(path) => Listener::unix(path).map_err(fails)?,
        None => Listener::tcp(options.listen).await.map_err(fails)?,
    };
    let at = match listener.port() {
        Some(port) => format!("http://{}", SocketAddr::new(options.listen.ip(), port)),
        None => format!("unix:{wanted}"),
    };
    let api = Arc::new(Api {
        controller,
        entry,
        at: at.clone(),
        user: users::own_name(),
        group: users::group_of(rustix::process::getgid().as_raw()).unwrap_or_default(),
        known_cluster: OnceCell::new(),
    });
    tell(options, seat, &at)?;
    tokio::select! {
        () = door::keep(listener, routes::router(api)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    if let Some(path) = &options.socket {
        // Somebody may have removed it meanwhile.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Says where the server is: to who started it by hand, or in the daemon's directory.
fn tell(options: &Options, seat: &Seat, at: &str) -> io::Result<()> {
    if options.socket.is_none() {
        write_private(&address_file(seat), at)?;
        if !options.listen.ip().is_loopback() {
            eprintln!("prun rest: warning: whoever can listen to the network between sees all, tokens too");
        }
    }
    if options.daemon {
        return ready::say();
    }
    // Whoever started it may have gone; the server is there all the same.
    let _ = writeln!(io::stdout(), "{at}");
    Ok(())
}

/// Where a running server leaves its address.
fn address_file(seat: &Seat) -> PathBuf {
    seat.path().join("address")
}

/// The address of the server of a cluster, if there was one.
#[must_use]
pub(crate) fn address_of(seat: &Seat) -> Option<String> {
    std::fs::read_to_string(address_file(seat)).ok()
}

/// The command that runs the server as a daemon of a cluster.
#[must_use]
pub(crate) fn daemon(binary: &Path, home: &Home, listen: SocketAddr) -> std::process::Command {
    let mut command = std::process::Command::new(binary);
    command.arg("rest").arg("--daemon").arg("--dir").arg(home.path()).arg("--listen").arg(listen.to_string());
    command
}
