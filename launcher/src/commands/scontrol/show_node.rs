//! `scontrol show node` (`scontrol(1)`), in the lines of 24.11.

use super::record::{Record, Shape};
use crate::commands::clock::Clock;
use crate::commands::facts::or_null;
use crate::commands::states::node_flags;
use crate::controller::api::NodeView;
use crate::script::memory::format_mb;

/// One node.
#[must_use]
pub fn text(node: &NodeView, shape: Shape, clock: &Clock) -> String {
    let mut record = Record::new(shape);
    let facts = &node.facts;
    let (sockets, cores, threads) = facts.topology;
    record.line(format!("NodeName={} Arch={} CoresPerSocket={cores} ", facts.name, facts.arch));
    record.line(format!(
        "CPUAlloc={} CPUEfctv={1} CPUTot={1} CPULoad={2}",
        node.cpus_allocated,
        facts.cpus,
        node.load.map_or_else(|| "N/A".to_owned(), |load| format!("{:.2}", f64::from(load) / 100.0))
    ));
    let features = or_null(Some(&node.features.join(",")));
    record.line(format!("AvailableFeatures={features}"));
    record.line(format!("ActiveFeatures={features}"));
    record.line(format!("Gres={}", or_null(Some(&counts(&node.gres)))));
    if shape.details {
        record.line("GresDrain=N/A".to_owned());
        record.line(format!("GresUsed={}", counts(&node.gres_allocated)));
    }
    let (address, port) = node.host_and_port();
    record.line(format!("NodeAddr={address} NodeHostName={} Port={port} Version=24.11.5", facts.hostname));
    record.line(format!("OS={} ", facts.os));
    record.line(format!(
        "RealMemory={} AllocMem={} FreeMem={} Sockets={sockets} Boards=1",
        facts.memory_mb,
        node.memory_allocated,
        node.free_mb.map_or_else(|| "N/A".to_owned(), |mb| mb.to_string())
    ));
    record.line(format!(
        "State={} ThreadsPerCore={threads} TmpDisk={} Weight={} Owner=N/A MCS_label=N/A",
        node_flags(node),
        facts.tmp_mb,
        node.weight
    ));
    record.line(format!("Partitions={} ", node.partitions.join(",")));
    record.line(format!(
        "BootTime={} SlurmdStartTime={}",
        clock.time(facts.boot_time as f64),
        clock.time(node.start_time)
    ));
    record.line(format!("LastBusyTime={} ResumeAfterTime=None", clock.time(node.last_busy)));
    resources(&mut record, node);
    record.line("CurrentWatts=0 AveWatts=0".to_owned());
    if let Some((reason, by, _, since)) = &node.reason {
        record.line(format!("Reason={reason} [{by}@{}]", clock.time(*since)));
    }
    record.finish()
}

fn resources(record: &mut Record, node: &NodeView) {
    let devices = |list: &[(String, u64)]| -> String {
        list.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!(",gres/{name}={n}")).collect()
    };
    let memory = format_mb(node.facts.memory_mb);
    record.line(format!("CfgTRES=cpu={0},mem={memory},billing={0}{1}", node.facts.cpus, devices(&node.gres)));
    let held = match (node.cpus_allocated, node.memory_allocated) {
        (0, _) => String::new(),
        (cpus, 0) => format!("cpu={cpus}"),
        (cpus, mb) => format!("cpu={cpus},mem={}", format_mb(mb)),
    };
    record.line(format!("AllocTRES={held}{}", devices(&node.gres_allocated)));
}

fn counts(list: &[(String, u64)]) -> String {
    list.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn a_node_has_the_lines_of_24_11() {
        let mut node = samples::node(1);
        node.cpus_allocated = 2;
        node.drain = true;
        node.reason = Some(("butoz pirim".to_owned(), "root".to_owned(), 0, samples::clock().now));
        let expected = "\
NodeName=slurmnode1 Arch=x86_64 CoresPerSocket=1 
   CPUAlloc=2 CPUEfctv=2 CPUTot=2 CPULoad=0.28
   AvailableFeatures=(null)
   ActiveFeatures=(null)
   Gres=(null)
   NodeAddr=127.0.0.1 NodeHostName=vm Port=6818 Version=24.11.5
   OS=Linux 6.18 #1 
   RealMemory=1000 AllocMem=0 FreeMem=20733 Sockets=2 Boards=1
   State=ALLOCATED+DRAIN ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A
   Partitions=slurmpar,debug 
   BootTime=2026-11-24T11:56:12 SlurmdStartTime=2026-11-24T12:02:12
   LastBusyTime=2026-11-24T12:02:12 ResumeAfterTime=None
   CfgTRES=cpu=2,mem=1000M,billing=2
   AllocTRES=cpu=2
   CurrentWatts=0 AveWatts=0
   Reason=butoz pirim [root@2026-11-24T12:11:34]

";
        assert_eq!(text(&node, Shape::default(), &samples::clock()), expected);
    }

    #[test]
    fn a_socket_is_an_address_too() {
        let at = |address: &str| {
            let mut node = samples::node(1);
            node.facts.address = address.to_owned();
            node.host_and_port()
        };
        assert_eq!(at("unix:/run/x"), ("unix:/run/x".to_owned(), "0".to_owned()));
        assert_eq!(at("tcp://[fd00::2]:6818"), ("fd00::2".to_owned(), "6818".to_owned()));
    }
}
