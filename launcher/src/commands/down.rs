//! `prun down`: ends a cluster of background daemons.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use prun_runtime::server::heirs;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::dispatch::{fail, parse};
use crate::controller::api::Request;
use crate::controller::client::Client;
use crate::daemon::home::{Home, HomeError, Seat};

/// Ends a cluster's daemons and what runs on them
#[derive(Debug, Parser)]
#[command(name = "prun down", disable_version_flag = true)]
struct Options {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Remove the directory as well, with all the cluster remembers
    #[arg(long)]
    purge: bool,
}

/// Why a cluster does not go down.
#[derive(Debug, thiserror::Error)]
enum DownError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("cannot signal `{}`", place.display())]
    Signal { place: PathBuf, source: std::io::Error },
    #[error("cannot end the steps in `{}`", place.display())]
    Steps { place: PathBuf, source: std::io::Error },
    #[error("`{}` is no directory of a cluster", .0.display())]
    NotACluster(PathBuf),
    #[error("cannot remove `{}`", path.display())]
    Remove { path: PathBuf, source: std::io::Error },
}

/// Seconds that a daemon may take to end its jobs, before it is killed.
const PATIENCE_SECS: i64 = 45;

/// Ends the daemons, the controller first so that it ends the jobs. Nothing to end is no error.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let options: Options = match parse("prun down", words) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match down(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("prun down", &error),
    }
}

fn down(options: &Options) -> Result<(), DownError> {
    let home = Home::find(options.dir.as_deref())?;
    end(&home.web())?;
    end(&home.rest())?;
    end_jobs(&home);
    end(&home.controller())?;
    for (_, seat) in home.nodes() {
        end(&seat)?;
        end_steps(&seat)?;
    }
    end(&home.hosts())?;
    if options.purge && home.path().exists() {
        if !home.controller().path().exists() {
            return Err(DownError::NotACluster(home.path().to_owned()));
        }
        // Only what is a cluster's: somebody may keep other things there.
        for path in [
            home.bin(),
            home.controller().path().to_owned(),
            home.path().join("nodes"),
            home.web().path().to_owned(),
            home.rest().path().to_owned(),
            home.hosts().path().to_owned(),
        ] {
            gone(&path, std::fs::remove_dir_all(&path))?;
        }
        for file in [home.config(), home.key()] {
            gone(&file, std::fs::remove_file(&file))?;
        }
        // Not empty: it holds something of somebody else.
        let _ = std::fs::remove_dir(home.path());
    }
    Ok(())
}

/// What was never there is gone too.
fn gone(path: &Path, removed: std::io::Result<()>) -> Result<(), DownError> {
    match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(DownError::Remove { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Asks the controller to end its jobs and itself. One that cannot be asked is ended all the same.
fn end_jobs(home: &Home) {
    let asked = Client::connect_to(&home.controller().address())
        .and_then(|mut client| client.call(Request::Shutdown));
    if let Err(error) = asked {
        tracing::info!(%error, "the controller does not end by itself");
    }
}

/// Ends the steps that a rank server has left, which wait for the next one, and removes their files.
fn end_steps(seat: &Seat) -> Result<(), DownError> {
    let directory = seat.workspace().directory;
    heirs::end_all(&directory).map_err(|source| DownError::Steps { place: directory.clone(), source })?;
    gone(&directory, std::fs::remove_dir_all(&directory))
}

/// Ends the daemon of a place and waits for its end.
fn end(seat: &Seat) -> Result<(), DownError> {
    let fails =
        |error: rustix::io::Errno| DownError::Signal { place: seat.path().to_owned(), source: error.into() };
    let Some(pid) = seat.holder() else { return Ok(()) };
    let Ok(daemon) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    // Still the same process: the number was not given to another one between the two.
    if seat.holder() != Some(pid) {
        return Ok(());
    }
    for (signal, seconds) in [(Signal::TERM, PATIENCE_SECS), (Signal::KILL, 5)] {
        match pidfd_send_signal(&daemon, signal) {
            Ok(()) => {}
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(fails(error)),
        }
        let timeout = rustix::time::Timespec { tv_sec: seconds, tv_nsec: 0 };
        let mut ended = [PollFd::new(&daemon, PollFlags::IN)];
        if poll(&mut ended, Some(&timeout)).map_err(fails)? > 0 {
            return Ok(());
        }
    }
    Ok(())
}
