//! A step as the core keeps it.

use std::collections::{BTreeMap, BTreeSet};

use prun_runtime::ids::{LaunchId, Launched, StepKey};
use prun_runtime::wire::launch::{Secret, StepLaunch};
use prun_runtime::wire::step::Exit;
use serde::{Deserialize, Serialize};

use super::event::{Asker, ClientId, LinkId};
use crate::controller::api::{JobState, StepRequest, StepView};
use crate::layout::plan::Plan;

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) key: StepKey,
    /// Which launch of it, once it was launched.
    #[serde(default)]
    pub(super) launch: LaunchId,
    pub(super) name: String,
    pub(super) secret: Secret,
    pub(super) plan: Plan,
    /// Whether it shares CPUs with other steps.
    pub(super) overlap: bool,
    pub(super) distribution: String,
    #[serde(default)]
    pub(super) command_line: String,
    pub(super) limit: Option<u32>,
    pub(super) stage: StepStage,
    /// Rank servers that still have tasks of it.
    pub(super) open: BTreeSet<LinkId>,
    /// What was sent to those of them that have not said yet that they have it.
    #[serde(default)]
    pub(super) unheard: BTreeMap<LinkId, Box<StepLaunch>>,
    /// Whether it was told to end, and why: what it ends as.
    pub(super) ended_as: Option<JobState>,
    pub(super) cancelled_by: Option<u32>,
    /// By rank, as far as told.
    pub(super) exits: BTreeMap<u32, Exit>,
    /// Whether a step process of it died.
    pub(super) lost: bool,
    pub(super) start_time: f64,
    pub(super) end_time: Option<f64>,
    /// The parts of a step over several components, this one among them, by their ranks; empty of any other step. Rank
    /// servers know it by the number of the first.
    #[serde(default)]
    pub(super) parts: Vec<StepKey>,
    /// Ranks of the parts before this one; its own are counted from 0 here.
    #[serde(default)]
    pub(super) first_rank: u32,
}

/// Where a step is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StepStage {
    /// Has its CPUs; the `srun` behind this connection is to launch it.
    Created(ClientId),
    /// Was handed to its rank servers.
    Running,
    /// Has no task any more.
    Ended,
}

/// A step that waits for CPUs of its job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct WaitingStep {
    pub(super) asker: Asker,
    pub(super) request: StepRequest,
}

impl Step {
    /// One that has its CPUs, for the `srun` behind this connection or, without one, for the controller to launch.
    pub(super) fn new(key: StepKey, secret: Secret, plan: Plan, maker: Option<ClientId>, now: f64) -> Self {
        Self {
            key,
            launch: LaunchId::default(),
            name: String::new(),
            secret,
            plan,
            overlap: false,
            distribution: "Unknown".to_owned(),
            command_line: String::new(),
            limit: None,
            stage: maker.map_or(StepStage::Running, StepStage::Created),
            open: BTreeSet::new(),
            unheard: BTreeMap::new(),
            ended_as: None,
            cancelled_by: None,
            exits: BTreeMap::new(),
            lost: false,
            start_time: now,
            end_time: None,
            parts: Vec::new(),
            first_rank: 0,
        }
    }

    /// What rank servers know it by.
    pub(super) fn launched_as(&self) -> StepKey {
        self.parts.first().copied().unwrap_or(self.key)
    }

    /// Whether it holds its CPUs.
    pub(super) fn live(&self) -> bool {
        self.stage != StepStage::Ended
    }

    /// Which launch of which step it is.
    pub(super) fn launched(&self) -> Launched {
        Launched { key: self.launched_as(), launch: self.launch }
    }

    /// Its exit as a whole: the highest of its tasks'.
    pub(super) fn exit(&self) -> Exit {
        self.exits.values().copied().max_by_key(Exit::status).unwrap_or_default()
    }

    /// Its state, as Slurm's accounting has it: whatever a signal ended was cancelled. A step that was told to end and
    /// found its own way out is as that way was.
    fn state(&self) -> JobState {
        let exit = self.exit();
        match self.ended_as {
            _ if self.live() => JobState::Running,
            Some(state) if exit.signal != 0 || self.exits.is_empty() => state,
            _ if self.lost || exit.code != 0 => JobState::Failed,
            _ if exit.signal != 0 => JobState::Cancelled,
            _ => JobState::Completed,
        }
    }

    pub(super) fn view(&self) -> StepView {
        StepView {
            key: self.key,
            name: self.name.clone(),
            state: self.state(),
            cancelled_by: self.cancelled_by,
            exit: self.exit(),
            start_time: self.start_time,
            end_time: self.end_time,
            time_limit: self.limit,
            plan: self.plan.clone(),
            ntasks: self.plan.size(),
            cpus: self.plan.nodes.iter().map(|node| node.cpus.len() as u32).sum(),
            distribution: self.distribution.clone(),
            command_line: self.command_line.clone(),
            usage: self.exits.iter().map(|(rank, exit)| (*rank, *exit)).collect(),
        }
    }
}
