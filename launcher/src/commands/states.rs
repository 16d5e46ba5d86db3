//! The words for states of jobs and nodes (`squeue(1)`, `sinfo(1)`: state codes).

use crate::controller::api::{JobState, NodeView};

/// Long and compact word of every state that Slurm knows, in its order; those that prun never has are known, so that
/// filters may name them.
const WORDS: &[(&str, &str, Option<JobState>)] = &[
    ("PENDING", "PD", Some(JobState::Pending)),
    ("RUNNING", "R", Some(JobState::Running)),
    ("SUSPENDED", "S", Some(JobState::Suspended)),
    ("COMPLETED", "CD", Some(JobState::Completed)),
    ("CANCELLED", "CA", Some(JobState::Cancelled)),
    ("FAILED", "F", Some(JobState::Failed)),
    ("TIMEOUT", "TO", Some(JobState::Timeout)),
    ("NODE_FAIL", "NF", Some(JobState::NodeFail)),
    ("PREEMPTED", "PR", Some(JobState::Preempted)),
    ("BOOT_FAIL", "BF", None),
    ("DEADLINE", "DL", Some(JobState::Deadline)),
    ("OUT_OF_MEMORY", "OOM", Some(JobState::OutOfMemory)),
    ("COMPLETING", "CG", Some(JobState::Completing)),
    ("CONFIGURING", "CF", None),
    ("RESIZING", "RS", None),
    ("RESV_DEL_HOLD", "RD", None),
    ("REQUEUED", "RQ", Some(JobState::Requeued)),
    ("REQUEUE_FED", "RF", None),
    ("REQUEUE_HOLD", "RH", None),
    ("REVOKED", "RV", None),
    ("SIGNALING", "SI", None),
    ("SPECIAL_EXIT", "SE", None),
    ("STAGE_OUT", "SO", None),
    ("STOPPED", "ST", None),
];

fn place(state: JobState) -> usize {
    WORDS.iter().position(|(_, _, known)| *known == Some(state)).unwrap_or(WORDS.len() - 1)
}

impl JobState {
    /// `PENDING`.
    #[must_use]
    pub fn long(self) -> &'static str {
        WORDS[place(self)].0
    }

    /// `PD`.
    #[must_use]
    pub fn compact(self) -> &'static str {
        WORDS[place(self)].1
    }

    /// Whether nothing more will happen to the job.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Suspended | Self::Completing)
    }
}

/// A state by its long or compact word, in any case: `Some(None)` is one that prun never has.
#[must_use]
pub fn parse(word: &str) -> Option<Option<JobState>> {
    WORDS
        .iter()
        .find(|(long, compact, _)| long.eq_ignore_ascii_case(word) || compact.eq_ignore_ascii_case(word))
        .map(|(_, _, state)| *state)
}

/// All long words, as `squeue` lists them after a wrong one.
#[must_use]
pub fn list() -> String {
    let words: Vec<&str> = WORDS.iter().map(|(long, ..)| *long).collect();
    words.join(",").to_ascii_lowercase()
}

/// A node's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// Not to be used.
    Down,
    /// No job is on it.
    Idle,
    /// All of its CPUs are held.
    Allocated,
    /// Some are.
    Mixed,
    /// Takes no new jobs and still runs some.
    Draining,
    /// Takes no new jobs and runs none.
    Drained,
}

impl NodeState {
    /// What the view says. A node that does not answer is down.
    #[must_use]
    pub fn of(node: &NodeView) -> Self {
        if node.drain {
            if node.cpus_allocated > 0 { Self::Draining } else { Self::Drained }
        } else if node.down || !node.up {
            Self::Down
        } else if node.cpus_allocated == 0 {
            Self::Idle
        } else if node.cpus_allocated >= node.facts.cpus {
            Self::Allocated
        } else {
            Self::Mixed
        }
    }

    /// `allocated`, as `%T` of `sinfo`.
    #[must_use]
    pub fn long(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Idle => "idle",
            Self::Allocated => "allocated",
            Self::Mixed => "mixed",
            Self::Draining => "draining",
            Self::Drained => "drained",
        }
    }

    /// Slurm's order of states, by which `sinfo` sorts: what drains stands above all others.
    #[must_use]
    pub fn order(self) -> usize {
        match self {
            Self::Down => 1,
            Self::Idle => 2,
            Self::Allocated => 3,
            Self::Mixed => 5,
            Self::Drained => 6,
            Self::Draining => 7,
        }
    }

    /// `alloc`, as `%t`.
    #[must_use]
    pub fn compact(self) -> &'static str {
        match self {
            Self::Allocated => "alloc",
            Self::Mixed => "mix",
            Self::Draining => "drng",
            Self::Drained => "drain",
            other => other.long(),
        }
    }
}

/// A node's state as `scontrol` writes it: `IDLE+DRAIN`, `DOWN*`.
#[must_use]
pub fn node_flags(node: &NodeView) -> String {
    let base = match (node.down || !node.up, node.cpus_allocated) {
        (true, _) => "DOWN",
        (false, 0) => "IDLE",
        (false, held) if held >= node.facts.cpus => "ALLOCATED",
        (false, _) => "MIXED",
    };
    let silent = if node.up { "" } else { "*" };
    let drain = if node.drain { "+DRAIN" } else { "" };
    format!("{base}{silent}{drain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_by_both_words_in_any_case() {
        for (word, state) in
            [("PD", JobState::Pending), ("running", JobState::Running), ("oom", JobState::OutOfMemory)]
        {
            assert_eq!(parse(word), Some(Some(state)), "{word}");
        }
        assert_eq!(parse("CONFIGURING"), Some(None));
        assert_eq!(parse("nitem"), None);
        assert!(list().starts_with("pending,running,") && list().ends_with(",stopped"));
    }

    #[test]
    fn every_state_has_words_of_its_own() {
        let all = [
            JobState::Pending,
            JobState::Running,
            JobState::Suspended,
            JobState::Completing,
            JobState::Completed,
            JobState::Cancelled,
            JobState::Failed,
            JobState::Timeout,
            JobState::NodeFail,
            JobState::Preempted,
            JobState::OutOfMemory,
            JobState::Deadline,
            JobState::Requeued,
        ];
        for state in all {
            assert_eq!(parse(state.long()), Some(Some(state)));
            assert_eq!(parse(state.compact()), Some(Some(state)));
        }
    }
}
