//! Questions to the controller, each with the one kind of answer that it has.

use super::ending::Ending;
use crate::controller::api::{JobView, NodeView, PartitionView, Refusal, Reply, Request};
use crate::controller::client::{Client, ClientError};

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The controller refuses.
    Refused(Refusal),
    /// It cannot be asked.
    Link(ClientError),
    /// It answers something else.
    Unexpected,
}

impl NoAnswer {
    /// How a command ends that cannot go on without the answer.
    #[must_use]
    pub fn ending(&self, command: &str, verb: &str) -> Ending {
        match self {
            Self::Refused(refusal) => Ending::refused(command, verb, refusal),
            Self::Link(error) => Ending::unreachable(command, error),
            Self::Unexpected => Ending::unexpected(command),
        }
    }
}

/// A link of a command that names itself in its messages.
#[derive(Debug)]
pub struct Asking {
    client: Client,
    command: &'static str,
}

impl Asking {
    /// Connects. Blocks.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn connect(command: &'static str) -> Result<Self, Ending> {
        match Client::connect() {
            Ok(client) => Ok(Self { client, command }),
            Err(error) => Err(Ending::unreachable(command, &error)),
        }
    }

    /// Asks, and waits for the answer. Blocks.
    ///
    /// # Errors
    /// [`NoAnswer::Refused`], [`NoAnswer::Link`].
    pub fn ask(&mut self, request: Request) -> Result<Reply, NoAnswer> {
        match self.client.call(request) {
            Ok(Reply::Error(refusal)) => Err(NoAnswer::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(NoAnswer::Link(error)),
        }
    }

    /// The same of what does no harm twice, also through a controller that goes away meanwhile and comes back. Blocks.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_through(&mut self, request: &Request) -> Result<Reply, NoAnswer> {
        match self.client.call_through(request) {
            Ok(Reply::Error(refusal)) => Err(NoAnswer::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(NoAnswer::Link(error)),
        }
    }

    /// Jobs with their steps, by id. Blocks.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn jobs(&mut self, history: bool) -> Result<Vec<JobView>, Ending> {
        self.answer(Request::Jobs { history }, "slurm_load_jobs error", |reply| match reply {
            Reply::Jobs(jobs) => Some(jobs),
            _ => None,
        })
    }

    /// Nodes in the cluster's order. Blocks.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn nodes(&mut self) -> Result<Vec<NodeView>, Ending> {
        self.answer(Request::Nodes, "slurm_load_node error", |reply| match reply {
            Reply::Nodes(nodes) => Some(nodes),
            _ => None,
        })
    }

    /// Partitions in the cluster's order. Blocks.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn partitions(&mut self) -> Result<Vec<PartitionView>, Ending> {
        self.answer(Request::Partitions, "slurm_load_partitions error", |reply| match reply {
            Reply::Partitions(partitions) => Some(partitions),
            _ => None,
        })
    }

    /// Configuration by name. Blocks.
    ///
    /// # Errors
    /// What the command ends with.
    pub fn config(&mut self) -> Result<Vec<(String, String)>, Ending> {
        self.answer(Request::Config, "slurm_load_ctl_conf error", |reply| match reply {
            Reply::Config(config) => Some(config),
            _ => None,
        })
    }

    fn answer<T>(
        &mut self,
        request: Request,
        verb: &str,
        take: impl FnOnce(Reply) -> Option<T>,
    ) -> Result<T, Ending> {
        let reply = self.ask(request).map_err(|no| no.ending(self.command, verb))?;
        take(reply).ok_or_else(|| Ending::unexpected(self.command))
    }
}
