//! What `squeue` can show of a job: letters of `-o`, names of `-O` (`squeue(1)`).

use super::row::{JobRow, Manner};
use crate::commands::clock;
use crate::commands::columns::Field;
use crate::commands::facts::{self, NULL, or_null, or_star};
use crate::controller::api::{JobState, JobView};
use crate::script::memory::format_mb;
use crate::script::spec::GresPer;
use crate::script::time::parse_limit;

type Row = Field<JobRow, Manner>;

const fn row(
    letter: Option<char>,
    name: &'static str,
    header: &'static str,
    value: fn(&JobRow, &Manner) -> String,
) -> Row {
    Field { letter, name, header, value }
}

/// Where Slurm has no value for it.
const NOT_AVAILABLE: &str = "N/A";

/// Every field of a job.
pub static FIELDS: &[Row] = &[
    row(Some('a'), "Account", "ACCOUNT", |r, _| or_null(Some(&r.job.account))),
    row(None, "AccrueTime", "ACCRUE_TIME", |r, m| m.clock.time_or(r.job.eligible_time, NOT_AVAILABLE)),
    row(None, "admin_comment", "ADMIN_COMMENT", |r, _| or_null(r.job.spec.admin_comment.as_deref())),
    row(None, "AllocNodes", "ALLOC_NODES", |r, _| r.job.submitter.host.clone()),
    row(None, "AllocSID", "ALLOC_SID", |r, _| r.job.submitter.sid.to_string()),
    row(Some('F'), "ArrayJobID", "ARRAY_JOB_ID", |r, _| facts::array_id(&r.job).to_string()),
    row(Some('K'), "ArrayTaskID", "ARRAY_TASK_ID", |r, m| available(r.element(m))),
    row(None, "AssocID", "ASSOC_ID", |_, _| "0".to_owned()),
    row(None, "BatchFlag", "BATCH_FLAG", |r, _| u8::from(r.job.batch).to_string()),
    row(Some('B'), "BatchHost", "EXEC_HOST", |r, _| exec_host(&r.job)),
    row(None, "BoardsPerNode", "BOARDS_PER_NODE", |_, _| "0".to_owned()),
    row(None, "BurstBuffer", "BURST_BUFFER", |r, _| or_null(unused(&r.job, "bb"))),
    row(None, "BurstBufferState", "BURST_BUFFER_STATE", |_, _| NULL.to_owned()),
    row(None, "Cluster", "CLUSTER", |r, _| r.job.cluster.clone()),
    row(None, "ClusterFeature", "CLUSTER_FEATURES", |r, _| or_null(unused(&r.job, "cluster-constraint"))),
    row(Some('o'), "Command", "COMMAND", |r, _| or_null(r.job.command.as_deref())),
    row(Some('k'), "Comment", "COMMENT", |r, _| or_null(r.job.spec.comment.as_deref())),
    row(None, "Container", "CONTAINER", |r, _| or_null(unused(&r.job, "container"))),
    row(None, "ContainerID", "CONTAINER_ID", |r, _| or_null(unused(&r.job, "container-id"))),
    row(Some('O'), "Contiguous", "CONTIGUOUS", |r, _| u8::from(r.job.spec.contiguous).to_string()),
    row(Some('I'), "Cores", "CORES_PER_SOCKET", |r, _| or_star(facts::geometry(&r.job.spec).1)),
    row(Some('X'), "CoreSpec", "CORE_SPEC", |_, _| NOT_AVAILABLE.to_owned()),
    row(None, "cpus-per-task", "CPUS_PER_TASK", |r, _| r.job.spec.cpus_per_task.unwrap_or(1).to_string()),
    row(None, "cpus-per-tres", "CPUS_PER_TRES", |r, _| {
        available(unused(&r.job, "cpus-per-gpu").map(|count| format!("gres/gpu:{count}")))
    }),
    row(None, "Deadline", "DEADLINE", |r, m| {
        m.clock.time_or(r.job.spec.deadline.map(|second| second as f64), NOT_AVAILABLE)
    }),
    row(None, "DelayBoot", "DELAY_BOOT", |r, _| {
        clock::short_limit(unused(&r.job, "delay-boot").and_then(parse_limit).flatten(), "0:00")
    }),
    row(Some('E'), "Dependency", "DEPENDENCY", |r, _| or_null(r.job.dependency.as_deref())),
    row(None, "DerivedEC", "DERIVED_EC", |r, _| facts::exit(&r.job.derived_exit)),
    row(None, "EligibleTime", "ELIGIBLE_TIME", |r, m| m.clock.time_or(r.job.eligible_time, NOT_AVAILABLE)),
    row(Some('e'), "EndTime", "END_TIME", |r, m| m.clock.time_or(end_time(&r.job), NOT_AVAILABLE)),
    row(None, "exit_code", "EXIT_CODE", |r, _| facts::exit(&r.job.exit)),
    row(Some('f'), "Feature", "FEATURES", |r, _| or_null(r.job.spec.constraint.as_deref())),
    row(Some('G'), "GroupID", "GROUP", |r, _| r.job.submitter.gid.to_string()),
    row(Some('g'), "GroupName", "GROUP", |r, _| r.job.submitter.group.clone()),
    row(None, "HetJobID", "HET_JOB_ID", |_, _| NOT_AVAILABLE.to_owned()),
    row(None, "HetJobIDSet", "HET_JOB_ID_SET", |_, _| NOT_AVAILABLE.to_owned()),
    row(None, "HetJobOffset", "HET_JOB_OFFSET", |_, _| NOT_AVAILABLE.to_owned()),
    row(Some('i'), "JobArrayID", "JOBID", |r, m| r.id(m)),
    row(Some('A'), "JobID", "JOBID", |r, _| r.job.id.to_string()),
    row(None, "LastSchedEval", "LAST_SCHED_EVAL", |r, m| {
        m.clock.time_or(r.job.last_sched_eval, NOT_AVAILABLE)
    }),
    row(Some('W'), "Licenses", "LICENSES", |r, _| or_null(r.job.spec.licenses.as_deref())),
    row(None, "MaxCPUs", "MAX_CPUS", |r, _| r.job.cpus.to_string()),
    row(None, "MaxNodes", "MAX_NODES", |r, _| r.job.node_range.1.max(r.job.node_range.0).to_string()),
    row(None, "MCSLabel", "MCSLABEL", |_, _| NULL.to_owned()),
    row(None, "mem-per-tres", "MEM_PER_TRES", |r, _| match r.job.memory {
        Some(crate::script::spec::Memory::PerGpu(mb)) => format!("gres/gpu:{}", format_mb(mb)),
        _ => NOT_AVAILABLE.to_owned(),
    }),
    row(Some('c'), "MinCpus", "MIN_CPUS", |r, _| facts::min_cpus(&r.job).to_string()),
    row(Some('m'), "MinMemory", "MIN_MEMORY", |r, _| facts::memory(&r.job)),
    row(None, "MinTime", "TIME_MIN", |r, _| clock::short_limit(r.job.spec.time_min, "0:00")),
    row(Some('d'), "MinTmpDisk", "MIN_TMP_DISK", |r, _| format_mb(r.job.spec.tmp_mb.unwrap_or(0))),
    row(Some('j'), "Name", "NAME", |r, _| r.job.name.clone()),
    row(None, "Network", "NETWORK", |r, _| or_null(r.job.spec.network.as_deref())),
    row(Some('y'), "Nice", "NICE", |r, _| r.job.spec.nice.to_string()),
    row(Some('N'), "NodeList", "NODELIST", |r, _| facts::node_list(&r.job)),
    row(None, "NTPerBoard", "NTASKS_PER_BOARD", |_, _| "0".to_owned()),
    row(None, "NTPerCore", "NTASKS_PER_CORE", |r, _| available(r.job.spec.ntasks_per_core)),
    row(None, "NTPerNode", "NTASKS_PER_NODE", |r, _| r.job.spec.ntasks_per_node.unwrap_or(0).to_string()),
    row(None, "NTPerSocket", "NTASKS_PER_SOCKET", |r, _| available(r.job.spec.ntasks_per_socket)),
    row(Some('C'), "NumCPUs", "CPUS", |r, _| r.job.cpus.to_string()),
    row(Some('D'), "NumNodes", "NODES", |r, _| facts::node_count(&r.job).to_string()),
    row(None, "NumTasks", "TASKS", |r, _| match facts::tasks(&r.job).as_str() {
        // Slurm prints its mark for no value.
        "N/A" => u32::MAX.wrapping_sub(1).to_string(),
        tasks => tasks.to_owned(),
    }),
    row(None, "Origin", "ORIGIN", |_, _| "NA".to_owned()),
    row(None, "OriginRaw", "ORIGIN_RAW", |_, _| "NA".to_owned()),
    row(Some('h'), "OverSubscribe", "OVER_SUBSCRIBE", |r, _| facts::oversubscribe(&r.job).to_owned()),
    row(Some('P'), "Partition", "PARTITION", |r, _| r.partition().to_owned()),
    row(None, "PendingTime", "PENDING_TIME", |r, m| {
        facts::whole_seconds(r.job.submit_time, start_time(&r.job).unwrap_or(m.clock.now)).to_string()
    }),
    row(None, "PreemptTime", "PREEMPT_TIME", |_, _| NOT_AVAILABLE.to_owned()),
    row(None, "Prefer", "PREFER", |r, _| or_null(unused(&r.job, "prefer"))),
    row(Some('p'), "Priority", "PRIORITY", |r, _| {
        format!("{:16.14}", f64::from(r.job.priority) / f64::from(u32::MAX))
    }),
    row(Some('Q'), "PriorityLong", "PRIORITY", |r, _| r.job.priority.to_string()),
    row(None, "Profile", "PROFILE", |r, _| unused(&r.job, "profile").unwrap_or("NotSet").to_owned()),
    row(Some('q'), "QOS", "QOS", |r, _| or_null(Some(&r.job.qos))),
    row(Some('r'), "Reason", "REASON", |r, _| r.job.reason.clone()),
    row(Some('R'), "ReasonList", "NODELIST(REASON)", |r, _| facts::nodes_or_reason(&r.job)),
    row(None, "Reboot", "REBOOT", |r, _| u8::from(r.job.spec.reboot).to_string()),
    row(Some('n'), "ReqNodes", "REQ_NODES", |r, _| facts::required_nodes(&r.job)),
    row(None, "ReqSwitch", "REQ_SWITCH", |r, _| {
        unused(&r.job, "switches").and_then(|text| text.split('@').next()).unwrap_or("0").to_owned()
    }),
    row(None, "Requeue", "REQUEUE", |r, _| u8::from(r.job.spec.requeue.unwrap_or(r.job.batch)).to_string()),
    row(Some('v'), "Reservation", "RESERVATION", |r, _| or_null(r.job.spec.reservation.as_deref())),
    row(None, "ResizeTime", "RESIZE_TIME", |_, _| NOT_AVAILABLE.to_owned()),
    row(None, "RestartCnt", "RESTART_COUNT", |r, _| r.job.restarts.to_string()),
    row(Some('Y'), "SchedNodes", "SCHEDNODES", |r, _| or_null(r.job.planned_nodes.as_deref())),
    row(Some('z'), "SCT", "S:C:T", |r, _| {
        let (sockets, cores, threads) = facts::geometry(&r.job.spec);
        format!("{}:{}:{}", or_star(sockets), or_star(cores), or_star(threads))
    }),
    row(None, "SiblingsActive", "ACTIVE_SIBLINGS", |_, _| "NA".to_owned()),
    row(None, "SiblingsActiveRaw", "ACTIVE_SIBLINGS_RAW", |_, _| "NA".to_owned()),
    row(None, "SiblingsViable", "VIABLE_SIBLINGS", |_, _| "NA".to_owned()),
    row(None, "SiblingsViableRaw", "VIALBLE_SIBLINGS_RAW", |_, _| "NA".to_owned()),
    row(Some('H'), "Sockets", "SOCKETS_PER_NODE", |r, _| or_star(r.job.spec.geometry.0)),
    row(None, "SPerBoard", "SOCKETS_PER_BOARD", |_, _| "0".to_owned()),
    row(Some('S'), "StartTime", "START_TIME", |r, m| m.clock.time_or(start_time(&r.job), NOT_AVAILABLE)),
    row(Some('T'), "State", "STATE", |r, _| r.job.state.long().to_owned()),
    row(Some('t'), "StateCompact", "ST", |r, _| r.job.state.compact().to_owned()),
    row(None, "STDERR", "STDERR", |r, _| r.job.stderr.clone()),
    row(None, "STDIN", "STDIN", |r, _| r.job.stdin.clone()),
    row(None, "STDOUT", "STDOUT", |r, _| r.job.stdout.clone()),
    row(Some('V'), "SubmitTime", "SUBMIT_TIME", |r, m| m.clock.time(r.job.submit_time)),
    row(None, "system_comment", "SYSTEM_COMMENT", |_, _| NULL.to_owned()),
    row(Some('J'), "Threads", "THREADS_PER_CORE", |r, _| or_star(facts::geometry(&r.job.spec).2)),
    row(Some('L'), "TimeLeft", "TIME_LEFT", |r, m| time_left(&r.job, m)),
    row(Some('l'), "TimeLimit", "TIME_LIMIT", |r, _| clock::short_limit(r.job.time_limit, "UNLIMITED")),
    row(Some('M'), "TimeUsed", "TIME", |r, m| clock::short(facts::elapsed(&r.job, &m.clock))),
    row(None, "tres-alloc", "TRES_ALLOC", |r, _| {
        facts::allocated_tres(&r.job).unwrap_or_else(|| facts::requested_tres(&r.job))
    }),
    row(None, "tres-bind", "TRES_BIND", |r, _| {
        available(unused(&r.job, "gpu-bind").map(|kind| format!("gres/gpu:{kind}")))
    }),
    row(None, "tres-freq", "TRES_FREQ", |r, _| {
        available(unused(&r.job, "gpu-freq").map(|speed| format!("gpu:{speed}")))
    }),
    row(None, "tres-per-job", "TRES_PER_JOB", |r, _| available(facts::gres_per(&r.job, GresPer::Job))),
    row(Some('b'), "tres-per-node", "TRES_PER_NODE", |r, _| {
        available(facts::gres_per(&r.job, GresPer::Node))
    }),
    row(None, "tres-per-socket", "TRES_PER_SOCKET", |r, _| {
        available(facts::gres_per(&r.job, GresPer::Socket))
    }),
    row(None, "tres-per-task", "TRES_PER_TASK", |r, _| available(facts::gres_per(&r.job, GresPer::Task))),
    row(Some('U'), "UserID", "UID", |r, _| r.job.submitter.uid.to_string()),
    row(Some('u'), "UserName", "USER", |r, _| r.job.submitter.user.clone()),
    row(None, "Wait4Switch", "WAIT4SWITCH", |r, _| {
        unused(&r.job, "switches").map_or("0:00", |_| "5:00").to_owned()
    }),
    row(Some('w'), "WCKey", "WCKEY", |r, _| or_null(r.job.spec.wckey.as_deref())),
    row(Some('Z'), "WorkDir", "WORK_DIR", |r, _| String::from_utf8_lossy(&r.job.spec.work_dir).into_owned()),
    row(Some('x'), "ExcNodes", "EXC_NODES", |r, _| facts::excluded_nodes(&r.job)),
    row(Some('s'), "SelectJobInfo", "", |_, _| String::new()),
];

fn available<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NOT_AVAILABLE.to_owned(), |value| value.to_string())
}

/// An option that is known and left without effect.
fn unused<'a>(job: &'a JobView, option: &str) -> Option<&'a str> {
    job.spec.without_effect.iter().find(|(name, _)| name == option).map(|(_, value)| value.as_str())
}

/// The node of the script, or the host of an allocation's command.
fn exec_host(job: &JobView) -> String {
    match job.allocation.as_ref().and_then(|allocation| allocation.nodes.first()) {
        Some(node) if job.batch => node.name.clone(),
        Some(_) => job.submitter.host.clone(),
        None => "n/a".to_owned(),
    }
}

/// Begin or expected begin: a time that was asked for counts as one.
fn start_time(job: &JobView) -> Option<f64> {
    job.start_time.or_else(|| job.spec.begin.map(|second| second as f64))
}

/// End, or the end by the limit, of a job that has begun.
fn end_time(job: &JobView) -> Option<f64> {
    job.end_time.filter(|_| job.state != JobState::Pending)
}

fn time_left(job: &JobView, manner: &Manner) -> String {
    match job.time_limit {
        None => "UNLIMITED".to_owned(),
        Some(minutes) => {
            let left = (u64::from(minutes) * 60).saturating_sub(facts::elapsed(job, &manner.clock));
            clock::short(left)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::commands::columns::{header, letters, line, names};
    use crate::commands::samples;

    fn show(job: JobView, format: &str) -> String {
        let manner = Manner { clock: samples::clock(), list_length: 64 };
        let (columns, unknown) = letters::parse(format, FIELDS);
        assert_eq!(unknown, []);
        line(&columns, &JobRow { job: Rc::new(job), element: None, partition: None }, &manner)
    }

    #[test]
    fn a_pending_job_reads_as_in_slurm() {
        let job = samples::pending_array(2, &[1, 3, 5, 7, 9], Some(3));
        let lines = [
            ("%a|%b|%c|%d|%e|%f|%g|%h|%i|%j", "root|N/A|1|0|N/A|(null)|root|OK|2_[1,3,5,7,9%3]|held"),
            ("%k|%l|%m|%n|%o|%p", "(null)|45:00|0||/tmp/w/job.sh a b|0.00000000000000"),
            ("%q|%r|%s|%t|%u|%v|%w|%x|%y|%z", "normal|JobHeldUser||PD|root|(null)|(null)||0|*:*:*"),
            ("%A|%B|%C|%D|%E|%F|%G|%H|%I|%J", "2|n/a|2|1|(null)|2|0|*|*|*"),
            ("%K|%L|%M|%N|%O|%P|%Q|%R|%S", "1,3,5,7,9%3|45:00|0:00||0|slurmpar|0|(JobHeldUser)|N/A"),
            ("%T|%U|%V|%W|%X|%Y|%Z", "PENDING|0|2026-11-24T12:10:32|(null)|N/A|(null)|/tmp/w"),
        ];
        for (format, expected) in lines {
            assert_eq!(show(job.clone(), format), expected, "{format}");
        }
    }

    #[test]
    fn a_running_job_reads_as_in_slurm() {
        for (format, expected) in [
            ("%i|%K|%F|%B|%N|%R", "5|N/A|5|slurmnode1|slurmnode1|slurmnode1"),
            ("%M|%L|%l|%S|%e", "1:02|43:58|45:00|2026-11-24T12:10:32|2026-11-24T12:55:32"),
            ("%p|%Q|%m|%r|%t", "0.99998474051244|4294901756|200M|None|R"),
        ] {
            assert_eq!(show(samples::running(5), format), expected, "{format}");
        }
        assert_eq!(show(samples::failed(5), "%R %T %M"), "(NonZeroExitCode) FAILED 0:21");
    }

    #[test]
    fn heads_and_default_widths_are_those_of_slurm() {
        let (columns, _) = letters::parse("%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R", FIELDS);
        assert_eq!(
            header(&columns),
            "             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)"
        );
        let (columns, unknown) = names::parse("JobArrayID,StateCompact,Reason", FIELDS);
        assert_eq!(header(&columns).trim_end(), "JOBID               ST                  REASON");
        assert_eq!(unknown, [] as [String; 0]);
    }

    #[test]
    fn no_field_stands_twice() {
        let mut names: Vec<_> = FIELDS.iter().map(|field| field.name.to_ascii_lowercase()).collect();
        let mut letters: Vec<_> = FIELDS.iter().filter_map(|field| field.letter).collect();
        let counts = (names.len(), letters.len());
        names.sort_unstable();
        names.dedup();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!((names.len(), letters.len()), counts);
    }
}
