//! Where a job runs: on nodes of this very process, or on a cluster that is there already.

use prun_runtime::net::address::Address;
use prun_runtime::wire::node::NodeFacts;

use crate::controller::api::{NodeView, Refusal, Reply, Request};
use crate::controller::client::{self, Client, ClientError};
use crate::controller::core::gres;
use crate::embedded::shape::{Shape, ShapeError};
use crate::hosts::{self, Host, HostListError, Srun, Ssh};
use crate::layout::allocate::NodeRoom;
use crate::script::options::Flags;
use crate::script::spec::JobSpec;

/// Where a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// On an embedded cluster of these nodes.
    Here(Shape),
    /// On rank servers of these hosts, which are started over ssh.
    Hosts(Vec<Host>, Ssh),
    /// On the nodes of the real Slurm's allocation that this process is in.
    Allocation(Srun),
    /// On the cluster of this controller.
    At(Address),
}

/// Why a job has no place to run.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPlace {
    /// `--local` cannot be read.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// `--hosts` cannot be read.
    #[error(transparent)]
    Hosts(#[from] HostListError),
    /// Both are there.
    #[error("`--local` and `--hosts` are two places: name one")]
    Two,
    /// The variable that names a controller cannot be read.
    #[error(transparent)]
    Controller(#[from] ClientError),
    /// No nodes of this machine would do.
    #[error("the job was refused")]
    Refused(Refusal),
}

/// A cluster's size, as far as a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Nodes.
    pub(super) nodes: u32,
    /// CPUs of all of them.
    pub(super) cpus: u32,
    /// CPUs of the largest.
    pub(super) cpus_a_node: u32,
    /// Memory of the largest in MiB.
    pub(super) memory_mb: u64,
}

/// A node with all of it free.
#[derive(Debug, Clone)]
pub(super) struct Node {
    facts: NodeFacts,
    features: Vec<String>,
    gres: Vec<(String, u64)>,
    weight: u32,
}

impl Place {
    /// The nodes that `--local` or `--hosts` names; else those of a real Slurm's allocation around; else the controller that is configured; else as many nodes as the job asks for.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn of(flags: &Flags, job: &JobSpec) -> Result<Self, NoPlace> {
        match (&flags.local, &flags.hosts) {
            (Some(_), Some(_)) => return Err(NoPlace::Two),
            (Some(shape), None) => return Ok(Self::Here(shape.parse()?)),
            (None, Some(hosts)) => {
                return Ok(Self::Hosts(hosts::parse(hosts)?, Ssh::find(flags.ssh.as_deref())));
            }
            (None, None) => {}
        }
        let named = std::env::var_os(prun_runtime::env::CONTROLLER).is_some();
        if let Some(srun) = Srun::of_this_allocation().filter(|_| !named) {
            return Ok(Self::Allocation(srun));
        }
        match client::configured()? {
            Some(controller) => Ok(Self::At(controller)),
            None => Shape::fitting(job).map(Self::Here).map_err(NoPlace::Refused),
        }
    }

    /// A line for an embedded cluster that has more CPUs than this machine: the job runs, but its times mean little.
    pub(super) fn sharing(&self) -> Option<String> {
        let Self::Here(Shape { nodes, cpus, .. }) = *self else { return None };
        let real = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (nodes as usize * cpus as usize > real)
            .then(|| format!("{nodes} × {cpus} CPUs share the {real} of this machine"))
    }

    /// Its nodes, as if no job were on them. Blocks where the controller has to be asked.
    ///
    /// # Errors
    /// Those of asking it.
    pub(super) fn nodes(&self) -> Result<Vec<Node>, ClientError> {
        let controller = match self {
            Self::Here(shape) => return Ok(shape.nodes("").into_iter().map(Node::plain).collect()),
            Self::At(controller) => controller,
            // They are asked when the job runs.
            Self::Hosts(..) | Self::Allocation(_) => return Ok(Vec::new()),
        };
        match Client::connect_to(controller)?.call(Request::Nodes)? {
            Reply::Nodes(nodes) => Ok(nodes.into_iter().map(Node::of).collect()),
            // A controller that tells nothing of its nodes has none that could be counted on.
            _ => Ok(Vec::new()),
        }
    }
}

impl Size {
    /// That of these nodes together.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let cpus = nodes.iter().map(|node| node.facts.cpus);
        Self {
            nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX),
            cpus: cpus.clone().fold(0, u32::saturating_add),
            cpus_a_node: cpus.max().unwrap_or(0),
            memory_mb: nodes.iter().map(|node| node.facts.memory_mb).max().unwrap_or(0),
        }
    }
}

impl Node {
    fn plain(facts: NodeFacts) -> Self {
        Self { facts, features: Vec::new(), gres: Vec::new(), weight: 1 }
    }

    fn of(view: NodeView) -> Self {
        Self { facts: view.facts, features: view.features, gres: view.gres, weight: view.weight }
    }

    /// As the layout sees it.
    pub(super) fn room(&self) -> NodeRoom<'_> {
        NodeRoom {
            facts: &self.facts,
            features: &self.features,
            gres: &self.gres,
            free_cpus: (0..self.facts.cpus).collect(),
            free_memory_mb: self.facts.memory_mb,
            free_gres: gres::numbers(&self.gres)
                .map(|(name, numbers)| (name.to_owned(), numbers.collect()))
                .collect(),
            idle: true,
            usable: true,
            weight: self.weight,
        }
    }
}
