//! How a launcher comes to a step: connections to its step processes.

use std::io;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use prun_runtime::ids::StepKey;
use prun_runtime::net::link::Link;
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::preamble::Target;

use super::launch::OWNER_GRACE_MS;
use super::link::connect;
use crate::controller::api::StepAttach;
use crate::layout::plan::Plan;

/// Handshakes that are under way at once: a wide step does not wait for one far node after the other, and this side's
/// descriptors and the nodes' doors are not flooded.
const HANDSHAKES_MAX: usize = 32;

/// Where a step is, and what lets a launcher in.
#[derive(Debug, Clone)]
pub struct Door<'a> {
    /// Which step.
    pub key: StepKey,
    /// Its secret.
    pub secret: &'a Secret,
    /// The step ends with this launcher.
    pub owner: bool,
    /// Where its ranks are.
    pub plan: &'a Plan,
    /// Address of each node of the plan.
    pub addresses: &'a [String],
}

impl<'a> Door<'a> {
    /// That of a step that runs, as the controller tells of it.
    #[must_use]
    pub fn of(step: &'a StepAttach, owner: bool) -> Self {
        Self { key: step.key, secret: &step.secret, owner, plan: &step.plan, addresses: &step.addresses }
    }
}

/// A step process that cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the step process of {node} at `{address}`")]
pub struct ReachError {
    /// Its node.
    pub node: String,
    /// Its address.
    pub address: String,
    /// Why.
    pub source: io::Error,
}

/// A connection to one step process, with the ranks that it owns.
pub struct Connection {
    /// The connection, let in.
    pub stream: Link,
    /// Ascending.
    pub ranks: Vec<u32>,
    /// How it is made again when it breaks; `None`: it is not.
    pub again: Option<Again>,
}

/// What it takes to make a connection again.
#[derive(Debug, Clone)]
pub struct Again {
    /// Where.
    pub address: String,
    /// As whom.
    pub target: Target,
}

impl Again {
    /// Connects, for as long as the step waits for its launcher: `None` when that was in vain.
    pub async fn connect(self) -> Option<Link> {
        let grace = Duration::from_millis(OWNER_GRACE_MS);
        let connecting = connect(&self.address, self.target);
        tokio::time::timeout(grace, connecting).await.ok()?.ok()
    }
}

/// Connects to every step process of a step: one for each distinct address, whatever nodes it stands for.
///
/// # Errors
/// [`ReachError`] of the first that cannot be reached.
pub async fn reach(door: &Door<'_>) -> Result<Vec<Connection>, ReachError> {
    let mut by_address: Vec<(&str, &str, Vec<u32>)> = Vec::new();
    for (node, address) in door.plan.nodes.iter().zip(door.addresses) {
        let ranks = node.tasks.iter().map(|task| task.rank);
        match by_address.iter_mut().find(|(known, ..)| known == address) {
            Some((_, _, all)) => all.extend(ranks),
            None => by_address.push((address, &node.name, ranks.collect())),
        }
    }
    let each: Vec<_> = by_address
        .into_iter()
        .map(|(address, node, mut ranks)| async move {
            let target = Target::Step { key: door.key, secret: door.secret.clone(), owner: door.owner };
            let again = door.owner.then(|| Again { address: address.to_owned(), target: target.clone() });
            let stream = connect(address, target).await.map_err(|source| ReachError {
                node: node.to_owned(),
                address: address.to_owned(),
                source: source.into_io(),
            })?;
            ranks.sort_unstable();
            Ok(Connection { stream, ranks, again })
        })
        .collect();
    stream::iter(each).buffered(HANDSHAKES_MAX).try_collect().await
}
