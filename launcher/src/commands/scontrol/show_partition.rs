//! `scontrol show partition` (`scontrol(1)`), in the lines of 24.11.

use super::record::{Record, Shape};
use crate::controller::api::PartitionView;
use crate::script::hostlist::compress;
use crate::script::memory::format_mb;
use crate::script::spec::Memory;
use crate::script::time::format_limit;

/// One partition.
#[must_use]
pub fn text(partition: &PartitionView, shape: Shape) -> String {
    let mut record = Record::new(shape);
    let unlimited = |count: Option<u32>| count.map_or_else(|| "UNLIMITED".to_owned(), |n| n.to_string());
    record.line(format!("PartitionName={}", partition.name));
    record.line("AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL".to_owned());
    let default = if partition.is_default { "YES" } else { "NO" };
    record.line(format!("AllocNodes=ALL Default={default} QoS=N/A"));
    record.line(format!(
        "DefaultTime={} DisableRootJobs=NO ExclusiveUser=NO ExclusiveTopo=NO GraceTime=0 Hidden=NO",
        partition.default_time.map_or_else(|| "NONE".to_owned(), |minutes| format_limit(Some(minutes)))
    ));
    record.line(format!(
        "MaxNodes={} MaxTime={} MinNodes={} LLN=NO MaxCPUsPerNode=UNLIMITED MaxCPUsPerSocket=UNLIMITED",
        unlimited(partition.max_nodes),
        format_limit(partition.max_time),
        partition.min_nodes
    ));
    record.line(format!("Nodes={}", compress(&partition.nodes)));
    record.line(format!(
        "PriorityJobFactor=1 PriorityTier={} RootOnly=NO ReqResv=NO OverSubscribe={}",
        partition.priority_tier, partition.over_subscribe
    ));
    record.line("OverTimeLimit=NONE PreemptMode=OFF".to_owned());
    record.line(format!(
        "State={} TotalCPUs={} TotalNodes={} SelectTypeParameters=NONE",
        partition.state,
        partition.cpus,
        partition.nodes.len()
    ));
    record.line("JobDefaults=(null)".to_owned());
    record.line(format!(
        "{} {}",
        memory("Def", partition.default_memory),
        memory("Max", partition.max_memory)
    ));
    record.line(format!(
        "TRES=cpu={0},mem={1},node={2},billing={0}",
        partition.cpus,
        format_mb(partition.memory_mb),
        partition.nodes.len()
    ));
    record.finish()
}

/// `DefMemPerCPU=100`, `MaxMemPerNode=UNLIMITED`.
fn memory(which: &str, memory: Option<Memory>) -> String {
    match memory {
        Some(Memory::PerCpu(mb)) => format!("{which}MemPerCPU={mb}"),
        Some(Memory::PerNode(mb) | Memory::PerGpu(mb)) => format!("{which}MemPerNode={mb}"),
        None => format!("{which}MemPerNode=UNLIMITED"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn a_partition_has_the_lines_of_24_11() {
        let expected = "\
PartitionName=slurmpar
   AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL
   AllocNodes=ALL Default=YES QoS=N/A
   DefaultTime=NONE DisableRootJobs=NO ExclusiveUser=NO ExclusiveTopo=NO GraceTime=0 Hidden=NO
   MaxNodes=UNLIMITED MaxTime=UNLIMITED MinNodes=0 LLN=NO MaxCPUsPerNode=UNLIMITED MaxCPUsPerSocket=UNLIMITED
   Nodes=slurmnode[1-3]
   PriorityJobFactor=1 PriorityTier=1 RootOnly=NO ReqResv=NO OverSubscribe=NO
   OverTimeLimit=NONE PreemptMode=OFF
   State=UP TotalCPUs=6 TotalNodes=3 SelectTypeParameters=NONE
   JobDefaults=(null)
   DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED
   TRES=cpu=6,mem=3000M,node=3,billing=6

";
        assert_eq!(text(&samples::partition(), Shape::default()), expected);
        let one = text(&samples::debug_partition(), Shape { one_line: true, ..Shape::default() });
        assert!(
            one.contains(" Default=NO ") && one.contains(" MaxTime=00:30:00 ") && one.lines().count() == 1
        );
    }
}
