//! Where: nodes by name or feature, distribution, binding.

use super::values::{positive, without_effect};
use super::{ALL, Bad, R, Request, Row, Takes, row, unheeded};
use crate::script::hostlist;
use crate::script::spec::{Distribution, InnerDistribution, NodeDistribution};

pub(super) const ROWS: &[Row] = &[
    row("nodelist", Some('w'), Takes::Value, ALL, "NODELIST", "these nodes", |r, v| {
        (r.job.nodelist, r.flags.nodelist_file) = names(v)?;
        Ok(())
    }),
    row("nodefile", Some('F'), Takes::Value, ALL, "", "file of node names", |r, v| {
        r.flags.nodefile = Some(v.to_owned());
        Ok(())
    }),
    row("exclude", Some('x'), Takes::Value, ALL, "EXCLUDE", "not these nodes", |r, v| {
        (r.job.exclude, r.flags.exclude_file) = names(v)?;
        Ok(())
    }),
    row("partition", Some('p'), Takes::Value, ALL, "PARTITION", "partition", |r, v| {
        r.job.partition = v.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if r.job.partition.is_empty() {
            // There is none of this name.
            r.job.partition.push(String::new());
        }
        Ok(())
    }),
    row("constraint", Some('C'), Takes::Value, ALL, "CONSTRAINT", "features of nodes", |r, v| {
        r.job.constraint = Some(v.to_owned());
        Ok(())
    }),
    row("contiguous", None, Takes::Nothing, ALL, "", "neighbouring nodes", |r, _| {
        r.job.contiguous = true;
        Ok(())
    }),
    row(
        "distribution",
        Some('m'),
        Takes::Value,
        ALL,
        "DISTRIBUTION",
        "block, cyclic, plane=N, arbitrary",
        |r, v| {
            r.job.distribution = Some(distribution(v)?);
            Ok(())
        },
    ),
    row("spread-job", None, Takes::Nothing, ALL, "SPREAD_JOB", "over as many nodes as possible", |r, _| {
        r.job.spread = true;
        Ok(())
    }),
    row("use-min-nodes", None, Takes::Nothing, ALL, "USE_MIN_NODES", "as few nodes as possible", |r, _| {
        r.job.use_min_nodes = true;
        Ok(())
    }),
    row("sockets-per-node", None, Takes::Value, ALL, "", "sockets of each node", |r, v| {
        r.job.geometry.0 = Some(positive(v)?);
        Ok(())
    }),
    row("cores-per-socket", None, Takes::Value, ALL, "", "cores of each socket", |r, v| {
        r.job.geometry.1 = Some(positive(v)?);
        Ok(())
    }),
    row("threads-per-core", None, Takes::Value, ALL, "THREADS_PER_CORE", "threads of each core", |r, v| {
        r.job.geometry.2 = Some(positive(v)?);
        Ok(())
    }),
    row("extra-node-info", Some('B'), Takes::Value, ALL, "", "SOCKETS[:CORES[:THREADS]]", |r, v| {
        let mut parts = v.split(':');
        let mut next = |place: &str| match parts.next() {
            None | Some("*") => Ok(None),
            Some(part) => positive(part).map(Some).map_err(|_| {
                Bad::Line(format!("Invalid numeric value \"{part}\" for {place} arg of -B."), 1)
            }),
        };
        r.job.geometry = (next("first")?, next("second")?, next("third")?);
        Ok(())
    }),
    row("hint", None, Takes::Value, ALL, "HINT", "compute_bound, memory_bound, [no]multithread", |r, v| {
        r.job.hint = Some(v.to_owned());
        Ok(())
    }),
    row("switches", None, Takes::Value, ALL, "REQ_SWITCH", "switches of the network", |r, v| {
        positive(v.split_once('@').map_or(v, |(count, _)| count))?;
        note(r, "switches", v)
    }),
    row("cluster-constraint", None, Takes::Value, ALL, "", "features of clusters", |r, v| {
        note(r, "cluster-constraint", v)
    }),
    row("prefer", None, Takes::Value, ALL, "", "features that would be good", |r, v| note(r, "prefer", v)),
    row("gpu-bind", None, Takes::Value, ALL, "GPU_BIND", "binding of GPUs", |r, v| {
        unheeded::gpu_binding(v)?;
        note(r, "gpu-bind", v)
    }),
    row("gpu-freq", None, Takes::Value, ALL, "GPU_FREQ", "clock of GPUs", |r, v| {
        unheeded::gpu_frequency(v)?;
        note(r, "gpu-freq", v)
    }),
    row("gres-flags", None, Takes::Value, ALL, "GRES_FLAGS", "binding of devices", |r, v| {
        unheeded::gres_flags(v)?;
        note(r, "gres-flags", v)
    }),
    row("cpu-freq", None, Takes::Value, ALL, "CPU_FREQ_REQ", "clock of CPUs", |r, v| {
        unheeded::cpu_frequency(v)?;
        r.job.cpu_freq = Some(v.to_owned());
        Ok(())
    }),
    row("network", None, Takes::Value, ALL, "NETWORK", "network of the job", |r, v| {
        r.job.network = Some(v.to_owned());
        Ok(())
    }),
    row("cpu-bind", None, Takes::Value, R, "CPU_BIND", "none, cores, threads, rank, map_cpu:LIST", |r, v| {
        r.step.cpu_bind = Some(v.to_owned());
        Ok(())
    }),
    row("mem-bind", None, Takes::Value, ALL, "MEM_BIND", "binding of memory", |r, v| {
        unheeded::memory_binding(v)?;
        r.step.mem_bind = Some(v.to_owned());
        Ok(())
    }),
    row("relative", Some('r'), Takes::Value, R, "", "first node of the step within the job", |r, v| {
        r.step.relative = Some(super::values::count(v)?);
        Ok(())
    }),
];

fn note(request: &mut Request, option: &str, value: &str) -> Result<(), Bad> {
    without_effect(request, option, value);
    Ok(())
}

/// Names, or the file that holds them.
fn names(text: &str) -> Result<(Vec<String>, Option<String>), Bad> {
    if text.contains('/') {
        return Ok((Vec::new(), Some(text.to_owned())));
    }
    let names = hostlist::expand(text);
    let names = names.map_err(|error| Bad::Line(format!("invalid hostlist `{text}`: {error}"), 1))?;
    Ok((names, None))
}

/// `NODES[:SOCKETS[:CORES]][,Pack|NoPack]`, `plane=N`.
fn distribution(text: &str) -> Result<Distribution, Bad> {
    let lower = text.to_ascii_lowercase();
    let (levels, pack) = match lower.split_once(',') {
        Some((levels, "pack")) => (levels, Some(true)),
        Some((levels, "nopack")) => (levels, Some(false)),
        Some(_) => return Err(Bad::Specification),
        None => (lower.as_str(), None),
    };
    let mut levels = levels.split(':');
    let nodes = match levels.next().unwrap_or_default() {
        "*" => NodeDistribution::Default,
        "block" => NodeDistribution::Block,
        "cyclic" => NodeDistribution::Cyclic,
        "arbitrary" => NodeDistribution::Arbitrary,
        "pack" => return Ok(Distribution { pack: Some(true), ..Distribution::default() }),
        "nopack" => return Ok(Distribution { pack: Some(false), ..Distribution::default() }),
        other if other.starts_with("plane") => match other.strip_prefix("plane=").map(positive) {
            // It has no further level.
            Some(Ok(size)) if levels.clone().next().is_none() => NodeDistribution::Plane(size),
            _ => {
                let why = "Invalid plane size or size not specified\nInvalid --distribution specification";
                return Err(Bad::Line(why.to_owned(), 255));
            }
        },
        _ => return Err(Bad::Specification),
    };
    let mut inner = || match levels.next() {
        None => Ok(None),
        Some("*") => Ok(Some(InnerDistribution::Default)),
        Some("block") => Ok(Some(InnerDistribution::Block)),
        Some("cyclic") => Ok(Some(InnerDistribution::Cyclic)),
        Some("fcyclic") => Ok(Some(InnerDistribution::Fcyclic)),
        Some(_) => Err(Bad::Specification),
    };
    let (sockets, cores) = (inner()?, inner()?);
    Ok(Distribution { nodes, sockets, cores, pack })
}
