//! The launch of a job's script: one task on the first node of its allocation.

use std::collections::HashMap;

use prun_runtime::ids::{LaunchId, Rank, StepId, StepKey};
use prun_runtime::wire::launch::{
    Input, Machine, NodeTasks, Output, Program, Secret, StepLaunch, TaskLaunch,
};
use serde_bytes::ByteBuf;

use super::devices;
use super::files::batch_files;
use super::het::of_components;
use super::job::of_job;
use super::setter::{Setter, Variables, value};
use crate::controller::api::{JobView, Script, Submission};
use crate::layout::plan::NodeShare;

/// The launch of a job's script on the first node of its allocation; `None` for a job without script or nodes.
/// `components` are those of a heterogeneous job, which begins with this one.
#[must_use]
pub fn batch_launch(
    job: &JobView,
    components: &[JobView],
    submission: &Submission,
    secret: Secret,
    kill_wait_ms: u64,
) -> Option<StepLaunch> {
    let script = submission.script.as_ref()?;
    let first = job.allocation.as_ref()?.nodes.first()?;
    let task = task(job, submission);
    let node = NodeTasks { name: first.name.clone(), node_id: 0, env: Vec::new(), tasks: vec![task] };
    Some(StepLaunch {
        key: StepKey { job: job.id, step: StepId::BATCH },
        launch: LaunchId::default(),
        server_grace_ms: None,
        secret,
        job_name: job.name.clone(),
        size: 1,
        node_count: 1,
        programs: vec![program(script)],
        env: environment(job, components, submission, first),
        cwd: job.spec.work_dir.clone(),
        umask: submission.submitter.umask,
        rlimits: submission.submitter.rlimits.clone(),
        script: Some(script.content.clone()),
        pty: None,
        unbuffered: false,
        task_prolog: None,
        task_epilog: None,
        kill_wait_ms,
        owner_grace_ms: None,
        root: None,
        mpi: None,
        machine: Machine::default(),
        layout: Vec::new(),
        nodes: vec![node],
    })
}

fn program(script: &Script) -> Program {
    let path = ByteBuf::from(script.path.as_bytes());
    Program { argv: std::iter::once(path).chain(script.args.iter().cloned()).collect() }
}

fn task(job: &JobView, submission: &Submission) -> TaskLaunch {
    let files = batch_files(job);
    let append = job.spec.append == Some(true);
    let file = |path: ByteBuf| match path.as_slice() {
        b"/dev/null" => Output::Null,
        _ => Output::File { path, append },
    };
    let logged = submission.streams && job.spec.stdout.is_none();
    TaskLaunch {
        rank: Rank(0),
        local_rank: 0,
        program: 0,
        env: Vec::new(),
        // The script starts programs on all CPUs of its job, and other machines: it is not bound.
        cpus: Vec::new(),
        stdin: files.stdin.filter(|path| path.as_slice() != b"/dev/null").map_or(Input::Null, Input::File),
        stdout: if logged { Output::Log } else { file(files.stdout) },
        stderr: match files.stderr {
            Some(path) => file(path),
            None if logged => Output::Log,
            None => Output::Stdout,
        },
    }
}

/// The environment of the script: that of the submission, under the variables of the job and of its one task.
fn environment(
    job: &JobView,
    components: &[JobView],
    submission: &Submission,
    node: &NodeShare,
) -> Variables {
    let mut setter = Setter { variables: submitted(submission) };
    if value(&setter.variables, "PATH").is_none() {
        setter.set("PATH", "/usr/local/bin:/usr/bin:/bin");
    }
    for name in ["USER", "LOGNAME"] {
        if value(&setter.variables, name).is_none() {
            setter.set(name, &submission.submitter.user);
        }
    }
    setter.variables.extend(of_job(job));
    of_components(&mut setter, components);
    setter.set("ENVIRONMENT", "BATCH");
    setter.set("HOSTNAME", &node.name);
    setter.set("SLURM_CPUS_ON_NODE", node.cpus.len());
    for name in ["SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_PRIO_PROCESS"] {
        setter.set(name, 0);
    }
    setter.set("SLURM_OOM_KILL_STEP", 0);
    setter.set("SLURM_TOPOLOGY_ADDR", &node.name);
    setter.set("SLURM_TOPOLOGY_ADDR_PATTERN", "node");
    devices::of_job(&mut setter, &node.gres);
    last_of_each(setter.variables)
}

/// Variables of submission without those of a job that it was itself part of.
fn submitted(submission: &Submission) -> Variables {
    let foreign = |name: &[u8]| {
        name.starts_with(b"SLURM_")
            && OUTPUT_PREFIXES.iter().any(|prefix| name[6..].starts_with(prefix.as_bytes()))
            || name == b"SLURMD_NODENAME"
    };
    submission.env.iter().filter(|(name, _)| !foreign(name)).cloned().collect()
}

/// What the names of variables that describe a job, step or task begin with after `SLURM_`. Input variables of `srun`
/// (`SLURM_OVERLAP`, `SLURM_MPI_TYPE`, …) are not among them.
const OUTPUT_PREFIXES: [&str; 22] = [
    "ARRAY_",
    "CPUS_",
    "DIST",
    "EXPORT_ENV",
    "GET_USER_ENV",
    "GPUS",
    "GTIDS",
    "HET_SIZE",
    "JOB",
    "LAUNCH_NODE",
    "LOCALID",
    "MEM_PER_",
    "NNODES",
    "NODEID",
    "NODELIST",
    "NPROCS",
    "NTASKS",
    "PROCID",
    "STEP",
    "TASK",
    "TRES_PER_TASK",
    "RESTART_COUNT",
];

/// Each name once, with its last value.
fn last_of_each(variables: Variables) -> Variables {
    let last: HashMap<ByteBuf, usize> =
        variables.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    let kept = variables.into_iter().enumerate().filter(|(at, (name, _))| last.get(name) == Some(at));
    kept.map(|(_, variable)| variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::sample::{check, job, submission};

    fn launch(options: &str, env: &[(&str, &str)], streams: bool) -> StepLaunch {
        let job = job(options);
        let submission = Submission { streams, ..submission(&job, env) };
        batch_launch(&job, &[], &submission, Secret([1; 32]), 3000).unwrap()
    }

    fn file(path: &str, append: bool) -> Output {
        Output::File { path: ByteBuf::from(path), append }
    }

    #[test]
    fn the_script_runs_once_on_the_first_node() {
        let launch = launch("-n 3 -w n2", &[], false);
        let argv: Vec<_> = launch.programs[0].argv.iter().map(|word| word.to_vec()).collect();
        assert_eq!(argv, [&b"/work/job.sh"[..], b"one", b"two words"]);
        assert_eq!((launch.size, launch.node_count, launch.nodes.len()), (1, 1, 1));
        assert_eq!((launch.nodes[0].name.as_str(), launch.nodes[0].tasks.len()), ("n2", 1));
        assert_eq!((launch.umask, launch.kill_wait_ms, launch.owner_grace_ms), (0o27, 3000, None));
        assert_eq!(launch.cwd.as_slice(), b"/work");
        assert!(launch.key.step.is_batch() && launch.script.is_some());
    }

    #[test]
    fn a_job_without_script_or_nodes_has_no_launch() {
        let mut job = job("");
        let mut submission = submission(&job, &[]);
        job.allocation = None;
        assert!(batch_launch(&job, &[], &submission, Secret([1; 32]), 0).is_none());
        job = super::super::sample::job("");
        submission.script = None;
        assert!(batch_launch(&job, &[], &submission, Secret([1; 32]), 0).is_none());
    }

    #[test]
    fn streams_go_to_files_unless_the_launcher_wants_them() {
        let streams = |options: &str, streams: bool| {
            let task = launch(options, &[], streams).nodes.remove(0).tasks.remove(0);
            (task.stdin, task.stdout, task.stderr)
        };
        let default = file("/work/slurm-42.out", false);
        assert_eq!(streams("", false), (Input::Null, default, Output::Stdout));
        assert_eq!(streams("", true), (Input::Null, Output::Log, Output::Log));
        assert_eq!(streams("-e e", true), (Input::Null, Output::Log, file("/work/e", false)));
        assert_eq!(streams("-o o", true), (Input::Null, file("/work/o", false), Output::Stdout));
        let appended = (Input::File(ByteBuf::from("/in")), file("/work/o", true), file("/work/e", true));
        assert_eq!(streams("-o o -e e -i /in --open-mode=append", false), appended);
        assert_eq!(streams("-o /dev/null -e none", false), (Input::Null, Output::Null, Output::Null));
    }

    #[test]
    fn the_script_has_the_variables_of_one_task() {
        let env = launch("-n 3", &[("HOME", "/h"), ("TMPDIR", "/t"), ("HOSTNAME", "login")], false).env;
        check(
            &env,
            &[
                "HOME=/h",
                "TMPDIR=/t",
                "HOSTNAME=n1",
                "ENVIRONMENT=BATCH",
                "SLURM_PROCID=0",
                "SLURM_LOCALID=0",
                "SLURM_NODEID=0",
                "SLURM_GTIDS=0",
                "SLURM_CPUS_ON_NODE=2",
                "SLURM_JOB_ID=42",
                "SLURM_NTASKS=3",
                "SLURM_STEP_ID",
                "SLURM_STEP_NODELIST",
                "SLURM_PRIO_PROCESS=0",
                "USER=ada",
                "CUDA_VISIBLE_DEVICES",
            ],
        );
        let mut names: Vec<_> = env.iter().map(|(name, _)| name.clone()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        check(&launch("", &[], false).env, &["PATH=/usr/local/bin:/usr/bin:/bin"]);
        check(&launch("--gpus=2", &[], false).env, &["SLURM_JOB_GPUS=0,1", "CUDA_VISIBLE_DEVICES=0,1"]);
    }

    #[test]
    fn a_job_submitted_by_a_job_knows_only_itself() {
        let outer = [
            ("SLURM_NTASKS", "8"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_JOB_ID", "1"),
            ("SLURM_CPUS_PER_TASK", "4"),
            ("SLURM_OVERLAP", "1"),
            ("SLURM_MPI_TYPE", "pmi2"),
            ("SLURM_JOB_GPUS", "1"),
        ];
        check(
            &launch("", &outer, false).env,
            &[
                "SLURM_NTASKS",
                "SLURM_STEP_ID",
                "SLURM_ARRAY_TASK_ID",
                "SLURM_JOB_ID=42",
                "SLURM_CPUS_PER_TASK",
                "SLURM_OVERLAP=1",
                "SLURM_MPI_TYPE=pmi2",
                "SLURM_JOB_GPUS",
            ],
        );
    }
}
