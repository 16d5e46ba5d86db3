//! One step from its creation to its end: programs, streams, launch, and then all that comes of it.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use prun_runtime::ids::JobId;
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::step::Exit;
use serde_bytes::ByteBuf;

use super::line::Asked;
use super::refused::Refused;
use super::{bcast, mpi, program, scripts, terminal};
use crate::commands::groups;
use crate::commands::submit::{self, own_variables};
use crate::controller::api::{JobView, Reply, Request as Ask, StepCreated, StepStart};
use crate::controller::client::AsyncClient;
use crate::environment::{exported, of_het_job, of_job, of_step};
use crate::fanout::input::Input;
use crate::fanout::launch::{MpiOffer, Own, Programs, launch};
use crate::fanout::reach::{Door, reach};
use crate::fanout::session::{Feeding, Outcome, Session};
use crate::fanout::signals::Signals;
use crate::fanout::verbose;
use crate::fanout::watch::{Settings, Watch};
use crate::gather::files::{self, Feed, OwnStreams, Streams};
use crate::gather::label::Labels;
use crate::gather::outputs::{Outputs, describe_error};
use crate::gather::sink::is_device;
use crate::script::pattern::{self, Letters, NO_ELEMENT, Step};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Over all tasks.
    pub(super) exit: Exit,
    /// What srun ends with.
    pub(super) code: u8,
}

/// Launches a step that has its CPUs, and stays until it is over. `components` are those of the job, where it was made for
/// this step.
pub(super) async fn run(
    asked: &Asked,
    created: &StepCreated,
    components: &[JobView],
    client: &mut AsyncClient,
    signals: &mut Signals,
) -> Result<Ended, Refused> {
    let mut asked = asked.clone();
    let screen = if asked.request.step.pty { terminal_size(&mut asked) } else { None };
    let own_streams = own_streams();
    let streams = files::lay_out(&asked.request, &created.plan, &letters(created), own_streams);
    let outputs = open_outputs(&asked, created, &streams, own_streams)?;
    let feeding = open_feed(&streams)?;
    let programs = programs(&asked, created).await?;
    let mpi = mpi_offer(&asked, &programs);
    let own = own(&asked, created, components, screen, mpi);
    let scripts_env = [own.environ.clone(), of_job(&created.job), of_step(created, &asked.request)].concat();
    if asked.request.flags.verbose > 0 {
        let job = created.job.allocation.as_ref().map(|all| verbose::allocation_line(created.key.job, all));
        for line in job.into_iter().chain(verbose::launch_lines(created.key, &created.plan)) {
            eprintln!("srun: {line}");
        }
    }
    let step = &asked.request.step;
    match scripts::run("prolog_srun", step.prolog.as_deref(), &asked.argv, &scripts_env).await {
        None | Some(0) => {}
        Some(code) => {
            return Err(Refused::error(&format!("srun prolog failed rc = {code}. Aborting step.")));
        }
    }
    start(client, launch(created, &asked.request, programs, &streams, own)).await?;
    let outcome = tokio::select! {
        outcome = watch(&asked, created, outputs, feeding, signals) => outcome?,
        never = stay_owner(client, created.key.job), if asked.job.is_none() => match never {},
    };
    if let Some(status) = scripts::run("epilog_srun", step.epilog.as_deref(), &asked.argv, &scripts_env)
        .await
        .filter(|s| *s != 0)
    {
        eprintln!("srun: error: srun epilog failed status={status}");
    }
    Ok(Ended { exit: outcome.exit, code: exit_code(&outcome) })
}

/// The terminal for `--pty`; without one the option is disregarded.
fn terminal_size(asked: &mut Asked) -> Option<(u16, u16)> {
    let size = terminal::size();
    if size.is_none() {
        eprintln!("srun: error: ioctl(TIOCGWINSZ): Inappropriate ioctl for device");
        eprintln!("srun: error: Not using a pseudo-terminal, disregarding --pty option");
        asked.request.step.pty = false;
        asked.request.step.unbuffered = true;
    }
    size
}

/// The group that a terminal listens to, if this PID namespace holds it.
fn foreground(terminal: impl AsFd) -> Option<i32> {
    rustix::termios::tcgetpgrp(terminal).ok().map(|group| group.as_raw_nonzero().get())
}

/// What is known of descriptors 0 to 2.
fn own_streams() -> OwnStreams {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let terminal = stdout.is_terminal();
    // Reading from the terminal of another process group would stop us.
    let background = stdin.is_terminal() && foreground(&stdin) != groups::own().group;
    OwnStreams {
        no_input: background || is_device(&stdin, 1, 3),
        joined: !terminal && same_file(&stdout, &stderr),
        terminal,
    }
}

fn same_file(one: &impl AsFd, other: &impl AsFd) -> bool {
    match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// What the letters of file names stand for in this step.
fn letters(created: &StepCreated) -> Letters {
    let job = &created.job;
    Letters {
        job: Some(created.key.job.0),
        array_job: Some(job.array.as_ref().map_or(created.key.job.0, |array| array.id.0)),
        element: job.array.as_ref().map_or(Some(NO_ELEMENT), |array| array.element),
        step: Some(Step::Numbered(created.key.step.0)),
        job_step: Some(created.key.to_string()),
        user: Some(job.submitter.user.clone()),
        name: Some(job.name.clone()),
        ..Letters::default()
    }
}

fn open_outputs(
    asked: &Asked,
    created: &StepCreated,
    streams: &Streams,
    own: OwnStreams,
) -> Result<Outputs, Refused> {
    let variable = |name: &str| std::env::var(name).ok();
    let order = |terminal| files::order(&asked.request, &variable, terminal);
    let orders = [order(own.terminal), order(io::stderr().is_terminal()), order(false)];
    let labels = asked.request.step.label.then(|| Labels::new(created.plan.size()));
    Outputs::open(streams, labels, orders, own.joined).map_err(|error| {
        let stdout = asked.request.job.stdout.as_ref();
        let is_stdout = stdout.is_some_and(|path| pattern::expand(path, &letters(created)) == error.path);
        let stream = if is_stdout { "stdout" } else { "stderr" };
        Refused::error(&format!("Could not open {stream} file: {}", describe_error(&error.source)))
    })
}

fn open_feed(streams: &Streams) -> Result<Option<Feeding>, Refused> {
    let descriptor = match &streams.feed {
        Feed::Nothing => return Ok(None),
        Feed::Stdin => io::stdin().as_fd().try_clone_to_owned(),
        Feed::File(path) => File::open(path).map(Into::into),
    };
    let input = descriptor
        .and_then(Input::read)
        .map_err(|error| Refused::error(&format!("Could not open stdin file: {}", describe_error(&error))))?;
    Ok(Some(Feeding { input, only: streams.feed_only, ends: true }))
}

/// The programs of all ranks, found here, and copied to the nodes where that is asked.
async fn programs(asked: &Asked, created: &StepCreated) -> Result<Programs, Refused> {
    let cwd = PathBuf::from(std::ffi::OsString::from_vec(asked.request.job.work_dir.to_vec()));
    let path = std::env::var_os("PATH");
    let find = |name: &ByteBuf| program::find(name, &cwd, path.as_deref());
    if asked.request.step.multi_prog {
        let file = program::read_multi_prog(&asked.argv)?;
        return program::by_rank(&file, &asked.argv, created.plan.size(), &find);
    }
    if !created.parts.is_empty() {
        let programs = asked.components().map(|(_, argv)| argv.as_slice());
        return Ok(program::of_parts(&created.parts, programs, &find));
    }
    if !asked.more.is_empty() {
        return Ok(program::side_by_side(created.plan.size(), &asked.argv, &asked.more, &find));
    }
    let mut argv = asked.argv.clone();
    argv[0] = find(&argv[0]);
    if let Some(wanted) = &asked.request.step.bcast {
        let copies = bcast::send(created, &argv[0], wanted, &asked.request.job.work_dir).await?;
        return Ok(program::on_nodes(&created.plan, &argv, &copies));
    }
    Ok(Programs::One(argv))
}

/// What the ranks' MPI libraries speak: all the same, by the program of rank 0.
fn mpi_offer(asked: &Asked, programs: &Programs) -> Option<MpiOffer> {
    let argv = match programs {
        Programs::One(argv) => argv,
        Programs::ByRank(by_rank) => by_rank.first()?,
    };
    let cwd = PathBuf::from(std::ffi::OsString::from_vec(asked.request.job.work_dir.to_vec()));
    mpi::offer(&asked.request.step, argv, &cwd, &|name| std::env::var(name).ok())
}

fn own(
    asked: &Asked,
    created: &StepCreated,
    components: &[JobView],
    screen: Option<(u16, u16)>,
    mpi: Option<MpiOffer>,
) -> Own {
    let spec = &asked.request.job;
    let mut environ = exported(&spec.export, own_variables());
    // A step from outside of its job finds nothing of the job in its environment.
    let known_as = created.job.het.map_or(created.key.job, |het| het.leader);
    if std::env::var("SLURM_JOB_ID").ok().as_deref() != Some(&known_as.to_string()) {
        environ.extend(of_job(&created.job));
        environ.extend(of_het_job(components));
    }
    let umask = submit::file_mask();
    let mut set = |name: &str, value: String| environ.push((ByteBuf::from(name), ByteBuf::from(value)));
    set("SLURM_UMASK", format!("{umask:04o}"));
    if let Ok(nice) = rustix::process::getpriority_process(None) {
        set("SLURM_PRIO_PROCESS", nice.to_string());
    }
    Own {
        environ,
        umask,
        rlimits: submit::soft_limits(spec.propagate.as_deref()),
        terminal: screen,
        cwd: spec.work_dir.clone(),
        mpi,
    }
}

async fn start(client: &mut AsyncClient, launch: StepLaunch) -> Result<(), Refused> {
    let key = launch.key;
    match client.call(Ask::LaunchStep(Box::new(StepStart { launch }))).await {
        Ok(Reply::Done) => Ok(()),
        Ok(Reply::Error(refusal)) => {
            Err(Refused::by_controller(&format!("Unable to launch StepId={key}"), &refusal))
        }
        Ok(_) => Err(Refused::error("the controller answers something else")),
        Err(error) => Err(Refused::link(&error)),
    }
}

/// Keeps a job that lives by this link alive through restarts of the controller.
async fn stay_owner(client: &mut AsyncClient, job: JobId) -> Infallible {
    while client.next_through(&Ask::Reclaim { job }).await.is_ok() {}
    std::future::pending().await
}

/// Gathers a running step's output until it is over.
async fn watch(
    asked: &Asked,
    created: &StepCreated,
    outputs: Outputs,
    feeding: Option<Feeding>,
    signals: &mut Signals,
) -> Result<Outcome, Refused> {
    let door = Door {
        key: created.key,
        secret: &created.secret,
        owner: true,
        plan: &created.plan,
        addresses: &created.addresses,
    };
    let connections = reach(&door)
        .await
        .map_err(|error| Refused::error(&format!("{error}: {}", describe_error(&error.source))))?;
    let step = &asked.request.step;
    let settings = Settings {
        command: "srun",
        kill_on_bad_exit: step.kill_on_bad_exit.unwrap_or(false),
        wait_ms: u64::from(step.wait_secs.unwrap_or(0)) * 1000,
        quit_on_interrupt: step.quit_on_interrupt,
        disable_status: step.disable_status,
        kill_wait_ms: created.kill_wait_ms,
        quiet: asked.request.flags.quiet,
        verbose: asked.request.flags.verbose > 0,
        onlooker: false,
        parts: created.parts.iter().map(|part| part.ranks).collect(),
    };
    let watch = Watch::new(created.key, &created.plan, settings);
    // Dropped at the end, whatever comes: then the terminal is as it was.
    let _raw = step.pty.then(terminal::Raw::enter).flatten();
    Ok(Session::new(connections, watch, outputs, feeding).run(signals).await)
}

/// The tasks' code, or 1 where they ended well and something else did not.
fn exit_code(outcome: &Outcome) -> u8 {
    let code = (outcome.exit.shell_code() & 0xff) as u8;
    if code == 0 && (outcome.output_failed || outcome.left) { 1 } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_the_tasks_or_tells_of_lost_output() {
        let outcome = |code, signal, output_failed| Outcome {
            exit: Exit { code, signal, ..Exit::default() },
            output_failed,
            left: false,
        };
        assert_eq!(exit_code(&outcome(0, 0, false)), 0);
        assert_eq!(exit_code(&outcome(0, 0, true)), 1);
        assert_eq!(exit_code(&outcome(7, 0, true)), 7);
        assert_eq!(exit_code(&outcome(0, 9, false)), 137);
    }
}
