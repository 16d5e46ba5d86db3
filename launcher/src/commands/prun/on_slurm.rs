//! `prun --on slurm job.sh`: the same script through a real Slurm. It is submitted with one command put before its first:
//! inside the allocation that hands the script to prun, which starts its rank servers there with the real `srun`. So order of
//! output, barriers and collective calls are what they are everywhere.

use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::dispatch::fail;
use crate::commands::submit::script_source::Source;
use crate::environment::Variables;
use crate::real_slurm;
use crate::script::options::Request;
use crate::script::spec::JobSpec;

/// What is to be submitted.
#[derive(Debug)]
pub(super) struct OnSlurm {
    /// What script and command line ask for.
    pub(super) request: Request,
    /// The script's name as typed.
    pub(super) name: String,
    /// The script.
    pub(super) source: Source,
    /// The words before it.
    pub(super) options: Vec<String>,
}

/// Why it does not go through.
#[derive(Debug, thiserror::Error)]
enum OnSlurmError {
    #[error("no real Slurm here: there is no `{0}` but prun's own")]
    NoSlurm(&'static str),
    #[error("`{0}` is no script of `sh`: only those can hand themselves to prun inside of the allocation")]
    NotShell(String),
    #[error("a script's file cannot be made")]
    File(#[from] io::Error),
    #[error("Slurm has not taken the job: `sbatch` ended with {0}")]
    Refused(ExitStatus),
}

/// Submits, waits, shows. Exits with the job's code, as `sbatch --wait` does.
pub(super) fn run(submission: &OnSlurm) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail("prun", &error),
    };
    match runtime.block_on(drive(submission)) {
        Ok(code) => code,
        Err(error) => fail("prun", &error),
    }
}

async fn drive(submission: &OnSlurm) -> Result<ExitCode, OnSlurmError> {
    let find = |name: &'static str| real_slurm::find(name).ok_or(OnSlurmError::NoSlurm(name));
    let (sbatch, scancel, scontrol) = (find("sbatch")?, find("scancel")?, find("scontrol")?);
    let own = std::env::current_exe()?;
    let text = handed_over(&submission.source.script.content, &own)
        .ok_or_else(|| OnSlurmError::NotShell(submission.name.clone()))?;
    // Slurm calls a job as its file is called, and keeps a copy of it.
    let directory = tempfile::tempdir()?;
    let name = Path::new(&submission.name).file_name().unwrap_or("wrap".as_ref());
    let file = directory.path().join(name);
    std::fs::write(&file, text)?;
    let mut command = Command::new(sbatch);
    command.args(["--wait", "--parsable"]).args(for_sbatch(&submission.options)).arg(&file);
    command.args(submission.source.script.args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A terminal's Ctrl-C would end it, and the job would go on.
    command.process_group(0);
    let mut child = command.spawn()?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut said).await?;
    }
    let Ok(job) = said.trim().split(';').next().unwrap_or_default().parse::<u32>() else {
        return Err(OnSlurmError::Refused(child.wait().await?));
    };
    let quiet = submission.request.flags.quiet;
    if !quiet {
        eprintln!("prun: job {job} on Slurm");
    }
    let mut stopped = false;
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("prun: stopping job {job}");
        stopped = true;
        Command::new(&scancel).arg(job.to_string()).status().await?;
    };
    if submission.request.job.stdout.is_none() && submission.request.job.array.is_none() {
        show(&scontrol, job).await?;
    }
    // Slurm tells 0 of a script that ends well when it is asked to.
    if stopped {
        return Ok(ExitCode::from(130));
    }
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Shows what the script has written, where it names no file for it.
async fn show(scontrol: &Path, job: u32) -> Result<(), OnSlurmError> {
    let told = Command::new(scontrol).args(["show", "job", &job.to_string()]).output().await?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let Some(path) = text.lines().find_map(|line| line.trim().strip_prefix("StdOut=")) else { return Ok(()) };
    match std::fs::File::open(path) {
        Ok(mut file) => {
            let copied = io::copy(&mut file, &mut io::stdout());
            // A reader that has gone has what it wanted.
            let _ = copied.and_then(|_| io::stdout().flush());
        }
        Err(error) => eprintln!("prun: the output stands in `{path}` on the job's first node: {error}"),
    }
    Ok(())
}

/// Words that only prun knows, with their values where those are words of their own.
const OWN_OPTIONS: [&str; 4] = ["--on", "--order", "--ssh", "--hosts"];

/// The words that Slurm's `sbatch` knows.
fn for_sbatch(options: &[String]) -> Vec<String> {
    let (mut kept, mut skip) = (Vec::new(), false);
    for word in options {
        let own = OWN_OPTIONS.iter().any(|own| word == own || word.starts_with(&format!("{own}=")));
        if !own && !std::mem::take(&mut skip) {
            kept.push(word.clone());
        }
        skip = own && !word.contains('=');
    }
    kept
}

/// Shells whose scripts begin as this one does.
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "ksh", "zsh"];

/// The script with the command before its first: outside of a job of prun's it becomes prun, which runs it again. Lines keep
/// their numbers, and directives their places. `None` where it is no script of such a shell.
fn handed_over(script: &[u8], prun: &Path) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(script).ok()?;
    let interpreter = text.lines().next()?.strip_prefix("#!")?;
    let shell = interpreter
        .split_whitespace()
        .filter_map(|word| word.rsplit('/').next())
        .find(|word| *word != "env")?;
    SHELLS.contains(&shell).then_some(())?;
    let quoted = prun.display().to_string().replace('\'', r"'\''");
    let command = format!(
        "[ -n \"${{PRUN_SOCKET-}}\" ] || exec env -u PRUN_CONTROLLER '{quoted}' --quiet \"$0\" \"$@\"; "
    );
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            break;
        }
        at += line.len();
    }
    let newline = if at == text.len() && !text.ends_with('\n') { "\n" } else { "" };
    Some(format!("{}{newline}{command}{}", &text[..at], &text[at..]).into_bytes())
}

/// What Slurm has settled already for the job that this script is part of: what is left is how many tasks, and where.
pub(super) fn settle_inside(job: &mut JobSpec, env: &mut Variables) {
    let name = std::env::var("SLURM_JOB_NAME").ok();
    let settled = JobSpec {
        name: name.or_else(|| job.name.take()),
        ntasks: job.ntasks,
        nodes: job.nodes,
        cpus_per_task: job.cpus_per_task,
        ntasks_per_node: job.ntasks_per_node,
        ntasks_per_socket: job.ntasks_per_socket,
        ntasks_per_core: job.ntasks_per_core,
        nodelist: std::mem::take(&mut job.nodelist),
        distribution: job.distribution.take(),
        overcommit: job.overcommit,
        export: job.export.clone(),
        submit_dir: std::mem::take(&mut job.submit_dir),
        work_dir: std::mem::take(&mut job.work_dir),
        propagate: job.propagate.take(),
        // Slurm's file is where this process writes to.
        stdout: None,
        stderr: None,
        stdin: None,
        ..JobSpec::default()
    };
    *job = settled;
    // Of the job around, only what tells elements of an array apart means anything to the job inside.
    let stays = |name: &[u8]| {
        name.starts_with(b"SLURM_ARRAY_")
            || name == b"SLURM_CONF"
            || ![&b"SLURM"[..], b"SBATCH_", b"PMI", b"SRUN_"].iter().any(|of| name.starts_with(of))
    };
    env.retain(|(name, _)| stays(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(script: &str) -> Option<String> {
        handed_over(script.as_bytes(), Path::new("/opt/it's/prun"))
            .map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn the_command_stands_before_the_first_and_lines_keep_their_numbers() {
        let script = "#!/bin/bash\n#SBATCH -n 2\n\n# words\nsrun hostname\n";
        let text = over(script).unwrap();
        assert!(text.starts_with("#!/bin/bash\n#SBATCH -n 2\n\n# words\n[ -n "), "{text}");
        assert!(text.contains("'/opt/it'\\''s/prun' --quiet \"$0\" \"$@\"; srun hostname\n"), "{text}");
        assert_eq!(text.lines().count(), script.lines().count());
        assert!(over("#!/usr/bin/env bash\ntrue").unwrap().ends_with("; true"));
        assert!(over("#!/bin/sh").unwrap().starts_with("#!/bin/sh\n["));
        for other in ["#!/usr/bin/python3\nx=1\n", "true\n", "#!/bin/csh\n"] {
            assert_eq!(over(other), None, "{other}");
        }
    }

    #[test]
    fn words_of_prun_are_not_for_sbatch() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            for_sbatch(&words("--on slurm -n 2 --order=rank -p debug --order line -t 5")),
            words("-n 2 -p debug -t 5")
        );
        assert_eq!(for_sbatch(&words("--on=slurm -Q")), ["-Q"]);
    }

    #[test]
    fn inside_only_the_size_is_left_of_a_job() {
        let mut job = JobSpec { ntasks: Some(6), ..JobSpec::default() };
        (job.account, job.stdout) = (Some("a".to_owned()), Some("out".to_owned()));
        let entry = |name: &str| (name.as_bytes().to_vec().into(), b"x".to_vec().into());
        let mut env: Variables =
            ["HOME", "SLURM_NTASKS", "SLURM_ARRAY_TASK_ID", "PMI_RANK", "SLURM_CONF"].map(entry).into();
        settle_inside(&mut job, &mut env);
        assert_eq!((job.ntasks, job.account, job.stdout), (Some(6), None, None));
        let names: Vec<_> = env.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["HOME", "SLURM_ARRAY_TASK_ID", "SLURM_CONF"]);
    }
}
