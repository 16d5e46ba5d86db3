//! `prun top`: looks at a cluster as it goes, on a terminal. What is shown and what keys do is [`crate::view::top`];
//! here are the terminal, the controller and the clock.

mod follow;
mod link;
mod screen;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use prun_runtime::net::address::Address;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use self::follow::Follower;
use self::link::Link;
use self::screen::Screen;
use super::clock::Clock;
use super::dispatch::{fail, parse};
use super::ending::{Ending, finish};
use crate::controller::client::{self, ClientError};
use crate::view::top::state::{Act, Event, Model};

/// Shows a cluster as it goes: nodes, queue, ranks, output
#[derive(Debug, Parser)]
#[command(name = "prun top", disable_version_flag = true)]
struct Options {}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
enum TopError {
    #[error("{0} is no terminal; `squeue` and `sinfo` tell the same where there is none")]
    NoTerminal(&'static str),
    #[error("a terminal of the kind `{0}` cannot be drawn on; `squeue` and `sinfo` tell the same")]
    Dumb(String),
    #[error("cannot draw on the terminal")]
    Terminal(#[source] std::io::Error),
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(
        "the controller does not tell how the cluster is: it is of an older version, or too many look at it"
    )]
    NotTold,
}

/// Events that wait to be taken in; whoever brings more waits too.
const EVENTS_MAX: usize = 64;

/// What a signal adds to its number for an exit code.
const SIGNALLED: u8 = 128;

/// Runs until the user leaves, or the controller does.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    if let Err(code) = parse::<Options>("prun top", words) {
        return code;
    }
    match top() {
        Ok(code) => code,
        Err(TopError::Client(error)) => finish(Err(Ending::unreachable("prun top", &error))),
        Err(error) => fail("prun top", &error),
    }
}

fn top() -> Result<ExitCode, TopError> {
    let controller = client::address()?;
    let terminal = std::env::var("TERM").unwrap_or_default();
    match (std::io::stdin().is_terminal(), std::io::stdout().is_terminal()) {
        (_, false) => return Err(TopError::NoTerminal("stdout")),
        (false, true) => return Err(TopError::NoTerminal("stdin")),
        (true, true) if terminal == "dumb" => return Err(TopError::Dumb(terminal)),
        (true, true) => {}
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TopError::Start)?;
    let ending = runtime.block_on(look(controller));
    runtime.shutdown_background();
    ending
}

/// Connects first: a controller that is not there is said on a terminal that is as it was.
async fn look(controller: Address) -> Result<ExitCode, TopError> {
    let (tell, mut events) = mpsc::channel(EVENTS_MAX);
    let mut link = Link::open(controller.clone(), tell.clone()).await?;
    let mut model = Model::new(link.title(), Clock::system());
    let mut end = End::new().map_err(TopError::Start)?;
    let mut follower = Follower::new(controller, tell.clone());
    let mut screen = Screen::open(tell).map_err(TopError::Terminal)?;
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        screen.draw(&model).map_err(TopError::Terminal)?;
        let first = tokio::select! {
            event = events.recv() => event,
            _ = seconds.tick() => Some(Event::Clock(Clock::system())),
            lost = link.lost() => return Err(lost),
            code = end.wait() => return Ok(ExitCode::from(code)),
        };
        // All that has come meanwhile makes one picture.
        let waiting = std::iter::from_fn(|| events.try_recv().ok()).take(EVENTS_MAX).collect::<Vec<_>>();
        for event in first.into_iter().chain(waiting) {
            match model.update(event) {
                None => {}
                Some(Act::Ask(verb, request)) => link.ask(verb, *request),
                Some(Act::Follow(source)) => follower.follow(source),
                Some(Act::Unfollow) => follower.stop(),
                Some(Act::Quit) => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// Signals that end a program: with the terminal set back, which they would not do by themselves.
struct End {
    signals: [(u8, Signal); 3],
}

impl End {
    fn new() -> std::io::Result<Self> {
        let catch = |number: u8, kind| Ok::<_, std::io::Error>((number, signal(kind)?));
        Ok(Self {
            signals: [
                catch(1, SignalKind::hangup())?,
                catch(2, SignalKind::interrupt())?,
                catch(15, SignalKind::terminate())?,
            ],
        })
    }

    /// Waits for one; gives the exit code. Cancelling it loses nothing.
    async fn wait(&mut self) -> u8 {
        let [(hangup, first), (interrupt, second), (terminate, third)] = &mut self.signals;
        let number = tokio::select! {
            _ = first.recv() => *hangup,
            _ = second.recv() => *interrupt,
            _ = third.recv() => *terminate,
        };
        SIGNALLED + number
    }
}
