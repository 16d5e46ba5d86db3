//! Variables of a step.

use super::job::{allocation, devices, distribution, threads_per_core, tres_per_task};
use super::setter::{Setter, Variables, by_node};
use crate::controller::api::StepCreated;
use crate::layout::bind::{BindKind, Binding};
use crate::script::hostlist;
use crate::script::options::Request;
use crate::script::spec::{JobSpec, Memory};
use prun_runtime::net::address::Address;

/// Variables of a step for all of its tasks, over those of the job (`srun(1)`, output environment variables).
#[must_use]
pub fn of_step(created: &StepCreated, request: &Request) -> Variables {
    let mut setter = Setter::default();
    if created.job.het.is_some() {
        // Of the components that it runs in, not of that which its script runs in.
        allocation(&mut setter, &created.job);
    }
    extent(&mut setter, created);
    asked(&mut setter, &request.job);
    // A job of the step's own was asked for before it was known how its ranks lie.
    if !request.step.own_job && request.job.distribution.or(created.job.spec.distribution).is_none() {
        // What `srun` chooses: in turn where no node has more than one task.
        let one_each = created.plan.size() as usize <= created.plan.nodes.len();
        setter.set("SLURM_DISTRIBUTION", if one_each { "cyclic" } else { "block" });
    }
    if request.step.cpu_bind.is_some()
        && let Ok(binding) = Binding::of(&request.step)
    {
        cpu_bind(&mut setter, &binding, request.step.cpu_bind.as_deref().unwrap_or_default());
    }
    setter.set_if("SLURM_LABELIO", request.step.label.then_some(1));
    if let Some(text) = &request.step.mem_bind {
        mem_bind(&mut setter, text);
    }
    setter.variables
}

fn extent(setter: &mut Setter, created: &StepCreated) {
    let plan = &created.plan;
    let names: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    let tasks_per_node = by_node(plan.nodes.iter().map(|node| node.tasks.len()));
    setter.set("SLURM_STEP_ID", created.key.step);
    setter.set("SLURM_STEPID", created.key.step);
    setter.set("SLURM_STEP_NODELIST", hostlist::compress(&names));
    setter.set("SLURM_STEP_NUM_NODES", names.len());
    setter.set("SLURM_STEP_NUM_TASKS", plan.size());
    setter.set("SLURM_STEP_TASKS_PER_NODE", &tasks_per_node);
    setter.set("SLURM_NNODES", names.len());
    setter.set("SLURM_NTASKS", plan.size());
    setter.set("SLURM_NPROCS", plan.size());
    setter.set("SLURM_TASKS_PER_NODE", &tasks_per_node);
    let here = created.addresses.first().and_then(|address| host(address));
    setter.set_if("SLURM_LAUNCH_NODE_IPADDR", here.as_ref());
    setter.set_if("SLURM_SRUN_COMM_HOST", here.as_ref());
}

/// The host of a node's address: programs take it for one that every task reaches.
fn host(address: &str) -> Option<String> {
    match address.parse().ok()? {
        Address::Unix(_) => Some("127.0.0.1".to_owned()),
        Address::Tcp { host, .. } => Some(host),
    }
}

/// What was asked of the step itself.
fn asked(setter: &mut Setter, spec: &JobSpec) {
    setter.set_if("SLURM_JOB_NAME", spec.name.as_ref());
    setter.set_if("SLURM_CPUS_PER_TASK", spec.cpus_per_task);
    setter.set_if("SLURM_TRES_PER_TASK", tres_per_task(spec));
    setter.set_if("SLURM_NTASKS_PER_NODE", spec.ntasks_per_node.filter(|&tasks| tasks > 0));
    setter.set_if("SLURM_NTASKS_PER_SOCKET", spec.ntasks_per_socket);
    setter.set_if("SLURM_NTASKS_PER_CORE", spec.ntasks_per_core);
    setter.set_if("SLURM_OVERCOMMIT", spec.overcommit.then_some(1));
    setter.set_if("SLURM_THREADS_PER_CORE", threads_per_core(spec));
    setter.set_if("SLURM_CPU_FREQ_REQ", spec.cpu_freq.as_ref());
    if let Some(distribution) = &spec.distribution {
        self::distribution(setter, distribution);
    }
    devices(setter, spec);
    match spec.memory {
        Some(Memory::PerNode(memory)) if memory > 0 => setter.set("SLURM_MEM_PER_NODE", memory),
        Some(Memory::PerCpu(memory)) if memory > 0 => setter.set("SLURM_MEM_PER_CPU", memory),
        Some(Memory::PerGpu(memory)) if memory > 0 => setter.set("SLURM_MEM_PER_GPU", memory),
        _ => {}
    }
}

fn cpu_bind(setter: &mut Setter, binding: &Binding, text: &str) {
    let verbosity = if binding.verbose { "verbose" } else { "quiet" };
    let list = text.split_once(':').map_or("", |(_, list)| list).replace("0x", "");
    let kind = match &binding.kind {
        None => "",
        Some(BindKind::None) => "none",
        Some(BindKind::Rank) => "rank",
        Some(BindKind::Map(_)) => "map_cpu:",
        Some(BindKind::Mask(_)) => "mask_cpu:",
        Some(BindKind::Units(word) | BindKind::Domains(word)) => word,
    };
    setter.set("SLURM_CPU_BIND", format!("{verbosity},{kind}{list}"));
    setter.set("SLURM_CPU_BIND_LIST", list);
    setter.set("SLURM_CPU_BIND_TYPE", kind);
    setter.set("SLURM_CPU_BIND_VERBOSE", verbosity);
}

/// `--mem-bind` has no effect; programs may read what it was.
fn mem_bind(setter: &mut Setter, text: &str) {
    let words = text.split(',').skip_while(|word| matches!(*word, "q" | "quiet" | "v" | "verbose"));
    let rest = words.collect::<Vec<_>>().join(",");
    let verbosity = if text.starts_with('v') { "verbose" } else { "quiet" };
    let (kind, list) =
        rest.split_once(':').map_or((rest.clone(), ""), |(kind, list)| (format!("{kind}:"), list));
    setter.set("SLURM_MEM_BIND", format!("{verbosity},{kind}{list}"));
    setter.set("SLURM_MEM_BIND_LIST", list);
    setter.set("SLURM_MEM_BIND_TYPE", kind);
    setter.set("SLURM_MEM_BIND_VERBOSE", verbosity);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::sample::{check, job, step};

    fn variables(job_options: &str, options: &str) -> Variables {
        let (created, request) = step(&job(job_options), options);
        of_step(&created, &request)
    }

    #[test]
    fn a_step_tells_its_extent() {
        check(
            &variables("-n 6", "-n 2"),
            &[
                "SLURM_STEP_ID=3",
                "SLURM_STEPID=3",
                "SLURM_STEP_NUM_TASKS=2",
                "SLURM_STEP_NUM_NODES=2",
                "SLURM_STEP_TASKS_PER_NODE=1(x2)",
                "SLURM_STEP_NODELIST=n[1-2]",
                "SLURM_NNODES=2",
                "SLURM_NTASKS=2",
                "SLURM_NPROCS=2",
                "SLURM_TASKS_PER_NODE=1(x2)",
                "SLURM_DISTRIBUTION=cyclic",
                "SLURM_JOB_NUM_NODES",
                "SLURM_CPUS_PER_TASK",
                "SLURM_LAUNCH_NODE_IPADDR=127.0.0.1",
            ],
        );
        check(&variables("-n 3", ""), &["SLURM_STEP_TASKS_PER_NODE=2,1", "SLURM_DISTRIBUTION=block"]);
    }

    #[test]
    fn how_ranks_lie_is_told_where_the_job_was_there_before() {
        let (created, mut request) = step(&job("-n 2"), "");
        check(&of_step(&created, &request), &["SLURM_DISTRIBUTION=block"]);
        request.step.own_job = true;
        check(&of_step(&created, &request), &["SLURM_DISTRIBUTION"]);
    }

    #[test]
    fn a_step_tells_what_was_asked_of_it() {
        for (options, expected) in [
            ("-c 2", &["SLURM_CPUS_PER_TASK=2", "SLURM_TRES_PER_TASK=cpu=2"][..]),
            ("-m cyclic", &["SLURM_DISTRIBUTION=cyclic"]),
            ("-m plane=2", &["SLURM_DISTRIBUTION=plane", "SLURM_DIST_PLANESIZE=2"]),
            ("-J other", &["SLURM_JOB_NAME=other"]),
            ("-O", &["SLURM_OVERCOMMIT=1"]),
            ("-l", &["SLURM_LABELIO=1"]),
            ("--mem=100", &["SLURM_MEM_PER_NODE=100"]),
            ("--ntasks-per-node=1", &["SLURM_NTASKS_PER_NODE=1"]),
            ("--mem-bind=local", &["SLURM_MEM_BIND=quiet,local", "SLURM_MEM_BIND_TYPE=local"]),
            ("", &["SLURM_CPU_BIND", "SLURM_JOB_NAME", "SLURM_MEM_BIND"]),
        ] {
            check(&variables("--exclusive", options), expected);
        }
    }

    #[test]
    fn binding_is_told_in_parts() {
        for (option, parts) in [
            ("none", ["quiet,none", "", "none", "quiet"]),
            ("verbose,map_cpu:0,1", ["verbose,map_cpu:0,1", "0,1", "map_cpu:", "verbose"]),
            ("mask_cpu:0x1,0x2", ["quiet,mask_cpu:1,2", "1,2", "mask_cpu:", "quiet"]),
            ("rank", ["quiet,rank", "", "rank", "quiet"]),
            ("cores", ["quiet,cores", "", "cores", "quiet"]),
        ] {
            let expected =
                ["SLURM_CPU_BIND", "SLURM_CPU_BIND_LIST", "SLURM_CPU_BIND_TYPE", "SLURM_CPU_BIND_VERBOSE"];
            let expected: Vec<String> =
                expected.iter().zip(parts).map(|(name, value)| format!("{name}={value}")).collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            check(&variables("-n 2", &format!("--cpu-bind={option}")), &expected);
        }
    }

    #[test]
    fn the_host_of_an_address_is_told() {
        for (address, expected) in [
            ("unix:/run/x", Some("127.0.0.1")),
            ("tcp://10.0.0.7:6818", Some("10.0.0.7")),
            ("tcp://[::1]:6818", Some("::1")),
            ("nonsense", None),
        ] {
            assert_eq!(host(address).as_deref(), expected, "{address}");
        }
    }
}
