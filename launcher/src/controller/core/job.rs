//! A job as the core keeps it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use prun_runtime::ids::{JobId, StepId};
use prun_runtime::wire::step::Exit;
use serde::{Deserialize, Serialize};

use super::event::Asker;
use super::het::Component;
use super::lifecycle::Stage;
use super::reason::Reason;
use super::step::{Step, WaitingStep};
use crate::controller::api::{JobState, Submission};
use crate::layout::plan::Allocation;
use crate::script::spec::{DependencyCondition, JobSpec};

/// A job, or the elements of an array that still wait.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) array: Option<Membership>,
    /// Its place in a heterogeneous job.
    #[serde(default)]
    pub(super) het: Option<Component>,
    /// As submitted; elements of an array share it, also where the state is kept.
    #[serde(skip)]
    pub(super) submission: Arc<Submission>,
    /// As submitted, with what was updated since.
    pub(super) spec: JobSpec,
    /// The call of `salloc` or `srun` that asked for it and that it ends with.
    pub(super) owner: Option<Asker>,
    /// Whether that call has been answered with the allocation.
    pub(super) granted: bool,
    /// Partitions asked for, after the default.
    pub(super) partitions: Vec<String>,
    pub(super) stage: Stage,
    /// Where it ends up; holds from `Completing` on.
    pub(super) outcome: JobState,
    pub(super) reason: Reason,
    pub(super) hold: Option<Hold>,
    /// Place in the queue when it is not held.
    pub(super) priority: u32,
    /// What it still waits for.
    pub(super) waits: Vec<DependencyCondition>,
    /// Earliest start for technical reasons, which an update cannot take away.
    pub(super) not_before: f64,
    pub(super) run: Run,
    pub(super) submit_time: f64,
    pub(super) eligible_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) last_sched_eval: Option<f64>,
    pub(super) restarts: u32,
    pub(super) cancelled_by: Option<u32>,
    /// What is to become of it once its last process is gone.
    pub(super) again: Option<Again>,
}

/// What belongs to one run of a job, from its start on, and is new after a requeue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) partition: Option<String>,
    pub(super) allocation: Option<Allocation>,
    pub(super) start_time: Option<f64>,
    /// When it is expected to start, and where.
    pub(super) expected: Option<(f64, String)>,
    pub(super) suspend_time: Option<f64>,
    /// Seconds that it was suspended, without those of a suspension that lasts.
    pub(super) suspended_secs: f64,
    /// Whether `--signal` has been sent.
    pub(super) warned: bool,
    pub(super) exit: Exit,
    pub(super) derived_exit: Exit,
    pub(super) steps: BTreeMap<StepId, Step>,
    pub(super) next_step: u32,
    pub(super) waiting_steps: VecDeque<WaitingStep>,
}

/// A job's place in an array.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Membership {
    /// The array's number.
    pub(super) array: JobId,
    /// `%N`.
    pub(super) limit: Option<u32>,
    /// One element that has a record of its own, or those that wait together.
    pub(super) elements: Elements,
}

/// Which elements a record stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Elements {
    /// One.
    One(u32),
    /// Several that wait.
    Waiting(BTreeSet<u32>),
}

/// Who holds a job back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Hold {
    /// Its user.
    User,
    /// The cluster's administrator.
    Admin,
}

/// What follows the end of a run that is not the job's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Again {
    /// Held after it.
    pub(super) hold: Option<Hold>,
}

/// A job's place in the queue: the partition's tier, its priority, its age. Smallest is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueKey {
    pub(super) tier: Reverse<u32>,
    pub(super) priority: Reverse<u32>,
    pub(super) id: JobId,
}

impl Hold {
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::User => Reason::HeldUser,
            Self::Admin => Reason::HeldAdmin,
        }
    }

    /// What a hold by this user is.
    pub(super) fn by(uid: u32) -> Self {
        if uid == 0 { Self::Admin } else { Self::User }
    }
}

impl Job {
    /// Whether it has a script.
    pub(super) fn batch(&self) -> bool {
        self.submission.script.is_some()
    }

    pub(super) fn name(&self) -> &str {
        self.spec.name.as_deref().unwrap_or("sbatch")
    }

    /// Priority as shown: 0 is held.
    pub(super) fn current_priority(&self) -> u32 {
        if self.hold.is_some() { 0 } else { self.priority }
    }

    /// The element it stands for, if it is one.
    pub(super) fn element(&self) -> Option<u32> {
        match self.array.as_ref()?.elements {
            Elements::One(element) => Some(element),
            Elements::Waiting(_) => None,
        }
    }

    /// The elements it stands for; none where it is of no array.
    pub(super) fn elements(&self) -> Vec<u32> {
        match self.array.as_ref().map(|array| &array.elements) {
            None => Vec::new(),
            Some(Elements::One(element)) => vec![*element],
            Some(Elements::Waiting(elements)) => elements.iter().copied().collect(),
        }
    }

    /// The number that users know it by: the array's, or its own.
    pub(super) fn array_or_id(&self) -> JobId {
        self.array.as_ref().map_or(self.id, |array| array.array)
    }

    /// When its begin time lets it start.
    pub(super) fn begins(&self) -> f64 {
        self.spec.begin.map_or(self.not_before, |begin| self.not_before.max(begin as f64))
    }

    /// Whether it may go back into the queue by itself (`--requeue`).
    pub(super) fn requeueable(&self, by_default: bool) -> bool {
        self.batch() && self.spec.requeue.unwrap_or(by_default)
    }

    /// Its state as shown.
    pub(super) fn state(&self) -> JobState {
        match self.stage {
            Stage::Pending => JobState::Pending,
            Stage::Running => JobState::Running,
            Stage::Suspended => JobState::Suspended,
            Stage::Completing => JobState::Completing,
            Stage::Ended => self.outcome,
        }
    }

    /// Whether any of its steps still has, or may yet have, processes.
    pub(super) fn has_live_steps(&self) -> bool {
        self.run.steps.values().any(Step::live)
    }

    /// Seconds it has run without those it was suspended.
    pub(super) fn suspended_until(&self, now: f64) -> f64 {
        let lasting = (self.stage == Stage::Suspended).then_some(self.run.suspend_time).flatten();
        self.run.suspended_secs + lasting.map_or(0.0, |since| now - since)
    }
}
