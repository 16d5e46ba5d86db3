//! Controller ↔ rank server.

use serde::{Deserialize, Serialize};

use super::launch::StepLaunch;
use super::step::Exit;
use crate::ids::{LaunchId, Rank, StepKey};

/// Controller to rank server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToNode {
    /// Answer to [`FromNode::Register`]: the nodes are part of the cluster.
    Registered,
    /// Start this step on the nodes it names. One that has this launch already does nothing, so that it may be asked
    /// again.
    Launch(Box<StepLaunch>),
    /// A signal for every task of a step.
    Signal {
        /// Which step.
        key: StepKey,
        /// The signal's number.
        signal: i32,
    },
    /// Ends a step: TERM, and after its `kill_wait_ms` KILL; `at_once`: KILL.
    Terminate {
        /// Which step.
        key: StepKey,
        /// Which launch of it; `None`: the last.
        #[serde(default)]
        launch: Option<LaunchId>,
        /// Without TERM first.
        at_once: bool,
        /// What the user should read about it, without prefix: `*** STEP 7.0 ON n1 CANCELLED AT … ***`. For the
        /// script it goes to its error output, for a step to its launcher.
        #[serde(default)]
        notice: Option<String>,
    },
    /// The end of a step is written down ([`FromNode::StepDone`], [`FromNode::LaunchFailed`]): nobody needs to be told
    /// of it again.
    Kept {
        /// Which step.
        key: StepKey,
        /// Which launch of it.
        launch: LaunchId,
    },
    /// Asks for a [`FromNode::Pong`].
    Ping {
        /// Given back.
        nonce: u64,
    },
}

/// Rank server to controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromNode {
    /// First message: what this rank server stands for, and of which steps it has something to tell: those that it
    /// still runs, and those whose end has not been [kept](ToNode::Kept). What happened to them follows, even if it was
    /// told before.
    Register {
        /// Its nodes.
        nodes: Vec<NodeFacts>,
        /// The steps.
        steps: Vec<StepKey>,
        /// Which launch of each of them, in the same order.
        #[serde(default)]
        launches: Vec<LaunchId>,
    },
    /// A launch has arrived: it need not be sent again.
    Launched {
        /// Which step.
        key: StepKey,
        /// Which launch of it.
        launch: LaunchId,
    },
    /// A step's process could not be started at all.
    LaunchFailed {
        /// Which step.
        key: StepKey,
        /// Which launch of it.
        #[serde(default)]
        launch: LaunchId,
        /// Why.
        reason: String,
    },
    /// A task of a step is gone.
    Exited {
        /// Which step.
        key: StepKey,
        /// Which launch of it.
        #[serde(default)]
        launch: LaunchId,
        /// Which task.
        rank: Rank,
        /// How.
        exit: Exit,
    },
    /// Every task that this rank server had of the step is gone. `lost`: its step process died.
    StepDone {
        /// Which step.
        key: StepKey,
        /// Which launch of it.
        #[serde(default)]
        launch: LaunchId,
        /// Whether the step process died before its tasks had.
        lost: bool,
    },
    /// Answer to [`ToNode::Ping`].
    Pong {
        /// As asked.
        nonce: u64,
        /// How busy the machine is, where its system says.
        #[serde(default)]
        load: Option<MachineLoad>,
    },
}

/// How busy a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineLoad {
    /// Average load of the last five minutes, which is what `slurmd` tells, in hundredths.
    pub hundredths: u32,
    /// Memory that nobody uses, in MiB.
    pub free_mb: u64,
}

/// What a node is, as it registers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// The machine's own name.
    pub hostname: String,
    /// How launchers reach it: `unix:PATH` or `HOST:PORT`.
    pub address: String,
    /// CPUs to be allocated.
    pub cpus: u32,
    /// Sockets, cores a socket, threads a core; their product is `cpus`.
    pub topology: (u32, u32, u32),
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Temporary disk in MiB.
    pub tmp_mb: u64,
    /// Operating system line (`uname`).
    pub os: String,
    /// Architecture (`x86_64`).
    pub arch: String,
    /// When the machine was booted, Unix seconds.
    pub boot_time: u64,
    /// What its rank server remembers launches in: another number, another memory, in which nothing is.
    #[serde(default)]
    pub memory_id: u64,
}
