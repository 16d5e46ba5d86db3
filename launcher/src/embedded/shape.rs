//! `--local NxC[:MEM]`: the nodes of an embedded cluster.

use std::str::FromStr;

use prun_runtime::wire::node::NodeFacts;

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
    /// CPUs of one embedded node.
    pub const CPUS_MAX: u32 = 4096;

    /// What each node registers with: `slurmnode1` and so on, all reached at one address.
    #[must_use]
    pub fn nodes(&self, address: &str) -> Vec<NodeFacts> {
        let system = rustix::system::uname();
        let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
        let machine = rustix::system::sysinfo();
        let memory = machine.totalram.saturating_mul(u64::from(machine.mem_unit)) >> 20;
        let hostname = text(system.nodename());
        let uptime = u64::try_from(machine.uptime).unwrap_or(0);
        (1..=self.nodes)
            .map(|number| NodeFacts {
                name: format!("slurmnode{number}"),
                hostname: hostname.clone(),
                address: address.to_owned(),
                cpus: self.cpus,
                topology: (self.cpus, 1, 1),
                memory_mb: self.memory_mb.unwrap_or((memory / u64::from(self.nodes)).max(1)),
                tmp_mb: 0,
                os: format!(
                    "{} {} {}",
                    text(system.sysname()),
                    text(system.release()),
                    text(system.version())
                ),
                arch: text(system.machine()),
                boot_time: now_secs().saturating_sub(uptime),
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
    fn nonsense_is_refused_with_the_form() {
        for text in ["", "3", "3x", "x2", "-1x2", "3x2:", "3x2:a", "3x2x1"] {
            assert!(matches!(text.parse::<Shape>(), Err(ShapeError::Form(_))), "{text}");
        }
        for text in ["0x2", "3x0", "3x2:0", "1000000x1"] {
            assert!(matches!(text.parse::<Shape>(), Err(ShapeError::Bounds(_))), "{text}");
        }
    }
}
