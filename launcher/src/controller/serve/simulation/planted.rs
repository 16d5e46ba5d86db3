//! Bugs that are planted on purpose, to see that the rules catch them: one of each class.

use prun_runtime::ids::LaunchId;
use prun_runtime::wire::launch::StepLaunch;
use prun_runtime::wire::node::{FromNode, ToNode};

use super::controller::Controller;
use super::disk::Disk;
use super::wire::{Down, Up};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planted {
    /// The journal says that it has kept what it has not.
    LostAcknowledgement,
    /// A rank server's report is taken off the wire and forgotten.
    LostReport,
    /// A launch is sent twice.
    DoubleLaunch,
    /// CPUs of a job that has ended stay held.
    CapacityLeak,
    /// What is said to be kept is on its way to the disk only.
    NoWaitForDisk,
}

impl Planted {
    pub(super) const ALL: [Self; 5] = [
        Self::LostAcknowledgement,
        Self::LostReport,
        Self::DoubleLaunch,
        Self::CapacityLeak,
        Self::NoWaitForDisk,
    ];

    pub(super) fn prepare(self, disk: &Disk) {
        match self {
            Self::LostAcknowledgement => disk.forget_every(10),
            Self::NoWaitForDisk => disk.do_not_wait(),
            _ => {}
        }
    }

    /// Whether a message is lost on its way to the controller.
    pub(super) fn loses(self, what: &Up) -> bool {
        let of = |key: &prun_runtime::ids::StepKey| key.job.0.is_multiple_of(5);
        self == Self::LostReport && matches!(what, Up::Says(FromNode::StepDone { key, .. }) if of(key))
    }

    /// What follows a message on its way from the controller: a launch that nobody decided on.
    pub(super) fn echo(self, what: &Down) -> Option<Down> {
        let Down::Told(ToNode::Launch(launch)) = what else { return None };
        let number = LaunchId(launch.launch.0 + 1_000_000);
        let again = ToNode::Launch(Box::new(StepLaunch { launch: number, ..(**launch).clone() }));
        (self == Self::DoubleLaunch).then_some(Down::Told(again))
    }

    /// What goes wrong in the controller itself.
    pub(super) fn meddle(self, controller: &mut Controller) {
        if self == Self::CapacityLeak {
            let cluster = &mut controller.owner.cluster;
            let ended = cluster.ids().into_iter().find(|id| id.0.is_multiple_of(5) && cluster.has_ended(*id));
            ended.into_iter().for_each(|id| cluster.leak(id));
        }
    }
}
