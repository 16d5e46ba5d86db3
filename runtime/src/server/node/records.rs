//! What a rank server knows of launches whose end the controller has not kept. Pure.
//!
//! It is told anew to each controller that comes, and to the same one when its link was cut: a message that was on its
//! way is lost then, and one that arrived twice does no harm.

use std::collections::BTreeMap;

use crate::ids::{Launched, Rank};
use crate::wire::node::{FromNode, NodeFacts};
use crate::wire::step::Exit;

/// How a launch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every task is gone.
    Done {
        /// The step process died before they had.
        lost: bool,
    },
    /// There never was a step process.
    Failed {
        /// Why not.
        reason: String,
    },
}

#[derive(Debug, Default)]
struct Record {
    exits: BTreeMap<Rank, Exit>,
    end: Option<End>,
}

/// Launches, by step and number.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<Launched, Record>);

impl Records {
    /// A launch has arrived, or was found: whether it is new.
    pub fn begin(&mut self, launched: Launched) -> bool {
        match self.0.entry(launched) {
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Record::default());
                true
            }
        }
    }

    /// Whether there is something to be told of a launch.
    pub fn knows(&self, launched: Launched) -> bool {
        self.0.contains_key(&launched)
    }

    /// A task is gone: what is to be told, if that is news.
    pub fn exited(&mut self, launched: Launched, rank: Rank, exit: Exit) -> Option<FromNode> {
        let known = self.0.get_mut(&launched)?.exits.insert(rank, exit);
        known.is_none().then(|| exited(launched, rank, exit))
    }

    /// A launch has ended: what is to be told, if that is news.
    pub fn ended(&mut self, launched: Launched, end: End) -> Option<FromNode> {
        let record = self.0.get_mut(&launched).filter(|record| record.end.is_none())?;
        Some(ended(launched, record.end.insert(end)))
    }

    /// The controller has written the end of a launch down.
    pub fn kept(&mut self, launched: Launched) {
        // What has not ended cannot be kept: the controller speaks of something else.
        if self.0.get(&launched).is_some_and(|record| record.end.is_some()) {
            self.0.remove(&launched);
        }
    }

    /// All that a controller is told that has just come.
    pub fn register(&self, nodes: Vec<NodeFacts>) -> Vec<FromNode> {
        let steps = self.0.keys().map(|launched| launched.key).collect();
        let launches = self.0.keys().map(|launched| launched.launch).collect();
        let mut told = vec![FromNode::Register { nodes, steps, launches }];
        for (&launched, record) in &self.0 {
            told.extend(record.exits.iter().map(|(&rank, &exit)| exited(launched, rank, exit)));
            told.extend(record.end.as_ref().map(|end| ended(launched, end)));
        }
        told
    }
}

fn exited(Launched { key, launch }: Launched, rank: Rank, exit: Exit) -> FromNode {
    FromNode::Exited { key, launch, rank, exit }
}

fn ended(Launched { key, launch }: Launched, end: &End) -> FromNode {
    match end {
        End::Done { lost } => FromNode::StepDone { key, launch, lost: *lost },
        End::Failed { reason } => FromNode::LaunchFailed { key, launch, reason: reason.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{JobId, LaunchId, StepId, StepKey};

    fn launched(step: u32, launch: u64) -> Launched {
        Launched { key: StepKey { job: JobId(7), step: StepId(step) }, launch: LaunchId(launch) }
    }

    #[test]
    fn what_was_not_kept_is_told_again_and_nothing_else() {
        let mut records = Records::default();
        let (one, two) = (launched(0, 1), launched(1, 2));
        assert!(records.begin(one) && records.begin(two));
        assert!(!records.begin(one), "a launch that is asked for again");
        let exit = Exit { code: 3, ..Exit::default() };
        let of_task = records.exited(one, Rank(0), exit).unwrap();
        assert_eq!(records.exited(one, Rank(0), exit), None, "told twice by its step process");
        records.kept(one);
        let done = records.ended(one, End::Done { lost: false }).unwrap();
        assert_eq!(records.ended(one, End::Done { lost: true }), None, "an end is one");
        let register = FromNode::Register {
            nodes: Vec::new(),
            steps: vec![one.key, two.key],
            launches: vec![one.launch, two.launch],
        };
        assert_eq!(records.register(Vec::new()), [register, of_task, done]);
        records.kept(one);
        records.kept(two);
        assert_eq!(records.register(Vec::new()).len(), 1);
        assert_eq!(records.exited(one, Rank(1), exit), None, "nobody wants to know any more");
        assert!(!records.begin(two), "it still runs");
    }
}
