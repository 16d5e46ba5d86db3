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
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::sync::OnceCell;

use self::api::{Api, Entry};
use super::dispatch::{fail, parse, trace};
use super::http::service::{self, Place, Service, ServiceError};
use super::http::token::{Token, TokenError};
use super::users;
use crate::daemon::home::{Home, HomeError};

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
    #[command(flatten)]
    place: Place,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
enum RestError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Key(#[from] KeyError),
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
    trace(options.place.verbose, "warn");
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun rest", &error),
    }
}

fn start(Options { listen, place }: &Options) -> Result<(), RestError> {
    let home = Home::find(place.dir.as_deref()).map_err(ServiceError::from)?;
    let controller = service::controller(place, &home)?;
    let service = Service::new("prun rest", *listen, place, home.rest())?;
    let entry = match place.socket {
        Some(_) => Entry::Owner,
        None => Entry::Key(key_of(&home)?),
    };
    Ok(service.run(|port| {
        let at = match (&place.socket, port) {
            (Some(path), _) => format!("unix:{}", path.display()),
            (None, port) => format!("http://{}", SocketAddr::new(listen.ip(), port.unwrap_or(listen.port()))),
        };
        let api = Arc::new(Api {
            controller,
            entry,
            at: at.clone(),
            user: users::own_name(),
            group: users::group_of(rustix::process::getgid().as_raw()).unwrap_or_default(),
            known_cluster: OnceCell::new(),
        });
        Ok((routes::router(api), at))
    })?)
}
