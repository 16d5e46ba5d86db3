//! What MPI libraries must be told on virtual nodes: several nodes of a cluster that are one machine.
//!
//! Libraries take nodes for machines. They would bind the first rank of every node to the machine's first CPU, take the
//! loopback interface for unreachable, and name files in shared memory by host and rank on the node, so that ranks of
//! different nodes get into each other's. A variable that the user has set stays.

use super::environment::Environment;
use crate::wire::launch::{Machine, MpiKind, StepLaunch};

/// CPUs that are a number only are not the machine's: nobody binds to them.
const UNBOUND: [(&str, &str); 3] = [
    ("OMPI_MCA_hwloc_base_binding_policy", "none"),
    ("PRTE_MCA_hwloc_default_binding_policy", "none"),
    ("I_MPI_PIN", "off"),
];

/// Open MPI need not look for network cards, which takes a second where its UCX does it.
const NO_CARDS: (&str, &str) = ("OMPI_MCA_pml", "ob1");

/// Ranks of different nodes reach each other where Open MPI does not look for other machines.
const LOOPBACK: (&str, &str) = ("OMPI_MCA_btl_tcp_if_include", "127.0.0.0/8");

/// No shared memory: ranks that an `mpirun` starts have one environment on all nodes, and so one directory.
const NOT_SHARED: (&str, &str) = ("OMPI_MCA_btl", "self,tcp");

/// How a job says how many nodes it has.
const JOB_NODES: &str = "SLURM_JOB_NUM_NODES";

/// Adds a task's variables on a node that is less than a machine.
pub(super) fn set_variables(environment: &mut Environment, launch: &StepLaunch) {
    if launch.machine == Machine::Whole {
        return;
    }
    UNBOUND.into_iter().for_each(|variable| suggest(environment, variable));
    if launch.machine != Machine::Shared {
        return;
    }
    suggest(environment, NO_CARDS);
    let nodes = environment.get(JOB_NODES).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if nodes.unwrap_or(0).max(launch.node_count) < 2 {
        return;
    }
    suggest(environment, LOOPBACK);
    let pmix = launch.mpi.as_ref().is_some_and(|mpi| matches!(mpi.kind, MpiKind::Pmix { .. }));
    let (key, value) = NOT_SHARED;
    if !pmix {
        suggest(environment, NOT_SHARED);
    } else if environment.get(key) == Some(value.as_bytes()) {
        // What the job's script has for its `mpirun` does not hold for a step whose nodes have a directory each.
        environment.unset(key.as_bytes());
    }
}

fn suggest(environment: &mut Environment, (key, value): (&str, &str)) {
    if environment.get(key).is_none() {
        environment.set(key.as_bytes(), value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{JobId, LaunchId, StepId, StepKey};
    use crate::wire::launch::{Mpi, Secret};

    fn launch(mpi: Option<MpiKind>, machine: Machine) -> StepLaunch {
        StepLaunch {
            key: StepKey { job: JobId(1), step: StepId(0) },
            launch: LaunchId(1),
            server_grace_ms: None,
            secret: Secret([0; 32]),
            job_name: String::new(),
            size: 1,
            node_count: 1,
            programs: Vec::new(),
            env: Vec::new(),
            cwd: Default::default(),
            umask: 0,
            rlimits: Vec::new(),
            script: None,
            pty: None,
            unbuffered: false,
            task_prolog: None,
            task_epilog: None,
            kill_wait_ms: 0,
            owner_grace_ms: None,
            root: None,
            mpi: mpi.map(|kind| Mpi { kind, linked: None }),
            machine,
            layout: Vec::new(),
            nodes: Vec::new(),
        }
    }

    fn variables(mpi: Option<MpiKind>, before: &[(&str, &str)]) -> Vec<String> {
        on(Machine::Shared, mpi, before)
    }

    fn on(machine: Machine, mpi: Option<MpiKind>, before: &[(&str, &str)]) -> Vec<String> {
        let mut environment = Environment::default();
        for (key, value) in before {
            environment.set(key.as_bytes(), value.as_bytes());
        }
        set_variables(&mut environment, &launch(mpi, machine));
        environment.entries().map(|entry| entry.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn ranks_of_one_node_are_only_left_unbound() {
        let set = variables(Some(MpiKind::Pmi), &[("I_MPI_PIN", "on")]);
        assert_eq!(set.len(), 4);
        assert!(set.contains(&"I_MPI_PIN=on".to_owned()), "what the user has set stays");
    }

    /// Containers are machines to one another, whatever number of CPUs each is given.
    #[test]
    fn hosts_with_a_number_of_cpus_use_their_network() {
        let nodes = ("SLURM_JOB_NUM_NODES", "3");
        let counted = on(Machine::Counted, None, &[nodes]);
        assert!(counted.contains(&"I_MPI_PIN=off".to_owned()), "{counted:?}");
        assert!(
            !counted.iter().any(|entry| entry.starts_with("OMPI_MCA_btl") || entry.contains("pml")),
            "{counted:?}"
        );
        assert_eq!(on(Machine::Whole, None, &[nodes]).len(), 1);
    }

    #[test]
    fn ranks_of_several_share_memory_only_where_each_node_has_its_directory() {
        let of_script = variables(None, &[("SLURM_JOB_NUM_NODES", "3")]);
        assert!(of_script.contains(&"OMPI_MCA_btl=self,tcp".to_owned()), "{of_script:?}");
        let pmix = MpiKind::Pmix { library: None, required: false };
        let before = [("SLURM_JOB_NUM_NODES", "3"), ("OMPI_MCA_btl", "self,tcp"), ("OMPI_MCA_pml", "cm")];
        let of_step = variables(Some(pmix), &before);
        assert!(!of_step.iter().any(|entry| entry.starts_with("OMPI_MCA_btl=")), "{of_step:?}");
        assert!(of_step.contains(&"OMPI_MCA_pml=cm".to_owned()), "{of_step:?}");
        assert!(of_step.contains(&"OMPI_MCA_btl_tcp_if_include=127.0.0.0/8".to_owned()), "{of_step:?}");
    }
}
