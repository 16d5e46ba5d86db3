//! `prun job.sh`: runs a job script from its first line to its output, on the cluster that is configured or on one in
//! this very process.
//!
//! `ask` reads what is wanted, `place` says where it runs, `drive` submits and watches, `stream` shows the
//! script's own output.

mod ask;
mod drive;
mod on_slurm;
mod place;
mod refusal;
mod stream;

use std::error::Error;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use prun_runtime::net::address::Address;
use prun_runtime::server::guard::{Guard, Role, fork_guard};

use self::ask::{Asked, Job};
use self::drive::{DriveError, Outcome};
use self::place::Place;
use super::dispatch::fail;
use crate::controller::core::config::Config;
use crate::embedded::Cluster;
use crate::embedded::private_dir::PrivateDir;
use crate::embedded::shape::Shape;
use crate::hosts::{Channel, HostsCluster};
use crate::view::progress::Progress;
use crate::view::{plan, summary};

/// Runs `prun` with the words after its name. Returns in the guard and the step processes too, at their end.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    match ask::ask(words) {
        Asked::Told(code) => code,
        Asked::Plan(job) => draw(&job),
        Asked::OnSlurm(submission) => on_slurm::run(&submission),
        Asked::Run(job) => match &job.place {
            Place::Here(shape) => guarded(|directory, guard| run_here(&job, *shape, directory, guard)),
            Place::Hosts(hosts, ssh) => {
                let channels = hosts.iter().map(|host| Channel::Ssh(ssh.clone(), host.clone())).collect();
                guarded(|directory, guard| run_there(&job, channels, None, directory, guard))
            }
            Place::Allocation(srun) => {
                let channels = vec![Channel::Srun(srun.clone())];
                guarded(|directory, guard| run_there(&job, channels, Some(srun.job), directory, guard))
            }
            Place::At(controller) => submit(&job, controller),
        },
    }
}

/// Runs the job on a cluster that is there already.
fn submit(job: &Job, controller: &Address) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun", &error),
    };
    let outcome = runtime.block_on(async {
        let cluster = drive::name_of_cluster(controller).await?;
        if !job.quiet {
            eprintln!("prun: runs on cluster {cluster} at `{}`", controller);
        }
        show(job, controller, true).await
    });
    let unreachable = matches!(outcome, Err(DriveError::Client(_)));
    let code = conclude(job, outcome);
    if unreachable {
        eprintln!("prun: help: `--local NODESxCPUS` runs a job without a controller");
    }
    code
}

/// Forks the guard, while there is but one thread: however this process ends, what it has started and made goes.
fn guarded(run: impl FnOnce(PrivateDir, Guard) -> ExitCode) -> ExitCode {
    let directory = match PrivateDir::named() {
        Ok(directory) => directory,
        Err(error) => return fail("prun", &error),
    };
    match fork_guard(&directory.workspace()) {
        Ok(Role::RankServer(guard)) => run(directory, guard),
        Ok(Role::Ended(code)) => {
            // The directory's owner is another process, or was.
            std::mem::forget(directory);
            code
        }
        Err(error) => fail("prun", &error),
    }
}

/// Runs the job on a cluster in this process.
fn run_here(job: &Job, shape: Shape, directory: PrivateDir, guard: Guard) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun", &error),
    };
    // A person waits at the terminal: less patience than a cluster has.
    let config = Config { kill_wait_secs: 5, ..Config::of_this_machine().with_first_job() };
    runtime.block_on(async {
        let cluster = match Cluster::start(shape, directory, guard, config) {
            Ok(cluster) => cluster,
            Err(error) => return fail("prun", &error),
        };
        if let Some(note) = job.place.sharing().filter(|_| !job.quiet) {
            eprintln!("prun: {note}");
        }
        let outcome = show(job, &cluster.address(), false).await;
        cluster.stop().await;
        conclude(job, outcome)
    })
}

/// Runs the job on rank servers elsewhere, with their controller in this process.
fn run_there(
    job: &Job,
    channels: Vec<Channel>,
    number: Option<u32>,
    directory: PrivateDir,
    guard: Guard,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun", &error),
    };
    let config = Config {
        kill_wait_secs: 5,
        // Its link is its life: a rank server that is gone does not come back, and a job that waited for it would wait for
        // ever.
        node_timeout_secs: 1,
        job_requeue: false,
        // Inside of a real job it is that one to everybody.
        first_job: number,
        ..Config::of_this_machine()
    }
    .with_first_job();
    runtime.block_on(async {
        let started = HostsCluster::start(channels, directory, guard, config).await;
        let mut cluster = match started {
            Ok(cluster) => cluster,
            Err(error) => return fail("prun", &error),
        };
        let address = cluster.address();
        let mut shown = std::pin::pin!(show(job, &address, false));
        let outcome = loop {
            tokio::select! {
                outcome = &mut shown => break outcome,
                host = cluster.lost(), if cluster.has_hosts() => eprintln!("prun: lost `{host}`: what reached it has ended"),
            }
        };
        cluster.stop().await;
        conclude(job, outcome)
    })
}

/// Sees the job to its end, with a line about how far it is. A controller that is a daemon `comes_back`.
async fn show(job: &Job, controller: &Address, comes_back: bool) -> Result<Outcome, DriveError> {
    let progress = Progress::new(!job.quiet && std::io::stderr().is_terminal());
    let outcome = drive::drive(controller, job.submission.clone(), comes_back, &progress).await;
    progress.clear();
    outcome
}

/// The last words about a job, and its exit code.
fn conclude(job: &Job, outcome: Result<Outcome, DriveError>) -> ExitCode {
    match outcome {
        Ok(outcome) => {
            let shown = summary::summarise(&outcome.job, job.output_shown(&outcome.job).as_deref());
            if !job.quiet && !outcome.reader_gone {
                // With stderr gone there is nobody to tell.
                let _ = std::io::stderr().write_all(shown.as_bytes());
            }
            ExitCode::from(drive::exit_code(&outcome))
        }
        Err(DriveError::Refused(refusal)) => refusal::tell(job, &refusal),
        Err(error) => fail("prun", &error as &dyn Error),
    }
}

/// `--plan`: which rank would go where.
fn draw(job: &Job) -> ExitCode {
    if let Place::Hosts(..) | Place::Allocation(_) = job.place {
        eprintln!("prun: error: `--plan` asks no hosts: give their shape as `--local NODESxCPUS`");
        return ExitCode::from(2);
    }
    let nodes = match job.place.nodes() {
        Ok(nodes) => nodes,
        Err(error) => return fail("prun", &error),
    };
    match ask::plan_of(job, &nodes) {
        Ok((layout, warnings)) => {
            warnings.iter().chain(&job.place.sharing()).for_each(|line| eprintln!("prun: {line}"));
            let text = format!(
                "{} ranks on {} of {} nodes, as `srun` without options would lay them out\n{}",
                layout.size(),
                layout.nodes.len(),
                nodes.len(),
                plan::draw(&layout)
            );
            // A reader that has gone has what it wanted.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(refusal) => refusal::tell(job, &refusal),
    }
}
