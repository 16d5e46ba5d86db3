//! `scontrol show job`: every field of a job (`scontrol(1)`), in the lines of 24.11.

use super::record::{Record, Shape};
use super::show_extras;
use crate::commands::clock::Clock;
use crate::commands::facts::{self, or_null, or_star};
use crate::commands::jobref::ranges;
use crate::controller::api::{JobState, JobView};
use crate::layout::plan::NodeShare;
use crate::script::hostlist::compress;
use crate::script::memory::format_mb;
use crate::script::spec::{GresPer, Memory};
use crate::script::time::{format_limit, format_secs};

/// One job.
#[must_use]
pub fn text(job: &JobView, shape: Shape, clock: &Clock) -> String {
    let mut record = Record::new(shape);
    head(&mut record, job, shape);
    times(&mut record, job, clock);
    place(&mut record, job);
    size(&mut record, job, shape.details);
    files(&mut record, job);
    record.finish()
}

fn head(record: &mut Record, job: &JobView, shape: Shape) {
    let array = job.array.as_ref().map(|array| {
        let element = facts::element(job, shape.list_length).unwrap_or_default();
        let limit = array.limit.map(|limit| format!(" ArrayTaskThrottle={limit}")).unwrap_or_default();
        format!("ArrayJobId={} ArrayTaskId={element}{limit} ", array.id)
    });
    let het = job.het.map(|het| format!("HetJobId={} HetJobOffset={} ", het.leader, het.offset));
    let place = array.or(het).unwrap_or_default();
    record.line(format!("JobId={} {place}JobName={}", job.id, job.name));
    if let Some(het) = job.het {
        let numbers: Vec<u32> = (het.leader.0..het.leader.0 + het.size).collect();
        record.line(format!("HetJobIdSet={}", ranges(&numbers)));
    }
    let who = &job.submitter;
    record.line(format!("UserId={}({}) GroupId={}({}) MCS_label=N/A", who.user, who.uid, who.group, who.gid));
    record.line(format!(
        "Priority={} Nice={} Account={} QOS={}{}",
        job.priority,
        job.spec.nice,
        or_null(Some(&job.account)),
        or_null(Some(&job.qos)),
        job.spec.wckey.as_ref().map(|key| format!(" WCKey={key}")).unwrap_or_default()
    ));
    record.line(format!(
        "JobState={} Reason={} Dependency={}",
        job.state.long(),
        job.reason.replace(' ', "_"),
        or_null(job.dependency.as_deref())
    ));
    record.line(format!(
        "Requeue={} Restarts={} BatchFlag={} Reboot={} ExitCode={}",
        u8::from(job.spec.requeue.unwrap_or(true)),
        job.restarts,
        u8::from(job.batch),
        u8::from(job.spec.reboot),
        facts::exit(&job.exit)
    ));
    if shape.details {
        record.line(format!("DerivedExitCode={}", facts::exit(&job.derived_exit)));
    }
}

fn times(record: &mut Record, job: &JobView, clock: &Clock) {
    record.line(format!(
        "RunTime={} TimeLimit={} TimeMin={}",
        format_secs(facts::elapsed(job, clock)),
        format_limit(job.time_limit),
        job.spec.time_min.map_or_else(|| "N/A".to_owned(), |minutes| format_limit(Some(minutes)))
    ));
    let asked = job.spec.begin.map(|second| second as f64);
    record.line(format!(
        "SubmitTime={} EligibleTime={}",
        clock.time(job.submit_time),
        // What is to come, and not what had passed when it was asked for.
        clock.time_or(job.eligible_time.or(asked.filter(|&begin| begin > job.submit_time)), "Unknown")
    ));
    record.line(format!("AccrueTime={}", clock.time_or(job.eligible_time, "Unknown")));
    record.line(format!(
        "StartTime={} EndTime={} Deadline={}",
        clock.time_or(job.start_time.or(asked), "Unknown"),
        clock.time_or(job.end_time, "Unknown"),
        clock.time_or(job.spec.deadline.map(|second| second as f64), "N/A")
    ));
    record.line(format!(
        "SuspendTime={} SecsPreSuspend={} LastSchedEval={} Scheduler=Main",
        clock.time_or(job.suspend_time, "None"),
        secs_before_suspension(job, clock),
        clock.time_or(job.last_sched_eval, "Unknown")
    ));
}

/// Seconds that a suspended job had run before.
fn secs_before_suspension(job: &JobView, clock: &Clock) -> u64 {
    if job.state == JobState::Suspended { facts::elapsed(job, clock) } else { 0 }
}

fn place(record: &mut Record, job: &JobView) {
    let who = &job.submitter;
    record.line(format!("Partition={} AllocNode:Sid={}:{}", job.partition, who.host, who.sid));
    record.line(format!(
        "ReqNodeList={} ExcNodeList={}",
        or_null(Some(&facts::required_nodes(job))),
        or_null(Some(&facts::excluded_nodes(job)))
    ));
    let planned = job.planned_nodes.as_ref().map(|nodes| format!(" SchedNodeList={nodes}"));
    record.line(format!("NodeList={}{}", facts::node_list(job), planned.unwrap_or_default()));
    if let Some(first) = facts::node_names(job).first() {
        record.line(format!("BatchHost={first}"));
    }
}

fn size(record: &mut Record, job: &JobView, details: bool) {
    let spec = &job.spec;
    let (sockets, cores, threads) = facts::geometry(spec);
    record.line(format!(
        "NumNodes={} NumCPUs={} NumTasks={} CPUs/Task={} ReqB:S:C:T=0:0:{}:{}",
        node_range(job),
        job.cpus,
        facts::tasks(job),
        spec.cpus_per_task.unwrap_or(1),
        or_star(cores),
        or_star(threads)
    ));
    record.line(format!("ReqTRES={}", facts::requested_tres(job)));
    record.line(format!("AllocTRES={}", or_null(facts::allocated_tres(job).as_deref())));
    record.line(format!(
        "Socks/Node={} NtasksPerN:B:S:C={}:0:{}:{} CoreSpec=*",
        or_star(sockets),
        spec.ntasks_per_node.unwrap_or(0),
        or_star(spec.ntasks_per_socket),
        or_star(spec.ntasks_per_core)
    ));
    if details && let Some(allocation) = &job.allocation {
        record.line(format!("JOB_GRES={}", or_null(facts::gres_per(job, GresPer::Node).as_deref())));
        shares(record, &allocation.nodes);
    }
    let per = if matches!(job.memory, Some(Memory::PerCpu(1..))) { "CPU" } else { "Node" };
    record.line(format!(
        "MinCPUsNode={} MinMemory{per}={} MinTmpDiskNode={}",
        facts::min_cpus(job),
        facts::memory(job),
        format_mb(spec.tmp_mb.unwrap_or(0))
    ));
    if let Some(reservation) = &spec.reservation {
        record.line(format!("Reservation={reservation}"));
    }
    record.line(format!(
        "Features={} DelayBoot={}",
        or_null(spec.constraint.as_deref()),
        show_extras::delay_boot(job)
    ));
    if let Some(features) = show_extras::unheeded(job, "cluster-constraint") {
        record.line(format!("ClusterFeatures={features}"));
    }
    record.line(format!(
        "OverSubscribe={} Contiguous={} Licenses={} Network={}",
        facts::oversubscribe(job),
        u8::from(spec.contiguous),
        or_null(spec.licenses.as_deref()),
        or_null(spec.network.as_deref())
    ));
}

/// What is held on each node; neighbours that hold the same share a line.
fn shares(record: &mut Record, nodes: &[NodeShare]) {
    let mut rest = nodes;
    while let [first, ..] = rest {
        let same = |node: &&NodeShare| {
            node.cpus == first.cpus && node.memory_mb == first.memory_mb && node.gres == first.gres
        };
        let run = rest.iter().take_while(same).count();
        let names: Vec<String> = rest[..run].iter().map(|node| node.name.clone()).collect();
        let gres: Vec<String> = first
            .gres
            .iter()
            .map(|(name, numbers)| {
                format!("{name}:{}(IDX:{})", numbers.len(), crate::commands::jobref::ranges(numbers))
            })
            .collect();
        record.line(format!(
            "  Nodes={} CPU_IDs={} Mem={} GRES={}",
            compress(&names),
            crate::commands::jobref::ranges(&first.cpus),
            first.memory_mb,
            gres.join(",")
        ));
        rest = &rest[run..];
    }
}

/// A range for a job that waits, the number for one that runs or ran.
fn node_range(job: &JobView) -> String {
    let (least, most) = job.node_range;
    match &job.allocation {
        None if job.state == JobState::Pending && most > 0 => format!("{}-{most}", least.min(most)),
        _ => facts::node_count(job).to_string(),
    }
}

fn files(record: &mut Record, job: &JobView) {
    let spec = &job.spec;
    record.line(format!("Command={}", or_null(job.command.as_deref())));
    record.line(format!("WorkDir={}", String::from_utf8_lossy(&spec.work_dir)));
    if let Some(comment) = &spec.admin_comment {
        record.line(format!("AdminComment={comment} "));
    }
    if let Some(comment) = &spec.comment {
        record.line(format!("Comment={comment} "));
    }
    if let Some(extra) = show_extras::unheeded(job, "extra") {
        record.line(format!("Extra={extra}"));
    }
    if job.batch {
        record.line(format!("StdErr={}", job.stderr));
        record.line(format!("StdIn={}", job.stdin));
        record.line(format!("StdOut={}", job.stdout));
    }
    show_extras::lines(record, job);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn show(job: &JobView, details: bool) -> String {
        text(job, Shape { details, ..Shape::default() }, &samples::clock())
    }

    #[test]
    fn a_running_job_has_the_lines_of_24_11() {
        let expected = "\
JobId=5 JobName=probe
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   Priority=4294901756 Nice=0 Account=root QOS=normal
   JobState=RUNNING Reason=None Dependency=(null)
   Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:0
   DerivedExitCode=0:0
   RunTime=00:01:02 TimeLimit=00:45:00 TimeMin=N/A
   SubmitTime=2026-11-24T12:10:32 EligibleTime=2026-11-24T12:10:32
   AccrueTime=2026-11-24T12:10:32
   StartTime=2026-11-24T12:10:32 EndTime=2026-11-24T12:55:32 Deadline=N/A
   SuspendTime=None SecsPreSuspend=0 LastSchedEval=2026-11-24T12:10:32 Scheduler=Main
   Partition=slurmpar AllocNode:Sid=vm:8320
   ReqNodeList=(null) ExcNodeList=(null)
   NodeList=slurmnode1
   BatchHost=slurmnode1
   NumNodes=1 NumCPUs=2 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   ReqTRES=cpu=2,mem=200M,node=1,billing=2
   AllocTRES=cpu=2,mem=200M,node=1,billing=2
   Socks/Node=* NtasksPerN:B:S:C=0:0:*:* CoreSpec=*
   JOB_GRES=(null)
     Nodes=slurmnode1 CPU_IDs=0-1 Mem=200 GRES=
   MinCPUsNode=1 MinMemoryNode=200M MinTmpDiskNode=0
   Features=(null) DelayBoot=00:00:00
   OverSubscribe=OK Contiguous=0 Licenses=(null) Network=(null)
   Command=/tmp/w/job.sh a b
   WorkDir=/tmp/w
   StdErr=/tmp/w/o.txt
   StdIn=/dev/null
   StdOut=/tmp/w/o.txt

";
        assert_eq!(show(&samples::running(5), true), expected);
    }

    #[test]
    fn a_pending_array_shows_its_elements_and_what_is_not_known_yet() {
        let shown = show(&samples::pending_array(2, &[1, 3, 5, 7, 9], Some(3)), false);
        for line in [
            "JobId=2 ArrayJobId=2 ArrayTaskId=1,3,5,7,9%3 ArrayTaskThrottle=3 JobName=held",
            "   JobState=PENDING Reason=JobHeldUser Dependency=(null)",
            "   SubmitTime=2026-11-24T12:10:32 EligibleTime=Unknown",
            "   StartTime=Unknown EndTime=Unknown Deadline=N/A",
            "   NodeList=",
            "   NumNodes=1-1 NumCPUs=2 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:*",
            "   AllocTRES=(null)",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        assert!(!shown.contains("BatchHost") && !shown.contains("DerivedExitCode"));
    }

    #[test]
    fn what_was_asked_for_is_shown() {
        let mut job = samples::running(5);
        job.memory = Some(Memory::PerCpu(123));
        job.spec.cpus_per_task = Some(2);
        job.spec.comment = Some("hey".to_owned());
        job.spec.nice = 15;
        job.spec.mail_type = vec!["END".to_owned()];
        let shown = show(&job, false);
        for part in [
            "MinMemoryCPU=123M",
            "CPUs/Task=2",
            "MinCPUsNode=2",
            "Comment=hey",
            "Nice=15",
            "MailUser=root MailType=END",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }

    #[test]
    fn one_line_is_one_line() {
        let shown =
            text(&samples::running(5), Shape { one_line: true, ..Shape::default() }, &samples::clock());
        assert!(shown.starts_with("JobId=5 JobName=probe UserId=root(0) ") && shown.ends_with('\n'));
        assert_eq!(shown.lines().count(), 1);
    }
}
