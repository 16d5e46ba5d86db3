//! What `sacct` can show of a job and of a step (`sacct(1)`, job accounting fields).

use super::text::{
    allocated_tres, both, exit, least, mean, most, nodes, planned, reason, requested_memory, sorted, started,
    step_tres, tres_of, tres_places,
};
use super::usage::{self, End};
use crate::commands::clock::Clock;
use crate::commands::facts;
use crate::controller::api::{JobView, StepView};
use crate::script::time::{format_limit, format_secs};

/// What a value depends on beside its record.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The hour, and how times are written.
    pub clock: Clock,
    /// `--units`.
    pub unit: Option<char>,
}

/// One field.
pub struct Field {
    /// Its name, and the head of its column.
    pub name: &'static str,
    /// Its width; negative is to the left.
    pub width: i32,
    /// Its text for a job.
    pub job: fn(&JobView, &Manner) -> String,
    /// Its text for a step of a job.
    pub step: fn(&JobView, &StepView, &Manner) -> String,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The field of this name in any case; a name may be shortened.
#[must_use]
pub fn find(name: &str) -> Option<&'static Field> {
    let lower = name.to_ascii_lowercase();
    let exact = FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    exact.or_else(|| FIELDS.iter().find(|field| field.name.to_ascii_lowercase().starts_with(&lower)))
}

const fn row(
    name: &'static str,
    width: i32,
    job: fn(&JobView, &Manner) -> String,
    step: fn(&JobView, &StepView, &Manner) -> String,
) -> Field {
    Field { name, width, job, step }
}

/// Where a time is not known.
const UNKNOWN: &str = "Unknown";

/// Every field.
pub static FIELDS: &[Field] = &[
    row("Account", 10, |j, _| j.account.clone(), |j, _, _| j.account.clone()),
    row("AdminComment", 15, |j, _| j.spec.admin_comment.clone().unwrap_or_default(), blank_step),
    row("AllocCPUS", 10, |j, _| j.cpus.to_string(), |_, s, _| s.cpus.to_string()),
    row(
        "AllocNodes",
        10,
        |j, _| facts::node_names(j).len().to_string(),
        |_, s, _| s.plan.nodes.len().to_string(),
    ),
    row("AllocTRES", 10, |j, _| allocated_tres(j), |_, s, _| step_tres(s)),
    row("AssocID", 7, |_, _| "0".to_owned(), |_, _, _| "0".to_owned()),
    row("AveCPU", 10, blank_job, |_, s, _| mean(s, usage::cpu, |us, _| usage::cpu_text(us))),
    row("AveCPUFreq", 10, blank_job, blank_step),
    row("AveDiskRead", 14, blank_job, blank_step),
    row("AveDiskWrite", 14, blank_job, blank_step),
    row("AvePages", 10, blank_job, blank_step),
    row("AveRSS", 10, blank_job, |_, s, m| mean(s, usage::memory, |kib, _| usage::kib(kib, m.unit))),
    row("AveVMSize", 10, blank_job, blank_step),
    row("BlockID", 16, blank_job, blank_step),
    row("Cluster", 10, |j, _| j.cluster.clone(), |j, _, _| j.cluster.clone()),
    row("Comment", 14, |j, _| j.spec.comment.clone().unwrap_or_default(), blank_step),
    row("Constraints", 19, |j, _| j.spec.constraint.clone().unwrap_or_default(), blank_step),
    row("ConsumedEnergy", 14, |_, _| "0".to_owned(), |_, _, _| "0".to_owned()),
    row("ConsumedEnergyRaw", 17, |_, _| "0".to_owned(), |_, _, _| "0".to_owned()),
    row("Container", 19, blank_job, blank_step),
    row(
        "CPUTime",
        10,
        |j, m| format_secs(facts::elapsed(j, &m.clock) * u64::from(j.cpus)),
        |_, s, m| format_secs(facts::step_elapsed(s, &m.clock) * u64::from(s.cpus)),
    ),
    row(
        "CPUTimeRAW",
        10,
        |j, m| (facts::elapsed(j, &m.clock) * u64::from(j.cpus)).to_string(),
        |_, s, m| (facts::step_elapsed(s, &m.clock) * u64::from(s.cpus)).to_string(),
    ),
    row("DBIndex", 10, |j, _| j.id.to_string(), |j, _, _| j.id.to_string()),
    row("DerivedExitCode", 15, |j, _| facts::exit(&j.derived_exit), blank_step),
    row(
        "Elapsed",
        10,
        |j, m| format_secs(facts::elapsed(j, &m.clock)),
        |_, s, m| format_secs(facts::step_elapsed(s, &m.clock)),
    ),
    row(
        "ElapsedRaw",
        10,
        |j, m| facts::elapsed(j, &m.clock).to_string(),
        |_, s, m| facts::step_elapsed(s, &m.clock).to_string(),
    ),
    row(
        "Eligible",
        19,
        |j, m| m.clock.time_or(j.eligible_time, UNKNOWN),
        |_, s, m| m.clock.time(s.start_time),
    ),
    row(
        "End",
        19,
        |j, m| m.clock.time_or(j.end_time.filter(|_| j.state.has_ended()), UNKNOWN),
        |_, s, m| m.clock.time_or(s.end_time, UNKNOWN),
    ),
    row("ExitCode", 8, |j, _| exit(j), |_, s, _| facts::accounted_exit(&s.exit)),
    row("Extra", 19, blank_job, blank_step),
    row("FailedNode", 19, blank_job, blank_step),
    row("Flags", 19, |_, _| "StartReceived".to_owned(), blank_step),
    row("GID", 6, |j, _| j.submitter.gid.to_string(), blank_step),
    row("Group", 9, |j, _| j.submitter.group.clone(), blank_step),
    row(
        "JobID",
        -12,
        |j, _| facts::component_id(j),
        |j, s, _| format!("{}.{}", facts::component_id(j), s.key.step),
    ),
    row("JobIDRaw", -12, |j, _| j.id.to_string(), |_, s, _| s.key.to_string()),
    row("JobName", 10, |j, _| j.name.clone(), |_, s, _| s.name.clone()),
    row("Layout", 9, blank_job, |_, s, _| s.distribution.clone()),
    row("Licenses", 20, |j, _| j.spec.licenses.clone().unwrap_or_default(), blank_step),
    row("MaxDiskRead", 12, blank_job, blank_step),
    row("MaxDiskReadNode", 15, blank_job, blank_step),
    row("MaxDiskReadTask", 15, blank_job, blank_step),
    row("MaxDiskWrite", 12, blank_job, blank_step),
    row("MaxDiskWriteNode", 16, blank_job, blank_step),
    row("MaxDiskWriteTask", 16, blank_job, blank_step),
    row("MaxPages", 8, blank_job, blank_step),
    row("MaxPagesNode", 12, blank_job, blank_step),
    row("MaxPagesTask", 14, blank_job, blank_step),
    row("MaxRSS", 10, blank_job, |_, s, m| most(s, usage::memory, |kib, _| usage::kib(kib, m.unit))),
    row("MaxRSSNode", 10, blank_job, |_, s, _| {
        most(s, usage::memory, |_, rank| usage::node_of(s, rank).to_owned())
    }),
    row("MaxRSSTask", 10, blank_job, |_, s, _| most(s, usage::memory, |_, rank| rank.to_string())),
    row("MaxVMSize", 10, blank_job, blank_step),
    row("MaxVMSizeNode", 14, blank_job, blank_step),
    row("MaxVMSizeTask", 14, blank_job, blank_step),
    row("McsLabel", 12, blank_job, blank_step),
    row("MinCPU", 10, blank_job, |_, s, _| least(s, usage::cpu, |us, _| usage::cpu_text(us))),
    row("MinCPUNode", 10, blank_job, |_, s, _| {
        least(s, usage::cpu, |_, rank| usage::node_of(s, rank).to_owned())
    }),
    row("MinCPUTask", 10, blank_job, |_, s, _| least(s, usage::cpu, |_, rank| rank.to_string())),
    row("NCPUS", 10, |j, _| j.cpus.to_string(), |_, s, _| s.cpus.to_string()),
    row("NNodes", 8, |j, _| facts::node_count(j).to_string(), |_, s, _| s.plan.nodes.len().to_string()),
    row("NodeList", 15, |j, _| nodes(facts::node_names(j)), |_, s, _| nodes(facts::step_node_names(s))),
    row("NTasks", 8, blank_job, |_, s, _| s.ntasks.to_string()),
    row("Partition", 10, |j, _| j.partition.clone(), blank_step),
    row("Planned", 10, |j, _| planned(j).map_or_else(|| "INVALID".to_owned(), format_secs), blank_step),
    row(
        "PlannedCPU",
        10,
        |j, _| planned(j).map_or_else(|| "INVALID".to_owned(), |s| format_secs(s * u64::from(j.cpus))),
        blank_step,
    ),
    row("PlannedCPURAW", 13, |j, _| (planned(j).unwrap_or(0) * u64::from(j.cpus)).to_string(), blank_step),
    row("Priority", 10, |j, _| j.priority.to_string(), blank_step),
    row("QOS", 10, |j, _| j.qos.clone(), blank_step),
    row("QOSRAW", 6, |_, _| "1".to_owned(), blank_step),
    row("QOSREQ", 10, |j, _| j.spec.qos.clone().unwrap_or_default(), blank_step),
    row("Reason", 22, |j, _| reason(j), blank_step),
    row("ReqCPUFreq", 10, |_, _| UNKNOWN.to_owned(), |_, _, _| UNKNOWN.to_owned()),
    row("ReqCPUFreqGov", 13, |_, _| UNKNOWN.to_owned(), |_, _, _| UNKNOWN.to_owned()),
    row("ReqCPUFreqMax", 13, |_, _| UNKNOWN.to_owned(), |_, _, _| UNKNOWN.to_owned()),
    row("ReqCPUFreqMin", 13, |_, _| UNKNOWN.to_owned(), |_, _, _| UNKNOWN.to_owned()),
    row("ReqCPUS", 8, |j, _| j.cpus.to_string(), |_, s, _| s.cpus.to_string()),
    row("ReqMem", 10, |j, m| requested_memory(j, m.unit), blank_step),
    row("ReqNodes", 8, |j, _| facts::node_count(j).to_string(), |_, s, _| s.plan.nodes.len().to_string()),
    row("ReqTRES", 10, |j, _| sorted(&facts::requested_tres(j)), blank_step),
    row("Reservation", 20, |j, _| j.spec.reservation.clone().unwrap_or_default(), blank_step),
    row("ReservationId", 8, blank_job, blank_step),
    row("Reserved", 10, |j, _| planned(j).map_or_else(|| "INVALID".to_owned(), format_secs), blank_step),
    row(
        "ResvCPU",
        10,
        |j, _| planned(j).map_or_else(|| "INVALID".to_owned(), |s| format_secs(s * u64::from(j.cpus))),
        blank_step,
    ),
    row("ResvCPURAW", 10, |j, _| (planned(j).unwrap_or(0) * u64::from(j.cpus)).to_string(), blank_step),
    row("Restarts", 8, |j, _| j.restarts.to_string(), blank_step),
    row("Start", 19, |j, m| m.clock.time_or(started(j), UNKNOWN), |_, s, m| m.clock.time(s.start_time)),
    row(
        "State",
        10,
        |j, _| facts::state_with_canceller(j.state, j.cancelled_by),
        |_, s, _| facts::state_with_canceller(s.state, s.cancelled_by),
    ),
    row("StdErr", 20, |j, _| j.stderr.clone(), blank_step),
    row("StdIn", 20, |j, _| j.stdin.clone(), blank_step),
    row("StdOut", 20, |j, _| j.stdout.clone(), blank_step),
    row("Submit", 19, |j, m| m.clock.time(j.submit_time), |_, s, m| m.clock.time(s.start_time)),
    row("SubmitLine", 20, |j, _| j.submitter.command_line.clone(), |_, s, _| s.command_line.clone()),
    row("Suspended", 10, |j, _| format_secs(j.suspended_secs as u64), |_, _, _| format_secs(0)),
    row("SystemComment", 15, blank_job, blank_step),
    row(
        "SystemCPU",
        10,
        |j, _| usage::cpu_text(usage::cpu_of_job(j).system),
        |_, s, _| usage::cpu_text(usage::cpu_of_step(s).system),
    ),
    row("Timelimit", 10, |j, _| format_limit(j.time_limit), blank_step),
    row(
        "TimelimitRaw",
        10,
        |j, _| j.time_limit.map_or_else(|| "UNLIMITED".to_owned(), |m| m.to_string()),
        blank_step,
    ),
    row("TotalCPU", 10, |j, _| both(usage::cpu_of_job(j)), |_, s, _| both(usage::cpu_of_step(s))),
    row("TRESUsageInAve", 14, blank_job, |_, s, _| tres_of(s, |s, q| usage::mean(s, q))),
    row("TRESUsageInMax", 14, blank_job, |_, s, _| {
        tres_of(s, |s, q| usage::extreme(s, q, End::Most).map(|(_, n)| n))
    }),
    row("TRESUsageInMaxNode", 18, blank_job, |_, s, _| {
        tres_places(s, End::Most, |rank| usage::node_of(s, rank).to_owned())
    }),
    row("TRESUsageInMaxTask", 18, blank_job, |_, s, _| tres_places(s, End::Most, |rank| rank.to_string())),
    row("TRESUsageInMin", 14, blank_job, |_, s, _| {
        tres_of(s, |s, q| usage::extreme(s, q, End::Least).map(|(_, n)| n))
    }),
    row("TRESUsageInMinNode", 18, blank_job, |_, s, _| {
        tres_places(s, End::Least, |rank| usage::node_of(s, rank).to_owned())
    }),
    row("TRESUsageInMinTask", 18, blank_job, |_, s, _| tres_places(s, End::Least, |rank| rank.to_string())),
    row("TRESUsageInTot", 14, blank_job, |_, s, _| {
        tres_of(s, |s, q| (!s.usage.is_empty()).then(|| usage::total(s, q)))
    }),
    row("TRESUsageOutAve", 15, blank_job, blank_step),
    row("TRESUsageOutMax", 15, blank_job, blank_step),
    row("TRESUsageOutMaxNode", 19, blank_job, blank_step),
    row("TRESUsageOutMaxTask", 19, blank_job, blank_step),
    row("TRESUsageOutMin", 15, blank_job, blank_step),
    row("TRESUsageOutMinNode", 19, blank_job, blank_step),
    row("TRESUsageOutMinTask", 19, blank_job, blank_step),
    row("TRESUsageOutTot", 15, blank_job, blank_step),
    row("UID", 6, |j, _| j.submitter.uid.to_string(), blank_step),
    row("User", 9, |j, _| j.submitter.user.clone(), blank_step),
    row(
        "UserCPU",
        10,
        |j, _| usage::cpu_text(usage::cpu_of_job(j).user),
        |_, s, _| usage::cpu_text(usage::cpu_of_step(s).user),
    ),
    row("WCKey", 10, |j, _| j.spec.wckey.clone().unwrap_or_default(), blank_step),
    row("WCKeyID", 10, |_, _| "0".to_owned(), blank_step),
    row("WorkDir", 20, |j, _| String::from_utf8_lossy(&j.spec.work_dir).into_owned(), blank_step),
];

fn blank_job(_job: &JobView, _manner: &Manner) -> String {
    String::new()
}

fn blank_step(_job: &JobView, _step: &StepView, _manner: &Manner) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn fields_are_found_in_any_case_and_shortened() {
        for (name, found) in [
            ("jobid", "JobID"),
            ("JobIdRaw", "JobIDRaw"),
            ("STATE", "State"),
            ("tresusageinmaxn", "TRESUsageInMaxNode"),
        ] {
            assert_eq!(find(name).map(|field| field.name), Some(found), "{name}");
        }
        assert!(find("foo").is_none());
    }

    #[test]
    fn no_field_stands_twice() {
        let mut names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_job_that_never_ran_has_no_nodes_and_no_start() {
        let manner = Manner { clock: samples::clock(), unit: None };
        let text = |name: &str, job: &JobView| (find(name).unwrap().job)(job, &manner);
        let job = samples::pending(1);
        for (name, expected) in [
            ("Start", "Unknown"),
            ("End", "Unknown"),
            ("NodeList", "None assigned"),
            ("AllocNodes", "0"),
            ("AllocCPUS", "2"),
            ("Elapsed", "00:00:00"),
            ("Reason", "JobHeldUser"),
            ("ReqTRES", "billing=2,cpu=2,mem=1000M,node=1"),
        ] {
            assert_eq!(text(name, &job), expected, "{name}");
        }
        let job = samples::failed(2);
        for (name, expected) in
            [("CPUTime", "00:00:42"), ("TotalCPU", "00:00.020"), ("ReqMem", "200M"), ("Planned", "00:00:00")]
        {
            assert_eq!(text(name, &job), expected, "{name}");
        }
        let step = |name: &str| (find(name).unwrap().step)(&job, &job.steps[1], &manner);
        assert_eq!(step("SubmitLine"), "srun sleep");
        let mut cut = samples::failed(3);
        (cut.state, cut.exit.code, cut.exit.signal) = (crate::controller::api::JobState::Cancelled, 0, 15);
        assert_eq!((text("ExitCode", &cut).as_str(), text("ExitCode", &job).as_str()), ("0:0", "3:0"));
        let batch = |name: &str| (find(name).unwrap().step)(&job, &job.steps[0], &manner);
        assert_eq!((batch("MaxRSS").as_str(), batch("AveCPU").as_str()), ("3508K", "00:00.020"));
        assert_eq!((batch("JobID").as_str(), batch("ReqMem").as_str()), ("2.batch", ""));
        assert_eq!(batch("TRESUsageInMax"), "cpu=00:00:00,mem=3508K");
    }
}
