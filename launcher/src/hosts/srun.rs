//! The `srun` of a real Slurm: inside an allocation of its, it starts the rank servers.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::real_slurm;
use crate::script::hostlist;

/// An allocation of a real Slurm that this process is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srun {
    /// The program.
    pub program: PathBuf,
    /// The allocation's job.
    pub job: u32,
    /// Its nodes.
    pub nodes: u32,
}

impl Srun {
    /// The allocation that this process is in, unless it is one of prun's own; `None` outside of one, and where there is no
    /// real `srun`.
    #[must_use]
    pub fn of_this_allocation() -> Option<Self> {
        if env::var_os(prun_runtime::env::SOCKET).is_some() {
            return None;
        }
        let number = |name: &str| env::var(name).ok()?.parse().ok();
        let job = number("SLURM_JOB_ID")?;
        let nodes = number("SLURM_JOB_NUM_NODES")?;
        Some(Self { program: real_slurm::find("srun")?, job, nodes })
    }

    /// The words that run a script on each node, once, beside whatever else runs there, with all CPUs of the allocation
    /// (`srun(1)`). What is written to its input goes to all of them.
    pub(super) fn words(&self, script: &str) -> Vec<OsString> {
        let nodes = self.nodes;
        let options = [
            format!("--jobid={}", self.job),
            format!("--nodes={nodes}"),
            format!("--ntasks={nodes}"),
            "--ntasks-per-node=1".to_owned(),
            "--overlap".to_owned(),
            "--whole".to_owned(),
            "--mpi=none".to_owned(),
            "--input=all".to_owned(),
            "--kill-on-bad-exit=0".to_owned(),
            "--quiet".to_owned(),
        ];
        let program = std::iter::once(self.program.clone().into_os_string());
        let words = ["/bin/sh", "-c", script].map(OsString::from);
        program.chain(options.into_iter().map(OsString::from)).chain(words).collect()
    }
}

/// CPUs of a node in an allocation, of its nodes and their CPUs as Slurm's variables have them (`2(x3),4`).
#[must_use]
pub fn cpus_of(nodes: &str, cpus: &str, node: &str) -> Option<u32> {
    let at = hostlist::expand(nodes).ok()?.iter().position(|name| name == node)?;
    let mut before = 0;
    for group in cpus.split(',') {
        let (count, times) = match group.split_once("(x") {
            None => (group, 1),
            Some((count, times)) => (count, times.strip_suffix(')')?.parse::<usize>().ok()?),
        };
        before += times;
        if at < before {
            return count.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_of_a_node_stand_at_its_place_in_the_list() {
        for (node, cpus) in [("n1", Some(2)), ("n3", Some(2)), ("n4", Some(4)), ("n5", None), ("n6", None)] {
            assert_eq!(cpus_of("n[1-4]", "2(x3),4", node), cpus, "{node}");
        }
        assert_eq!(cpus_of("a", "8", "a"), Some(8));
        assert_eq!(cpus_of("a[", "8", "a"), None);
    }

    #[test]
    fn the_step_is_one_task_on_each_node() {
        let srun = Srun { program: "/usr/bin/srun".into(), job: 7, nodes: 3 };
        let words = srun.words("echo x");
        assert_eq!(words[..4], ["/usr/bin/srun", "--jobid=7", "--nodes=3", "--ntasks=3"]);
        assert_eq!(words[words.len() - 3..], ["/bin/sh", "-c", "echo x"]);
    }
}
