//! `--local NxC[:MEM]`: the nodes of an embedded cluster.

use std::str::FromStr;

use prun_runtime::limits::RANKS_MAX;
use prun_runtime::wire::node::NodeFacts;

use crate::controller::api::{ErrorCode, Refusal};
use crate::layout::demand::Demand;
use crate::script::spec::{JobSpec, Memory};

/// How many nodes, of how many CPUs and how much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Nodes.
    pub nodes: u32,
    /// CPUs of each.
    pub cpus: u32,
    /// Memory of each in MiB; `None` is an equal share of the machine's.
    pub memory_mb: Option<u64>,
}

/// What is wrong with a `--local`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Not of the form.
    #[error("`{0}` is not of the form NODESxCPUS[:MEMORY_MB], as in `3x2` or `3x2:1000`")]
    Form(String),
    /// Out of bounds.
    #[error("`{0}`: a local cluster has 1 to {nodes} nodes of 1 to {cpus} CPUs and some memory", nodes = Shape::NODES_MAX, cpus = Shape::CPUS_MAX)]
    Bounds(String),
}

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let form = || ShapeError::Form(text.to_owned());
        let (counts, memory) = match text.split_once(':') {
            Some((counts, memory)) => (counts, Some(memory.parse().map_err(|_| form())?)),
            None => (text, None),
        };
        let (nodes, cpus) = counts.split_once('x').ok_or_else(form)?;
        let shape = Self {
            nodes: nodes.parse().map_err(|_| form())?,
            cpus: cpus.parse().map_err(|_| form())?,
            memory_mb: memory,
        };
        let fits = (1..=Self::NODES_MAX).contains(&shape.nodes)
            && (1..=Self::CPUS_MAX).contains(&shape.cpus)
            && shape.memory_mb != Some(0);
        if fits { Ok(shape) } else { Err(ShapeError::Bounds(text.to_owned())) }
    }
}

impl Shape {
    /// Nodes of an embedded cluster: each costs an entry in the controller, but no process.
    pub const NODES_MAX: u32 = 4096;
    /// CPUs of one embedded node: as many as ranks a job may have.
    pub const CPUS_MAX: u32 = RANKS_MAX;

    /// One node of all CPUs of this machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { nodes: 1, cpus: u32::try_from(cpus).unwrap_or(1).min(Self::CPUS_MAX), memory_mb: None }
    }

    /// Memory of one of so many nodes of this machine, in MiB.
    #[must_use]
    pub fn memory_share(nodes: usize) -> u64 {
        let machine = rustix::system::sysinfo();
        let memory = machine.totalram.saturating_mul(u64::from(machine.mem_unit)) >> 20;
        (memory / (nodes as u64).max(1)).max(1)
    }

    /// As many nodes, CPUs and as much memory as a job asks for.
    ///
    /// # Errors
    /// A [`Refusal`] where the request contradicts itself or is larger than any embedded cluster.
    pub fn fitting(spec: &JobSpec) -> Result<Self, Refusal> {
        let demand = Demand::of(spec)?;
        let refuse = |code, line: String| Err(Refusal { code, detail: vec![line] });
        let tasks = demand.tasks;
        if tasks > RANKS_MAX {
            let line = format!("{tasks} tasks asked, but a job has at most {RANKS_MAX}");
            return refuse(ErrorCode::InvalidTaskCount, line);
        }
        let named = spec.nodelist.iter().chain(&spec.exclude);
        let highest =
            named.filter_map(|name| name.strip_prefix("slurmnode")?.parse().ok()).max().unwrap_or(0);
        let nodes = demand.nodes_min.max(highest).max(1);
        if nodes > Self::NODES_MAX {
            let line =
                format!("{nodes} nodes asked, but an embedded cluster has at most {}", Self::NODES_MAX);
            return refuse(ErrorCode::NodeCount, line);
        }
        let tasks_a_node = demand.tasks_per_node.unwrap_or_else(|| tasks.div_ceil(demand.nodes_min.max(1)));
        let cpus = tasks_a_node.saturating_mul(demand.cpus_per_task).max(demand.node_cpus_min(spec)).max(1);
        let shape = Self { nodes, cpus, memory_mb: None };
        let share = shape.nodes("").first().map_or(0, |node| node.memory_mb);
        let asked = match spec.memory {
            Some(Memory::PerNode(mb)) => mb,
            Some(Memory::PerCpu(mb)) => mb.saturating_mul(u64::from(cpus)),
            Some(Memory::PerGpu(_)) | None => 0,
        };
        Ok(Self { memory_mb: (asked > share).then_some(asked), ..shape })
    }

    /// What each node registers with: `slurmnode1` and so on, all reached at one address.
    #[must_use]
    pub fn nodes(&self, address: &str) -> Vec<NodeFacts> {
        let system = rustix::system::uname();
        let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
        let machine = rustix::system::sysinfo();
        let hostname = text(system.nodename());
        let uptime = u64::try_from(machine.uptime).unwrap_or(0);
        let memory_mb = self.memory_mb.unwrap_or_else(|| Self::memory_share(self.nodes as usize));
        (1..=self.nodes)
            .map(|number| NodeFacts {
                name: format!("slurmnode{number}"),
                hostname: hostname.clone(),
                address: address.to_owned(),
                cpus: self.cpus,
                topology: (self.cpus, 1, 1),
                memory_mb,
                tmp_mb: 0,
                os: format!(
                    "{} {} {}",
                    text(system.sysname()),
                    text(system.release()),
                    text(system.version())
                ),
                arch: text(system.machine()),
                boot_time: now_secs().saturating_sub(uptime),
                memory_id: 0,
            })
            .collect()
    }
}

fn now_secs() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        assert_eq!("3x2".parse(), Ok(Shape { nodes: 3, cpus: 2, memory_mb: None }));
        assert_eq!("1x16:4000".parse(), Ok(Shape { nodes: 1, cpus: 16, memory_mb: Some(4000) }));
    }

    #[test]
    fn a_job_gets_what_it_asks_for() {
        let fitting = |change: fn(&mut JobSpec)| {
            let mut spec = JobSpec::default();
            change(&mut spec);
            Shape::fitting(&spec).map(|shape| (shape.nodes, shape.cpus)).map_err(|refusal| refusal.code)
        };
        assert_eq!(fitting(|_| ()), Ok((1, 1)));
        assert_eq!(fitting(|spec| spec.ntasks = Some(6)), Ok((1, 6)));
        assert_eq!(fitting(|spec| (spec.ntasks, spec.nodes) = (Some(5), Some((2, 2)))), Ok((2, 3)));
        assert_eq!(fitting(|spec| (spec.ntasks, spec.ntasks_per_node) = (Some(6), Some(2))), Ok((3, 2)));
        assert_eq!(fitting(|spec| spec.cpus_per_task = Some(4)), Ok((1, 4)));
        assert_eq!(fitting(|spec| spec.nodelist = vec!["slurmnode3".into()]), Ok((3, 1)));
        assert_eq!(fitting(|spec| spec.ntasks = Some(1_000_000)), Err(ErrorCode::InvalidTaskCount));
    }

    #[test]
    fn nonsense_is_refused_with_the_form() {
        for text in ["", "3", "3x", "x2", "-1x2", "3x2:", "3x2:a", "3x2x1"] {
            assert!(matches!(text.parse::<Shape>(), Err(ShapeError::Form(_))), "{text}");
        }
        for text in ["0x2", "3x0", "3x2:0", "1000000x1"] {
            assert!(matches!(text.parse::<Shape>(), Err(ShapeError::Bounds(_))), "{text}");
        }
    }
}
