//! Why a job waits, or how it ended, in Slurm's words (`squeue(1)`, job reason codes).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A job's `Reason`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Reason {
    /// Nothing to say.
    #[default]
    None,
    /// It is first in line and its resources are busy.
    Resources,
    /// Others are before it.
    Priority,
    /// Other jobs have to start or end first.
    Dependency,
    /// They did, but not as it was asked for.
    DependencyNeverSatisfied,
    /// Its time has not come.
    BeginTime,
    /// Held by its user.
    HeldUser,
    /// Held by the cluster's.
    HeldAdmin,
    /// Put back into the queue, and held there.
    RequeuedHeld,
    /// As many elements of its array run as may at once.
    ArrayTaskLimit,
    /// Its partition is down.
    PartitionDown,
    /// Its partition takes and starts no jobs.
    PartitionInactive,
    /// It asks for more time than its partition gives.
    PartitionTimeLimit,
    /// It asks for more or fewer nodes than its partition gives.
    PartitionNodeLimit,
    /// Nodes that it names are down or drained: these.
    NodesUnavailable(String),
    /// Nodes that it needs are down or drained.
    NodesDown,
    /// No nodes of its partition can hold it any more.
    BadConstraints,
    /// It ran out of time.
    TimeLimit,
    /// Its deadline has passed.
    Deadline,
    /// Its script exited with another code than 0.
    NonZeroExitCode,
    /// A signal ended its script.
    RaisedSignal(i32),
    /// A node of its own was lost.
    NodeDown,
    /// Its script could not be started.
    LaunchFailure,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Resources => "Resources",
            Self::Priority => "Priority",
            Self::Dependency => "Dependency",
            Self::DependencyNeverSatisfied => "DependencyNeverSatisfied",
            Self::BeginTime => "BeginTime",
            Self::HeldUser => "JobHeldUser",
            Self::HeldAdmin => "JobHeldAdmin",
            Self::RequeuedHeld => "job requeued in held state",
            Self::ArrayTaskLimit => "JobArrayTaskLimit",
            Self::PartitionDown => "PartitionDown",
            Self::PartitionInactive => "PartitionInactive",
            Self::PartitionTimeLimit => "PartitionTimeLimit",
            Self::PartitionNodeLimit => "PartitionNodeLimit",
            Self::NodesUnavailable(nodes) => {
                return write!(f, "ReqNodeNotAvail, UnavailableNodes:{nodes}");
            }
            Self::NodesDown => {
                "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
            }
            Self::BadConstraints => "BadConstraints",
            Self::TimeLimit => "TimeLimit",
            Self::Deadline => "DeadLine",
            Self::NonZeroExitCode => "NonZeroExitCode",
            Self::RaisedSignal(signal) => {
                return write!(f, "RaisedSignal:{signal}({})", signal_text(*signal));
            }
            Self::NodeDown => "NodeDown",
            Self::LaunchFailure => "JobLaunchFailure",
        })
    }
}

/// What the C library calls a signal (`strsignal(3)`).
fn signal_text(signal: i32) -> &'static str {
    match signal {
        1 => "Hangup",
        2 => "Interrupt",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        13 => "Broken pipe",
        14 => "Alarm clock",
        15 => "Terminated",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        31 => "Bad system call",
        _ => "Unknown signal",
    }
}
