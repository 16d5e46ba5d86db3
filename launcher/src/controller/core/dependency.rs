//! `--dependency`: what a job waits for (`sbatch(1)`).

use std::collections::BTreeSet;

use prun_runtime::ids::JobId;

use super::Cluster;
use super::job::Job;
use super::lifecycle::Stage;
use super::reason::Reason;
use crate::controller::api::JobState;
use crate::script::spec::{DependencyCondition, DependencyKind};

/// How a condition stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// It holds.
    Met,
    /// It may come to hold.
    Open,
    /// It will at this time (Unix seconds).
    At(f64),
    /// It never will.
    Never,
}

/// What a condition needs to know of a job.
struct Fate {
    started: Option<f64>,
    ended: bool,
    well: bool,
}

impl Fate {
    fn of(job: &Job) -> Self {
        let ended = job.stage == Stage::Ended;
        // `after` also holds once the job was cancelled before it started.
        let started = job.run.start_time.or(job.end_time.filter(|_| ended));
        Self { started, ended, well: ended && job.outcome == JobState::Completed }
    }
}

impl Cluster {
    /// How all that a job waits for stands together. For an array record the question is asked for one element.
    pub(super) fn standing(&self, job: &Job, element: Option<u32>, now: f64) -> Standing {
        let any = job.spec.dependency.as_ref().is_some_and(|dependency| dependency.any);
        let standings = job.waits.iter().map(|condition| self.condition(job, element, condition, now));
        let worse = |a: Standing, b: Standing| match (a, b) {
            (Standing::Never, _) | (_, Standing::Never) => Standing::Never,
            (Standing::Open, _) | (_, Standing::Open) => Standing::Open,
            (Standing::At(a), Standing::At(b)) => Standing::At(a.max(b)),
            (Standing::At(at), Standing::Met) | (Standing::Met, Standing::At(at)) => Standing::At(at),
            (Standing::Met, Standing::Met) => Standing::Met,
        };
        let better = |a: Standing, b: Standing| match (a, b) {
            (Standing::Met, _) | (_, Standing::Met) => Standing::Met,
            (Standing::At(a), Standing::At(b)) => Standing::At(a.min(b)),
            (Standing::At(at), _) | (_, Standing::At(at)) => Standing::At(at),
            (Standing::Open, _) | (_, Standing::Open) => Standing::Open,
            (Standing::Never, Standing::Never) => Standing::Never,
        };
        let all = if any { standings.reduce(better) } else { standings.reduce(worse) };
        all.unwrap_or(Standing::Met)
    }

    /// How one condition stands.
    fn condition(
        &self,
        job: &Job,
        element: Option<u32>,
        condition: &DependencyCondition,
        now: f64,
    ) -> Standing {
        use DependencyKind::{After, AfterAny, AfterBurstBuffer, AfterCorr, AfterNotOk, AfterOk, Singleton};
        if condition.kind == Singleton {
            return if self.has_elder(job) { Standing::Open } else { Standing::Met };
        }
        let element = if condition.kind == AfterCorr { element } else { condition.element };
        let fates = self.fates(JobId(condition.job), element);
        let ended = fates.iter().all(|fate| fate.ended);
        let holds = |met: bool| match (met, ended) {
            (true, _) => Standing::Met,
            (false, true) => Standing::Never,
            (false, false) => Standing::Open,
        };
        match condition.kind {
            After => {
                let Some(started) = fates.iter().map(|fate| fate.started).collect::<Option<Vec<_>>>() else {
                    return Standing::Open;
                };
                let last = started.into_iter().fold(0.0, f64::max);
                let due = last + f64::from(condition.after_minutes) * 60.0;
                if due <= now { Standing::Met } else { Standing::At(due) }
            }
            AfterAny | AfterBurstBuffer => holds(ended),
            AfterOk | AfterCorr if fates.iter().any(|fate| fate.ended && !fate.well) => Standing::Never,
            AfterOk | AfterCorr => holds(ended),
            AfterNotOk => holds(ended && fates.iter().any(|fate| !fate.well)),
            Singleton => Standing::Met,
        }
    }

    /// What became of a job, an array or an element of one. Nothing is known of jobs that are forgotten: what
    /// waits for them waits no longer.
    fn fates(&self, id: JobId, element: Option<u32>) -> Vec<Fate> {
        let records = self.records_of(id);
        let of_array: Vec<Fate> = records
            .filter(|job| element.is_none_or(|element| job.elements().contains(&element)))
            .map(Fate::of)
            .collect();
        if !of_array.is_empty() || self.arrays.contains_key(&id) {
            return of_array;
        }
        if let Some(job) = self.jobs.get(&id) {
            return vec![Fate::of(job)];
        }
        let past = self.history.values().filter(|view| {
            let array = view.array.as_ref();
            let of_array = array.is_some_and(|array| {
                array.id == id && element.is_none_or(|element| array.element == Some(element))
            });
            view.id == id && array.is_none() || of_array
        });
        past.map(|view| Fate {
            started: view.start_time.or(view.end_time),
            ended: true,
            well: view.state == JobState::Completed,
        })
        .collect()
    }

    /// Whether an earlier job of the same name and user has not ended.
    fn has_elder(&self, job: &Job) -> bool {
        self.jobs.range(..job.id).any(|(_, elder)| {
            elder.stage != Stage::Ended
                && elder.name() == job.name()
                && elder.submission.submitter.uid == job.submission.submitter.uid
                && elder.array_or_id() != job.array_or_id()
                && (job.het.is_none() || elder.leader() != job.leader())
        })
    }

    /// Forgets conditions that hold, so that they stay so when what they speak of goes back into the queue. Those of
    /// a held job are looked at when it is released.
    pub(super) fn drop_met(&mut self, id: JobId, now: f64) {
        let Some(job) = self.jobs.get(&id).filter(|job| job.hold.is_none()) else { return };
        let any = job.spec.dependency.as_ref().is_some_and(|dependency| dependency.any);
        let element = job.element();
        let open: Vec<DependencyCondition> = job
            .waits
            .iter()
            .filter(|condition| {
                // Elements that wait together share their conditions: each has its own partner.
                (condition.kind == DependencyKind::AfterCorr && element.is_none())
                    || self.condition(job, element, condition, now) != Standing::Met
            })
            .cloned()
            .collect();
        let met = any && open.len() < job.waits.len();
        if let Some(job) = self.jobs.get_mut(&id) {
            job.waits = if met { Vec::new() } else { open };
        }
    }

    /// Conditions as users read them: `afterok:12(unfulfilled),singleton(unfulfilled)`.
    pub(super) fn dependency_text(&self, job: &Job, now: f64) -> Option<String> {
        // A job that was ended because of it keeps it.
        let ended_by_it = job.stage == Stage::Ended && job.reason == Reason::DependencyNeverSatisfied;
        if job.waits.is_empty() || !(job.stage == Stage::Pending || ended_by_it) {
            return None;
        }
        let any = job.spec.dependency.as_ref().is_some_and(|dependency| dependency.any);
        let texts = job.waits.iter().filter_map(|condition| {
            let state = match self.condition(job, job.element(), condition, now) {
                _ if job.hold.is_some() => "unfulfilled",
                Standing::Met => return None,
                Standing::Never => "failed",
                Standing::Open | Standing::At(_) => "unfulfilled",
            };
            let whole = condition.element.is_none() && self.is_array(JobId(condition.job));
            Some(format!("{}({state})", condition_text(condition, whole)))
        });
        let text = texts.collect::<Vec<_>>().join(if any { "?" } else { "," });
        (!text.is_empty()).then_some(text)
    }

    /// Whether a dependency names a job that there never was.
    pub(super) fn knows(&self, condition: &DependencyCondition) -> bool {
        let id = JobId(condition.job);
        match condition.element {
            // Job 0 is what could not be read.
            _ if condition.kind == DependencyKind::Singleton => true,
            _ if id.0 > 0 && !decided_by_outcome(condition.kind) => true,
            Some(_) => !self.fates(id, condition.element).is_empty(),
            None => {
                self.jobs.contains_key(&id) || self.arrays.contains_key(&id) || self.history.contains_key(&id)
            }
        }
    }

    /// Whether what a job is to wait for waits for that job, be it over others.
    pub(super) fn is_circular(&self, id: JobId, conditions: &[DependencyCondition]) -> bool {
        let numbers = |conditions: &[DependencyCondition]| conditions.iter().map(|c| JobId(c.job)).collect();
        let (mut seen, mut left): (BTreeSet<JobId>, Vec<JobId>) = (BTreeSet::new(), numbers(conditions));
        while let Some(next) = left.pop() {
            if next == id {
                return true;
            }
            if seen.insert(next) {
                let records = self.jobs.get(&next).into_iter().chain(self.records_of(next));
                let waiting = records.filter(|job| job.stage == Stage::Pending);
                left.extend(waiting.flat_map(|job| &job.waits).map(|condition| JobId(condition.job)));
            }
        }
        false
    }

    /// Whether a number is that of an array.
    fn is_array(&self, id: JobId) -> bool {
        let past = |id| self.history.get(&id).and_then(|view| view.array.as_ref());
        self.arrays.contains_key(&id) || past(id).is_some_and(|array| array.id == id)
    }
}

/// Whether a condition depends on how a job ended. Any other one holds for a job that there never was, or is no more.
fn decided_by_outcome(kind: DependencyKind) -> bool {
    matches!(kind, DependencyKind::AfterOk | DependencyKind::AfterNotOk)
}

/// As `--dependency` is written, with a star for all elements of an array.
fn condition_text(condition: &DependencyCondition, whole_array: bool) -> String {
    let kind = match condition.kind {
        DependencyKind::After => "after",
        DependencyKind::AfterAny => "afterany",
        DependencyKind::AfterOk => "afterok",
        DependencyKind::AfterNotOk => "afternotok",
        DependencyKind::AfterCorr => "aftercorr",
        DependencyKind::AfterBurstBuffer => "afterburstbuffer",
        DependencyKind::Singleton => return "singleton".to_owned(),
    };
    let all = if whole_array { "_*" } else { "" };
    let element = condition.element.map_or_else(|| all.to_owned(), |element| format!("_{element}"));
    let minutes =
        if condition.after_minutes > 0 { format!("+{}", condition.after_minutes) } else { String::new() };
    format!("{kind}:{}{element}{minutes}", condition.job)
}

/// Whether each element of an array waits for a partner of its own.
pub(super) fn by_element(job: &Job) -> bool {
    job.waits.iter().any(|condition| condition.kind == DependencyKind::AfterCorr)
}
