//! The configuration as `scontrol show config` names it.

use super::Cluster;
use crate::script::spec::Memory;

/// The version of Slurm that commands behave like.
const SLURM_VERSION: &str = "24.11.5";

impl Cluster {
    /// Names and values, by name.
    pub(super) fn config_pairs(&self) -> Vec<(String, String)> {
        let config = &self.config;
        let seconds = |seconds: u32| format!("{seconds} sec");
        let or_null = |text: String| if text.is_empty() { "(null)".to_owned() } else { text };
        let memory = |memory, per_cpu, per_node| match memory {
            Some(Memory::PerCpu(mb)) => (per_cpu, mb.to_string()),
            Some(Memory::PerNode(mb) | Memory::PerGpu(mb)) => (per_node, mb.to_string()),
            None => (per_node, "UNLIMITED".to_owned()),
        };
        let pairs = [
            ("AccountingStorageType", "accounting_storage/prun".to_owned()),
            ("ClusterName", config.cluster.clone()),
            memory(config.default_memory, "DefMemPerCPU", "DefMemPerNode"),
            ("EnforcePartLimits", config.enforce_limits.text().to_owned()),
            ("FirstJobId", config.first_job.unwrap_or(1).to_string()),
            ("GresTypes", or_null(config.gres_types.join(","))),
            ("InactiveLimit", seconds(0)),
            ("JobRequeue", u8::from(config.job_requeue).to_string()),
            ("KillWait", seconds(config.kill_wait_secs)),
            ("MaxArraySize", config.max_array_size.to_string()),
            ("MaxJobCount", config.max_jobs.to_string()),
            memory(config.max_memory, "MaxMemPerCPU", "MaxMemPerNode"),
            ("MinJobAge", seconds(config.min_job_age_secs)),
            ("MpiDefault", "none".to_owned()),
            ("NEXT_JOB_ID", self.next_job.to_string()),
            ("OverTimeLimit", "0 min".to_owned()),
            ("PriorityType", "priority/basic".to_owned()),
            ("SchedulerType", "sched/backfill".to_owned()),
            ("SelectType", "select/cons_tres".to_owned()),
            ("SLURM_CONF", or_null(config.file.clone().unwrap_or_default())),
            ("SLURM_VERSION", SLURM_VERSION.to_owned()),
            ("SlurmctldHost[0]", config.host.clone()),
            ("SlurmdTimeout", seconds(config.node_timeout_secs)),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
