//! What `sstat` can show of a step (`sstat(1)`, job status fields).

use prun_runtime::wire::step::Usage;

use crate::commands::sacct::usage::{cpu_text, kib, node_of};
use crate::controller::api::StepView;
use crate::script::hostlist::compress;
use crate::script::memory::format_in;
use crate::script::time::format_secs;

/// One running step.
#[derive(Debug, Clone)]
pub struct Row {
    /// `12.0`, `12_3.batch`.
    pub id: String,
    /// The step.
    pub step: StepView,
    /// What its tasks use, by rank.
    pub tasks: Vec<(u32, Usage)>,
}

/// One field.
pub struct Field {
    /// Its name, and the head of its column.
    pub name: &'static str,
    /// Its width; negative is to the left.
    pub width: i32,
    /// Its text.
    pub value: fn(&Row) -> String,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Columns without `--format`.
pub const DEFAULT: &str = "JobID,MaxVMSize,MaxVMSizeNode,MaxVMSizeTask,AveVMSize,MaxRSS,MaxRSSNode,MaxRSSTask,\
AveRSS,MaxPages,MaxPagesNode,MaxPagesTask,AvePages,MinCPU,MinCPUNode,MinCPUTask,AveCPU,NTasks,AveCPUFreq,\
ReqCPUFreqMin,ReqCPUFreqMax,ReqCPUFreqGov,ConsumedEnergy,MaxDiskRead,MaxDiskReadNode,MaxDiskReadTask,AveDiskRead,\
MaxDiskWrite,MaxDiskWriteNode,MaxDiskWriteTask,AveDiskWrite,TRESUsageInAve,TRESUsageInMax,TRESUsageInMaxNode,\
TRESUsageInMaxTask,TRESUsageInMin,TRESUsageInMinNode,TRESUsageInMinTask,TRESUsageInTot,TRESUsageOutAve,\
TRESUsageOutMax,TRESUsageOutMaxNode,TRESUsageOutMaxTask,TRESUsageOutMin,TRESUsageOutMinNode,TRESUsageOutMinTask,\
TRESUsageOutTot";

/// The field of this name in any case; a name may be shortened.
#[must_use]
pub fn find(name: &str) -> Option<&'static Field> {
    let lower = name.to_ascii_lowercase();
    let exact = FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    exact.or_else(|| FIELDS.iter().find(|field| field.name.to_ascii_lowercase().starts_with(&lower)))
}

/// All names, four a line.
#[must_use]
pub fn list() -> String {
    let line = |four: &[Field]| {
        let names: Vec<String> = four.iter().map(|field| format!("{:<19}", field.name)).collect();
        names.join(" ") + "\n"
    };
    FIELDS.chunks(4).map(line).collect()
}

const fn row(name: &'static str, width: i32, value: fn(&Row) -> String) -> Field {
    Field { name, width, value }
}

/// Every field.
static FIELDS: &[Field] = &[
    row("AveCPU", 10, |r| cpu_text(r.mean(cpu))),
    row("AveCPUFreq", 10, |_| "0".to_owned()),
    row("AveDiskRead", 12, |r| bytes(r.mean(read))),
    row("AveDiskWrite", 12, |r| bytes(r.mean(written))),
    row("AvePages", 10, |r| r.mean(pages).to_string()),
    row("AveRSS", 10, |r| kib(r.mean(rss), None)),
    row("AveVMSize", 10, |r| kib(r.mean(vm), None)),
    row("ConsumedEnergy", 14, |_| "0".to_owned()),
    row("ConsumedEnergyRaw", 17, |_| "0".to_owned()),
    row("JobID", -12, |r| r.id.clone()),
    row("MaxDiskRead", 12, |r| bytes(r.most(read).1)),
    row("MaxDiskReadNode", 15, |r| r.node(r.most(read).0)),
    row("MaxDiskReadTask", 15, |r| r.most(read).0.to_string()),
    row("MaxDiskWrite", 12, |r| bytes(r.most(written).1)),
    row("MaxDiskWriteNode", 16, |r| r.node(r.most(written).0)),
    row("MaxDiskWriteTask", 16, |r| r.most(written).0.to_string()),
    row("MaxPages", 8, |r| r.most(pages).1.to_string()),
    row("MaxPagesNode", 12, |r| r.node(r.most(pages).0)),
    row("MaxPagesTask", 14, |r| r.most(pages).0.to_string()),
    row("MaxRSS", 10, |r| kib(r.most(rss).1, None)),
    row("MaxRSSNode", 10, |r| r.node(r.most(rss).0)),
    row("MaxRSSTask", 10, |r| r.most(rss).0.to_string()),
    row("MaxVMSize", 10, |r| kib(r.most(vm).1, None)),
    row("MaxVMSizeNode", 14, |r| r.node(r.most(vm).0)),
    row("MaxVMSizeTask", 14, |r| r.most(vm).0.to_string()),
    row("MinCPU", 10, |r| cpu_text(r.least(cpu).1)),
    row("MinCPUNode", 10, |r| r.node(r.least(cpu).0)),
    row("MinCPUTask", 10, |r| r.least(cpu).0.to_string()),
    row("Nodelist", 20, |r| {
        compress(&r.step.plan.nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>())
    }),
    row("NTasks", 8, |r| r.step.ntasks.to_string()),
    row("Pids", 20, |r| {
        let pids = r.tasks.iter().flat_map(|(_, usage)| &usage.pids).map(u32::to_string);
        pids.collect::<Vec<_>>().join(",")
    }),
    row("ReqCPUFreq", 13, |_| "Unknown".to_owned()),
    row("ReqCPUFreqMin", 13, |_| "Unknown".to_owned()),
    row("ReqCPUFreqMax", 13, |_| "Unknown".to_owned()),
    row("ReqCPUFreqGov", 13, |_| "Unknown".to_owned()),
    row("TRESUsageInAve", 14, |r| usage_in(|quantity| r.mean(quantity))),
    row("TRESUsageInMax", 14, |r| usage_in(|quantity| r.most(quantity).1)),
    row("TRESUsageInMaxNode", 18, |r| places(IN, |quantity| r.node(r.most(quantity).0))),
    row("TRESUsageInMaxTask", 18, |r| places(IN, |quantity| r.most(quantity).0.to_string())),
    row("TRESUsageInMin", 14, |r| usage_in(|quantity| r.least(quantity).1)),
    row("TRESUsageInMinNode", 18, |r| places(IN, |quantity| r.node(r.least(quantity).0))),
    row("TRESUsageInMinTask", 18, |r| places(IN, |quantity| r.least(quantity).0.to_string())),
    row("TRESUsageInTot", 14, |r| usage_in(|quantity| r.total(quantity))),
    row("TRESUsageOutAve", 15, |r| usage_out(r.mean(written))),
    row("TRESUsageOutMax", 15, |r| usage_out(r.most(written).1)),
    row("TRESUsageOutMaxNode", 19, |r| places(OUT, |quantity| r.node(r.most(quantity).0))),
    row("TRESUsageOutMaxTask", 19, |r| places(OUT, |quantity| r.most(quantity).0.to_string())),
    row("TRESUsageOutMin", 15, |r| usage_out(r.least(written).1)),
    row("TRESUsageOutMinNode", 19, |r| places(OUT, |quantity| r.node(r.least(quantity).0))),
    row("TRESUsageOutMinTask", 19, |r| places(OUT, |quantity| r.least(quantity).0.to_string())),
    row("TRESUsageOutTot", 15, |r| usage_out(r.total(written))),
];

/// A quantity of one task.
type Quantity = fn(&Usage) -> u64;

/// What goes in, and what goes out, by the names of trackable resources.
const IN: &[(&str, Quantity)] =
    &[("cpu", cpu), ("fs/disk", read), ("mem", rss), ("pages", pages), ("vmem", vm)];
const OUT: &[(&str, Quantity)] = &[("fs/disk", written)];

fn cpu(usage: &Usage) -> u64 {
    usage.user_us.saturating_add(usage.system_us)
}

fn rss(usage: &Usage) -> u64 {
    usage.rss_kib
}

fn vm(usage: &Usage) -> u64 {
    usage.vm_kib
}

fn pages(usage: &Usage) -> u64 {
    usage.pages
}

fn read(usage: &Usage) -> u64 {
    usage.read_bytes
}

fn written(usage: &Usage) -> u64 {
    usage.written_bytes
}

impl Row {
    fn values(&self, quantity: Quantity) -> impl Iterator<Item = (u32, u64)> {
        self.tasks.iter().map(move |(rank, usage)| (*rank, quantity(usage)))
    }

    /// The lowest rank of those that have the most, and how much that is.
    fn most(&self, quantity: Quantity) -> (u32, u64) {
        self.values(quantity).max_by_key(|&(rank, value)| (value, u32::MAX - rank)).unwrap_or_default()
    }

    fn least(&self, quantity: Quantity) -> (u32, u64) {
        self.values(quantity).min_by_key(|&(rank, value)| (value, rank)).unwrap_or_default()
    }

    fn total(&self, quantity: Quantity) -> u64 {
        self.values(quantity).fold(0, |sum, (_, value)| sum.saturating_add(value))
    }

    fn mean(&self, quantity: Quantity) -> u64 {
        self.total(quantity) / (self.tasks.len() as u64).max(1)
    }

    fn node(&self, rank: u32) -> String {
        node_of(&self.step, rank).to_owned()
    }
}

fn bytes(value: u64) -> String {
    format_in(value, &["", "K", "M", "G", "T", "P"])
}

fn usage_in(amount: impl Fn(Quantity) -> u64) -> String {
    format!(
        "cpu={},fs/disk={},mem={},pages={},vmem={}",
        format_secs(amount(cpu) / 1_000_000),
        amount(read),
        kib(amount(rss), None),
        amount(pages),
        kib(amount(vm), None)
    )
}

fn usage_out(amount: u64) -> String {
    format!("fs/disk={amount}")
}

fn places(of: &[(&str, Quantity)], place: impl Fn(Quantity) -> String) -> String {
    of.iter().map(|(name, quantity)| format!("{name}={}", place(*quantity))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn tasks_are_summed_and_compared() {
        let usage = |pid: u32, seconds: u64, rss_kib: u64| Usage {
            pids: vec![pid],
            user_us: seconds * 1_000_000,
            rss_kib,
            vm_kib: 4096,
            read_bytes: 6977,
            ..Usage::default()
        };
        let step = samples::running(12).steps[1].clone();
        let row = Row {
            id: "12.0".to_owned(),
            step,
            tasks: vec![(0, usage(70, 3, 2920)), (1, usage(71, 1, 1648))],
        };
        for (name, expected) in [
            ("JobID", "12.0"),
            ("MaxRSS", "2920K"),
            ("MaxRSSTask", "0"),
            ("AveRSS", "2284K"),
            ("MinCPUTask", "1"),
            ("AveCPU", "00:02.000"),
            ("MaxVMSize", "4M"),
            ("MaxDiskRead", "6977"),
            ("NTasks", "2"),
            ("pids", "70,71"),
            ("nodel", "slurmnode1"),
            ("TRESUsageInTot", "cpu=00:00:04,fs/disk=13954,mem=4568K,pages=0,vmem=8M"),
            ("TRESUsageInMinTask", "cpu=1,fs/disk=0,mem=1,pages=0,vmem=0"),
            ("TRESUsageOutMaxNode", "fs/disk=slurmnode1"),
        ] {
            assert_eq!((find(name).unwrap().value)(&row), expected, "{name}");
        }
        let nothing = Row { tasks: Vec::new(), ..row };
        assert_eq!((find("AveRSS").unwrap().value)(&nothing), "0");
    }

    #[test]
    fn every_default_column_is_a_field() {
        assert!(DEFAULT.split(',').all(|name| find(name).is_some_and(|field| field.name == name)));
    }
}
