//! Keys of `slurm.conf(5)` that have no effect here, and whether anybody would miss it.

use crate::script::mistake::distance;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The cluster's.
    Global,
    /// A node's.
    Node,
    /// A partition's.
    Partition,
}

/// What a key without effect is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// How Slurm's own daemons do their work: jobs see nothing of it.
    Inner,
    /// What jobs would see, and prun does not do.
    NotDone,
    /// Nothing that is known; the nearest known key, if one is near.
    Unknown(Option<&'static str>),
}

/// Keys that the other rooms read, for those who misspell them.
const APPLIED: [&str; 3] = [
    "ClusterName DefMemPerCPU DefMemPerNode EnforcePartLimits FirstJobId GresTypes JobRequeue KillWait \
     MaxArraySize MaxJobCount MaxMemPerCPU MaxMemPerNode MinJobAge NodeName PartitionName SlurmctldHost \
     SlurmdTimeout",
    "Boards CoresPerSocket CPUs Features Gres RealMemory Reason Sockets SocketsPerBoard State \
     ThreadsPerCore TmpDisk Weight",
    "Default DefaultTime DefMemPerCPU DefMemPerNode MaxMemPerCPU MaxMemPerNode MaxNodes MaxTime MinNodes \
     Nodes OverSubscribe PriorityTier State",
];

/// Keys about the work of Slurm's daemons; `*` is any end.
const INNER: [&str; 3] = [
    "AccountingStor* AcctGather* AuthAlt* AuthInfo AuthType BackupAddr BackupController BatchStartTimeout \
     BcastExclude BcastParameters CacheGroups CertMgr* CertGen* CheckpointType CommunicationParameters \
     CompleteWait ControlAddr CoreSpecPlugin CredType CryptoType DataParserParameters DebugFlags \
     EioTimeout EpilogMsgTime ExtSensors* FairShareDampeningFactor FastSchedule FederationParameters \
     GetEnvTimeout GroupUpdate* HashPlugin InactiveLimit InteractiveStepOptions JobAcctGather* JobComp* \
     JobContainer* JobCredential* KeepAliveTime LaunchParameters LaunchType LogTimeFormat MailDomain \
     MailProg MaxDBDMsgs MaxStepCount MaxTasksPerNode MCSParameters MCSPlugin MessageTimeout MetricsType \
     MpiParams NamespaceType NodeFeaturesPlugins PluginDir PlugStackConfig PowerParameters PowerPlugin \
     PrEpParameters PrEpPlugins PriorityCalcPeriod PriorityDecayHalfLife PriorityFavorSmall PriorityFlags \
     PriorityMaxAge PriorityParameters PrioritySiteFactor* PriorityUsageResetPeriod PriorityWeight* \
     PrivateData ProctrackType PropagatePrioProcess ReconfigFlags ResumeFailProgram ResumeProgram \
     ResumeRate ResumeTimeout ResvEpilog ResvOverRun ResvProlog ReturnToService RoutePlugin \
     SallocDefaultCommand Scheduler* ScronParameters SelectType* SlurmUser SlurmdUser SlurmctldAddr \
     SlurmctldDebug SlurmctldLogFile SlurmctldParameters SlurmctldPidFile SlurmctldPlugstack \
     SlurmctldPort SlurmctldPrimary* SlurmctldSyslogDebug SlurmctldTimeout SlurmdDebug SlurmdLogFile \
     SlurmdParameters SlurmdPidFile SlurmdPort SlurmdSpoolDir SlurmdSyslogDebug SlurmSched* SrunPortRange \
     StateSaveLocation Suspend* SwitchParameters SwitchType TaskPlugin* TCPTimeout TLS* Topology* \
     TrackWCKey TreeWidth Unkillable* UsePAM VSizeFactor X11Parameters",
    "BcastAddr CpuBind NodeAddr NodeHostname Port",
    "AllocNodes ExclusiveUser GraceTime Hidden PowerDownOnIdle PriorityJobFactor ResumeTimeout \
     SelectTypeParameters SuspendTime SuspendTimeout Topology TRESBillingWeights",
];

/// Keys that make a difference to jobs.
const NOT_DONE: [&str; 3] = [
    "AllowSpecResourcesUsage BurstBufferType CliFilterPlugins CpuFreqDef CpuFreqGovernors \
     DependencyParameters DisableRootJobs Epilog EpilogSlurmctld EpilogTimeout GpuFreqDef HealthCheck* \
     JobDefaults JobFileAppend JobSubmitPlugins KillOnBadExit Licenses MaxNodeCount MpiDefault \
     OverTimeLimit Preempt* PriorityType Prolog PrologEpilogTimeout PrologFlags PrologSlurmctld \
     PrologTimeout PropagateResourceLimits* RebootProgram RequeueExit* SrunEpilog SrunProlog TaskEpilog \
     TaskProlog TmpFS WaitTime",
    "CoreSpecCount CpuSpecList MemSpecLimit Parameters RestrictedCoresPerGPU",
    "AllowAccounts AllowGroups AllowQos Alternate CpuBind DenyAccounts DenyQos DisableRootJobs \
     ExclusiveTopo JobDefaults LLN MaxCPUsPerNode MaxCPUsPerSocket OverTimeLimit PreemptMode QOS ReqResv \
     RootOnly",
];

/// What a key without effect is about.
pub(super) fn meaning(line: Line, key: &str) -> Meaning {
    let at = line as usize;
    let is_among = |keys: &str| keys.split_whitespace().any(|known| is_key(known, key));
    if is_among(NOT_DONE[at]) {
        Meaning::NotDone
    } else if is_among(INNER[at]) {
        Meaning::Inner
    } else {
        Meaning::Unknown(nearest(at, key))
    }
}

fn is_key(known: &str, key: &str) -> bool {
    match known.strip_suffix('*') {
        Some(begin) => key.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin)),
        None => known.eq_ignore_ascii_case(key),
    }
}

fn nearest(line: usize, key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let near = |known: &'static str| (distance(&key, &known.to_ascii_lowercase()), known);
    let (far, known) = APPLIED[line].split_whitespace().map(near).min()?;
    (far <= 2.min(key.len() / 3)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_in_any_case() {
        for (line, key, expected) in [
            (Line::Global, "prolog", Meaning::NotDone),
            (Line::Global, "SLURMCTLDPORT", Meaning::Inner),
            (Line::Global, "PriorityWeightAge", Meaning::Inner),
            (Line::Global, "ClustrName", Meaning::Unknown(Some("ClusterName"))),
            (Line::Global, "Foo", Meaning::Unknown(None)),
            (Line::Node, "NodeAddr", Meaning::Inner),
            (Line::Node, "RealMemry", Meaning::Unknown(Some("RealMemory"))),
            (Line::Node, "Prolog", Meaning::Unknown(None)),
            (Line::Partition, "AllowGroups", Meaning::NotDone),
        ] {
            assert_eq!(meaning(line, key), expected, "{key}");
        }
    }

    #[test]
    fn no_key_is_of_two_kinds() {
        for at in 0..3 {
            let all = || [APPLIED[at], INNER[at], NOT_DONE[at]].into_iter().flat_map(str::split_whitespace);
            for key in all() {
                assert_eq!(all().filter(|other| is_key(other, key)).count(), 1, "{key}");
            }
        }
    }
}
