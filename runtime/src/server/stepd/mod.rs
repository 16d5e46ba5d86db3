//! The step process: owns the tasks of one step on one rank server.
//!
//! It is single-threaded and serves four kinds of peers: the rank server (`server_link`), launchers (`link`: output is
//! pulled, input is pushed), ranks (`rank_link`: collective calls, messages; `pmi`), and its tasks' pipes (`step`). It
//! ends when its tasks are gone and its launchers have what they want. When its rank server goes first, it kills its
//! tasks; or, where it has a door of its own (`tenure`), it goes on and waits for the next rank server.

mod answer;
mod aside;
mod blocked;
mod children;
mod collective;
mod ending;
mod environment;
mod exchange;
mod fence;
mod input;
mod introductions;
mod link;
mod log;
mod mailbox;
mod membership;
mod news;
mod notice;
mod pmi;
mod pmix;
mod program;
mod pump;
mod rank_call;
mod rank_link;
mod room;
mod root;
mod scripts;
mod server_link;
mod singletons;
mod stdio;
mod step;
mod task;
mod tenure;
mod turns;
mod virtual_nodes;
mod visitors;

use std::io;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use self::step::Step;
use self::tenure::Tenure;
use super::control;
use super::guard::Workspace;
use super::{descendants, shared_memory};
use crate::wire::frame::FrameError;
use crate::wire::stepd::ToStepd;

/// Why a step process ends before its step.
#[derive(Debug, thiserror::Error)]
enum StepdError {
    #[error("cannot set up the step process")]
    Setup(#[from] io::Error),
    #[error("lost the rank server")]
    Link(#[from] FrameError),
}

/// The life of a step process. Blocks until its end; must be called without other threads.
#[must_use]
pub fn run(link: UnixStream, workspace: &Workspace) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StepdError::from)
        .and_then(|runtime| runtime.block_on(LocalSet::new().run_until(serve(link, workspace))));
    // Whatever happened: nothing that this step started stays.
    descendants::kill_all_but(&[]);
    let _ = std::fs::remove_dir_all(shared_memory::directory_of(rustix::process::getpid()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "step process");
            ExitCode::FAILURE
        }
    }
}

async fn serve(link: UnixStream, workspace: &Workspace) -> Result<(), StepdError> {
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).map_err(io::Error::from)?;
    rustix::thread::set_name(c"prun-stepd").map_err(io::Error::from)?;
    raise_descriptor_limit();
    let mut children = signal(SignalKind::child())?;
    let (to_server, mut from_server) = control::split(link)?;
    let Some(ToStepd::Launch(launch)) = from_server.receive().await? else { return Ok(()) };
    // Without one, the next descriptor may be a later message's.
    let door = if workspace.lasting { from_server.descriptor() } else { None };
    let step = Step::new(*launch, workspace.clone(), door.is_some());
    let mut tenure = Tenure::begin(&step, (to_server, from_server), door)?;
    step.start();
    loop {
        tokio::select! {
            _ = children.recv() => step.reap(),
            served = tenure.goes_on() => if !served {
                return Ok(());
            },
            () = step.is_over() => {
                tenure.end().await;
                return Ok(());
            }
        }
    }
}

/// Every task takes up to three descriptors here. Tasks themselves get their submitter's limit.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it there are fewer: the error will name what could not be opened.
    let _ = setrlimit(Resource::Nofile, limit);
}
