//! Variables of a job.

use super::export;
use super::setter::{Setter, Variables, by_node};
use crate::controller::api::{ArrayView, JobView};
use crate::layout::demand::Demand;
use crate::script::hostlist;
use crate::script::spec::{
    Distribution, Export, GresPer, InnerDistribution, JobSpec, Memory, NodeDistribution,
};

/// Variables of a job, as its script or the command of `salloc` finds them (`sbatch(1)`, output environment
/// variables).
#[must_use]
pub fn of_job(job: &JobView) -> Variables {
    let mut setter = Setter::default();
    identity(&mut setter, job);
    times(&mut setter, job);
    allocation(&mut setter, job);
    request(&mut setter, &job.spec);
    tasks(&mut setter, &job.spec);
    devices(&mut setter, &job.spec);
    if let Some(array) = &job.array {
        self::array(&mut setter, &job.spec, array);
    }
    setter.variables
}

fn identity(setter: &mut Setter, job: &JobView) {
    setter.set("SLURM_CLUSTER_NAME", &job.cluster);
    // Whichever component of a heterogeneous job this is, its programs know it by the leader's number.
    let number = job.het.map_or(job.id, |het| het.leader);
    setter.set("SLURM_JOB_ID", number);
    setter.set("SLURM_JOBID", number);
    // A script on standard input has a name for `squeue` only.
    let name = job.spec.name.as_ref().or_else(|| (!job.batch).then_some(&job.name));
    setter.set_if("SLURM_JOB_NAME", name);
    setter.set("SLURM_JOB_ACCOUNT", &job.account);
    setter.set("SLURM_JOB_QOS", &job.qos);
    setter.set("SLURM_JOB_PARTITION", &job.partition);
    setter.set_if("SLURM_JOB_RESERVATION", job.spec.reservation.as_ref());
    setter.set_if("SLURM_JOB_LICENSES", job.spec.licenses.as_ref());
    setter.set("SLURM_JOB_UID", job.submitter.uid);
    setter.set("SLURM_JOB_GID", job.submitter.gid);
    setter.set("SLURM_JOB_USER", &job.submitter.user);
    setter.set_bytes("SLURM_SUBMIT_DIR", &job.spec.submit_dir);
    setter.set("SLURM_SUBMIT_HOST", &job.submitter.host);
    setter.set_if("SLURM_RESTART_COUNT", (job.restarts > 0).then_some(job.restarts));
    if job.batch {
        setter.set_if("SLURM_EXPORT_ENV", export::text(&job.spec.export));
        let login = job.spec.get_user_env || job.spec.export != Export::Default;
        setter.set_if("SLURM_GET_USER_ENV", login.then_some(1));
    }
}

fn times(setter: &mut Setter, job: &JobView) {
    setter.set_if("SLURM_JOB_START_TIME", job.start_time.map(|time| time as i64));
    setter.set_if("SLURM_JOB_END_TIME", job.end_time.map(|time| time as i64));
}

/// Which nodes and CPUs it holds.
pub(super) fn allocation(setter: &mut Setter, job: &JobView) {
    let Some(allocation) = &job.allocation else { return };
    let names: Vec<String> = allocation.nodes.iter().map(|share| share.name.clone()).collect();
    let nodes = hostlist::compress(&names);
    setter.set("SLURM_JOB_NODELIST", &nodes);
    setter.set("SLURM_NODELIST", &nodes);
    setter.set("SLURM_JOB_NUM_NODES", names.len());
    setter.set("SLURM_NNODES", names.len());
    setter.set("SLURM_JOB_CPUS_PER_NODE", by_node(allocation.nodes.iter().map(|share| share.cpus.len())));
    setter.set("SLURM_TASKS_PER_NODE", by_node(allocation.nodes.iter().map(|share| share.tasks as usize)));
}

/// What was asked for, where somebody asked.
fn request(setter: &mut Setter, spec: &JobSpec) {
    match spec.memory {
        // All of a node's memory is no number.
        Some(Memory::PerNode(0) | Memory::PerCpu(0) | Memory::PerGpu(0)) | None => {}
        Some(Memory::PerNode(memory)) => setter.set("SLURM_MEM_PER_NODE", memory),
        Some(Memory::PerCpu(memory)) => setter.set("SLURM_MEM_PER_CPU", memory),
        Some(Memory::PerGpu(memory)) => setter.set("SLURM_MEM_PER_GPU", memory),
    }
    if let Some(distribution) = &spec.distribution {
        self::distribution(setter, distribution);
    }
    setter.set_if("SLURM_OVERCOMMIT", spec.overcommit.then_some(1));
    setter.set_if("SLURM_HINT", spec.hint.as_ref());
    setter.set_if("SLURM_THREADS_PER_CORE", threads_per_core(spec));
    setter.set_if("SLURM_CPU_FREQ_REQ", spec.cpu_freq.as_ref());
    setter.set_if("SLURM_NETWORK", spec.network.as_ref());
    setter.set_if("SLURM_OPEN_MODE", spec.append.map(|append| if append { "a" } else { "t" }));
}

/// `--threads-per-core`, and what `--hint=nomultithread` says about it.
pub(super) fn threads_per_core(spec: &JobSpec) -> Option<u32> {
    let single = spec.hint.as_deref().is_some_and(|hint| hint.eq_ignore_ascii_case("nomultithread"));
    spec.geometry.2.or(single.then_some(1))
}

fn tasks(setter: &mut Setter, spec: &JobSpec) {
    let tasks = Demand::of(spec).ok().filter(|demand| demand.tasks_given).map(|demand| demand.tasks);
    setter.set_if("SLURM_NTASKS", tasks);
    setter.set_if("SLURM_NPROCS", tasks);
    setter.set_if("SLURM_NTASKS_PER_NODE", spec.ntasks_per_node.filter(|&tasks| tasks > 0));
    setter.set_if("SLURM_NTASKS_PER_SOCKET", spec.ntasks_per_socket);
    setter.set_if("SLURM_NTASKS_PER_CORE", spec.ntasks_per_core);
    setter.set_if("SLURM_NTASKS_PER_GPU", spec.ntasks_per_gpu);
    setter.set_if("SLURM_CPUS_PER_TASK", spec.cpus_per_task);
    setter.set_if("SLURM_TRES_PER_TASK", tres_per_task(spec));
}

/// `cpu=2,gres/gpu=1`.
pub(super) fn tres_per_task(spec: &JobSpec) -> Option<String> {
    let cpus = spec.cpus_per_task.map(|cpus| format!("cpu={cpus}"));
    let devices = spec.gres.iter().filter(|gres| gres.per == GresPer::Task);
    let devices = devices.map(|gres| match &gres.kind {
        Some(kind) => format!("gres/{}:{kind}={}", gres.name, gres.count),
        None => format!("gres/{}={}", gres.name, gres.count),
    });
    let all: Vec<String> = cpus.into_iter().chain(devices).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// `--gpus*` as they were asked for: `a100:2` or `2`.
pub(super) fn devices(setter: &mut Setter, spec: &JobSpec) {
    for gres in spec.gres.iter().filter(|gres| gres.name == "gpu") {
        let name = match gres.per {
            GresPer::Job => "SLURM_GPUS",
            GresPer::Node => "SLURM_GPUS_PER_NODE",
            GresPer::Socket => "SLURM_GPUS_PER_SOCKET",
            GresPer::Task => "SLURM_GPUS_PER_TASK",
        };
        match &gres.kind {
            Some(kind) => setter.set(name, format!("{kind}:{}", gres.count)),
            None => setter.set(name, gres.count),
        }
    }
}

/// `SLURM_DISTRIBUTION=block:cyclic`, `SLURM_DIST_PLANESIZE=2`.
pub(super) fn distribution(setter: &mut Setter, distribution: &Distribution) {
    let nodes = match distribution.nodes {
        NodeDistribution::Default => "*",
        NodeDistribution::Block => "block",
        NodeDistribution::Cyclic => "cyclic",
        NodeDistribution::Plane(_) => "plane",
        NodeDistribution::Arbitrary => "arbitrary",
    };
    let inner = [distribution.sockets, distribution.cores].into_iter().flatten().map(|inner| match inner {
        InnerDistribution::Default => "*",
        InnerDistribution::Block => "block",
        InnerDistribution::Cyclic => "cyclic",
        InnerDistribution::Fcyclic => "fcyclic",
    });
    let mut text = std::iter::once(nodes).chain(inner).collect::<Vec<_>>().join(":");
    if let Some(pack) = distribution.pack {
        text.push_str(if pack { ",Pack" } else { ",NoPack" });
    }
    setter.set("SLURM_DISTRIBUTION", text);
    if let NodeDistribution::Plane(size) = distribution.nodes {
        setter.set("SLURM_DIST_PLANESIZE", size);
    }
}

fn array(setter: &mut Setter, spec: &JobSpec, array: &ArrayView) {
    setter.set("SLURM_ARRAY_JOB_ID", array.id);
    setter.set_if("SLURM_ARRAY_TASK_ID", array.element);
    let Some(asked) = &spec.array else { return };
    setter.set("SLURM_ARRAY_TASK_COUNT", asked.elements.len());
    setter.set_if("SLURM_ARRAY_TASK_MIN", asked.elements.first());
    setter.set_if("SLURM_ARRAY_TASK_MAX", asked.elements.last());
    setter.set("SLURM_ARRAY_TASK_STEP", array_step(&asked.text));
}

/// The step of the first range that has one (`0-5:2,9`), else 1.
fn array_step(text: &str) -> u32 {
    let after = text.split_once(':').map_or("", |(_, after)| after);
    let digits = after.find(|c: char| !c.is_ascii_digit()).map_or(after, |end| &after[..end]);
    digits.parse().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::JobId;

    use super::*;
    use crate::environment::sample::{check, job};

    #[test]
    fn tasks_are_set_only_when_asked_for() {
        for (options, expected) in [
            (
                "",
                &["SLURM_NTASKS", "SLURM_NPROCS", "SLURM_JOB_CPUS_PER_NODE=1", "SLURM_TASKS_PER_NODE=1"][..],
            ),
            (
                "-n 3",
                &[
                    "SLURM_NTASKS=3",
                    "SLURM_NPROCS=3",
                    "SLURM_JOB_CPUS_PER_NODE=2,1",
                    "SLURM_TASKS_PER_NODE=2,1",
                ],
            ),
            (
                "-n 6",
                &[
                    "SLURM_NTASKS=6",
                    "SLURM_JOB_CPUS_PER_NODE=2(x3)",
                    "SLURM_NODELIST=n[1-3]",
                    "SLURM_NNODES=3",
                ],
            ),
            ("-N 3 -n 4", &["SLURM_TASKS_PER_NODE=2,1(x2)", "SLURM_NTASKS_PER_NODE"]),
            ("-N 2", &["SLURM_NTASKS", "SLURM_TASKS_PER_NODE=1(x2)", "SLURM_JOB_NUM_NODES=2"]),
            (
                "-N 2 -c 2",
                &["SLURM_CPUS_PER_TASK=2", "SLURM_TRES_PER_TASK=cpu=2", "SLURM_TASKS_PER_NODE=1(x2)"],
            ),
            (
                "-N 3 --ntasks-per-node=2",
                &["SLURM_NTASKS=6", "SLURM_NTASKS_PER_NODE=2", "SLURM_TASKS_PER_NODE=2(x3)"],
            ),
            ("--exclusive", &["SLURM_NTASKS", "SLURM_TASKS_PER_NODE=2", "SLURM_CPUS_PER_TASK"]),
            ("-B 2:1:1", &["SLURM_NTASKS=2", "SLURM_THREADS_PER_CORE=1"]),
            ("--hint=nomultithread", &["SLURM_HINT=nomultithread", "SLURM_THREADS_PER_CORE=1"]),
            ("-O -n 5", &["SLURM_OVERCOMMIT=1", "SLURM_TASKS_PER_NODE=5", "SLURM_JOB_CPUS_PER_NODE=1"]),
        ] {
            check(&of_job(&job(options)), expected);
        }
    }

    #[test]
    fn a_job_knows_who_and_where_it_is() {
        let expected = [
            "SLURM_JOB_ID=42",
            "SLURM_JOBID=42",
            "SLURM_JOB_NAME=job.sh",
            "SLURM_CLUSTER_NAME=cluster",
            "SLURM_JOB_PARTITION=main",
            "SLURM_JOB_ACCOUNT=physics",
            "SLURM_JOB_QOS=normal",
            "SLURM_JOB_UID=1000",
            "SLURM_JOB_GID=100",
            "SLURM_JOB_USER=ada",
            "SLURM_SUBMIT_DIR=/submit",
            "SLURM_SUBMIT_HOST=login",
            "SLURM_JOB_START_TIME=100",
            "SLURM_JOB_END_TIME=3700",
            "SLURM_JOB_NODELIST=n1",
            "SLURM_ARRAY_JOB_ID",
            "SLURM_RESTART_COUNT",
            "SLURM_EXPORT_ENV",
            "SLURM_STEP_ID",
            "SLURM_PROCID",
        ];
        check(&of_job(&job("")), &expected);
        let mut from_stdin = job("");
        from_stdin.spec.name = None;
        from_stdin.restarts = 2;
        check(&of_job(&from_stdin), &["SLURM_JOB_NAME", "SLURM_RESTART_COUNT=2"]);
    }

    #[test]
    fn what_was_asked_for_is_told() {
        for (options, expected) in [
            ("--mem=300", &["SLURM_MEM_PER_NODE=300", "SLURM_MEM_PER_CPU"][..]),
            ("--mem-per-cpu=200", &["SLURM_MEM_PER_CPU=200", "SLURM_MEM_PER_NODE"]),
            ("--mem=0", &["SLURM_MEM_PER_NODE"]),
            ("-m plane=2 -n 4", &["SLURM_DISTRIBUTION=plane", "SLURM_DIST_PLANESIZE=2"]),
            ("-m block:cyclic", &["SLURM_DISTRIBUTION=block:cyclic", "SLURM_DIST_PLANESIZE"]),
            ("--export=ALL,A=1", &["SLURM_EXPORT_ENV=ALL,A=1", "SLURM_GET_USER_ENV=1"]),
            ("--export=NONE", &["SLURM_EXPORT_ENV=NONE", "SLURM_GET_USER_ENV=1"]),
            ("--open-mode=append", &["SLURM_OPEN_MODE=a"]),
            ("--gpus=2", &["SLURM_GPUS=2"]),
            ("--gpus-per-task=1 -n 2", &["SLURM_GPUS_PER_TASK=1", "SLURM_TRES_PER_TASK=gres/gpu=1"]),
        ] {
            check(&of_job(&job(options)), expected);
        }
    }

    #[test]
    fn an_element_knows_its_array() {
        for (options, step) in [("-a 2-9:3", "3"), ("-a 1,5", "1"), ("-a 0-5:2,9", "2"), ("-a 1-3%2", "1")] {
            let mut element = job(options);
            element.array = Some(ArrayView {
                id: JobId(40),
                element: Some(5),
                pending: None,
                elements: vec![],
                limit: None,
            });
            let step = format!("SLURM_ARRAY_TASK_STEP={step}");
            check(&of_job(&element), &["SLURM_ARRAY_JOB_ID=40", "SLURM_ARRAY_TASK_ID=5", &step]);
        }
        let mut element = job("-a 2-9:3");
        element.array =
            Some(ArrayView { id: JobId(40), element: Some(5), pending: None, elements: vec![], limit: None });
        let expected = [
            "SLURM_ARRAY_TASK_COUNT=3",
            "SLURM_ARRAY_TASK_MIN=2",
            "SLURM_ARRAY_TASK_MAX=8",
            "SLURM_JOB_ID=42",
        ];
        check(&of_job(&element), &expected);
    }
}
