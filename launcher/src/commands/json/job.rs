//! A job in the queue, and a job in accounting.

use prun_runtime::wire::step::Exit;
use serde_json::{Value, json};

use super::{limit, number, resources, time};
use crate::commands::facts;
use crate::commands::jobref::ranges;
use crate::commands::sacct::usage::{CpuTime, cpu_of_job, cpu_of_step};
use crate::controller::api::{JobState, JobView, StepView};
use crate::script::hostlist;
use crate::script::spec::{Memory, Sharing};

/// As `squeue` shows it.
pub(super) fn of_queue(job: &JobView) -> Value {
    let mut value = json!({
        "account": job.account,
        "allocating_node": job.submitter.host,
        "batch_flag": job.batch,
        "batch_host": if job.batch { facts::node_names(job).into_iter().next().unwrap_or_default() } else { String::new() },
        "cluster": job.cluster,
        "command": job.command.as_deref().unwrap_or_default(),
        "comment": job.spec.comment.as_deref().unwrap_or_default(),
        "contiguous": job.spec.contiguous,
        "cpus": number(Some(u64::from(job.cpus))),
        "cpus_per_task": number(job.spec.cpus_per_task.map(u64::from)),
        "current_working_directory": String::from_utf8_lossy(&job.spec.work_dir),
        "dependency": job.dependency.as_deref().unwrap_or_default(),
        "derived_exit_code": exit_code(&job.derived_exit),
        "exit_code": exit_code(&job.exit),
        "excluded_nodes": hostlist::compress(&job.spec.exclude),
        "features": job.spec.constraint.as_deref().unwrap_or_default(),
        "flags": [],
        "group_id": job.submitter.gid,
        "group_name": job.submitter.group,
        "hold": job.state == JobState::Pending && job.priority == 0,
        "job_id": job.id.0,
        "job_resources": resources::of_queue(job),
        "job_state": [job.state.long()],
        "licenses": job.spec.licenses.as_deref().unwrap_or_default(),
        "mail_type": job.spec.mail_type,
        "mail_user": job.spec.mail_user.as_deref().unwrap_or_default(),
        "max_nodes": number(Some(u64::from(job.node_range.1))),
        "name": job.name,
        "network": job.spec.network.as_deref().unwrap_or_default(),
        "nice": job.spec.nice,
        "node_count": number(Some(facts::node_count(job) as u64)),
        "nodes": facts::node_list(job),
        "partition": job.partition,
        "priority": number(Some(u64::from(job.priority))),
        "qos": job.qos,
        "requeue": job.spec.requeue.unwrap_or(job.batch),
        "required_nodes": hostlist::compress(&job.spec.nodelist),
        "restart_cnt": job.restarts,
        "resv_name": job.spec.reservation.as_deref().unwrap_or_default(),
        "scheduled_nodes": job.planned_nodes.as_deref().unwrap_or_default(),
        "shared": sharing(job),
    });
    merge(&mut value, times(job));
    merge(&mut value, array(job));
    merge(&mut value, het(job));
    merge(&mut value, rest(job));
    value
}

/// Files, memory and users.
fn rest(job: &JobView) -> Value {
    let memory = |wanted: Option<u64>| number(wanted);
    json!({
        "memory_per_cpu": memory(match job.memory { Some(Memory::PerCpu(mb)) => Some(mb), _ => None }),
        "minimum_cpus_per_node": number(Some(u64::from(facts::min_cpus(job)))),
        "minimum_tmp_disk_per_node": number(Some(job.spec.tmp_mb.unwrap_or(0))),
        "memory_per_node": memory(match job.memory { Some(Memory::PerNode(mb)) => Some(mb), _ => None }),
        "standard_error": job.stderr,
        "standard_input": job.stdin,
        "standard_output": job.stdout,
        "state_reason": job.reason,
        "tasks": number(Some(u64::from(job.ntasks))),
        "tasks_per_node": number(job.spec.ntasks_per_node.map(u64::from)),
        "tres_req_str": facts::requested_tres(job),
        "tres_alloc_str": facts::allocated_tres(job).unwrap_or_default(),
        "user_id": job.submitter.uid,
        "user_name": job.submitter.user,
        "wckey": job.spec.wckey.as_deref().unwrap_or_default(),
    })
}

fn times(job: &JobView) -> Value {
    json!({
        "accrue_time": time(job.eligible_time),
        "deadline": time(job.spec.deadline.map(|second| second as f64)),
        "eligible_time": time(job.eligible_time),
        "end_time": time(job.end_time),
        "last_sched_evaluation": time(job.last_sched_eval),
        "start_time": time(job.start_time),
        "submit_time": time(Some(job.submit_time)),
        "suspend_time": time(job.suspend_time),
        "time_limit": limit(job.time_limit),
        "time_minimum": number(job.spec.time_min.map(u64::from)),
    })
}

fn array(job: &JobView) -> Value {
    let array = job.array.as_ref();
    let waiting = array.is_some_and(|array| array.element.is_none());
    json!({
        "array_job_id": number(Some(array.map_or(0, |array| u64::from(array.id.0)))),
        "array_max_tasks": number(Some(array.and_then(|array| array.limit).map_or(0, u64::from))),
        "array_task_id": number(array.and_then(|array| array.element).map(u64::from)),
        "array_task_string": if waiting { facts::pending_elements(job, 0) } else { String::new() },
    })
}

fn het(job: &JobView) -> Value {
    let set = job.het.map(|het| ranges(&(het.leader.0..het.leader.0 + het.size).collect::<Vec<_>>()));
    json!({
        "het_job_id": number(Some(job.het.map_or(0, |het| u64::from(het.leader.0)))),
        "het_job_id_set": set.unwrap_or_default(),
        "het_job_offset": number(Some(job.het.map_or(0, |het| u64::from(het.offset)))),
    })
}

/// As `sacct` shows it.
pub(super) fn of_accounting(job: &JobView, now: f64) -> Value {
    let elapsed = match job.start_time {
        Some(start) if job.state != JobState::Pending => {
            let until = if job.state.has_ended() { job.end_time.unwrap_or(start) } else { now };
            facts::whole_seconds(start, until - job.suspended_secs)
        }
        _ => 0,
    };
    let second = |time: Option<f64>| time.unwrap_or(0.0) as u64;
    let mut value = json!({
        "account": job.account,
        "allocation_nodes": facts::node_names(job).len(),
        "association": resources::association(job),
        "cluster": job.cluster,
        "comment": { "administrator": "", "job": job.spec.comment.as_deref().unwrap_or_default(), "system": "" },
        "derived_exit_code": exit_code(&job.derived_exit),
        "constraints": job.spec.constraint.as_deref().unwrap_or_default(),
        "exit_code": exit_code(&job.exit),
        "flags": [],
        "group": job.submitter.group,
        "hold": job.state == JobState::Pending && job.priority == 0,
        "job_id": job.id.0,
        "kill_request_user": job.cancelled_by.map_or_else(String::new, |uid| uid.to_string()),
        "licenses": job.spec.licenses.as_deref().unwrap_or_default(),
        "name": job.name,
        "nodes": facts::node_list(job),
        "partition": job.partition,
        "priority": number(Some(u64::from(job.priority))),
        "qos": job.qos,
        "required": {
            "CPUs": job.cpus,
            "memory_per_cpu": number(match job.memory { Some(Memory::PerCpu(mb)) => Some(mb), _ => None }),
            "memory_per_node": number(match job.memory { Some(Memory::PerNode(mb)) => Some(mb), _ => None }),
        },
        "reservation": { "id": 0, "name": job.spec.reservation.as_deref().unwrap_or_default() },
        "restart_cnt": job.restarts,
        "state": { "current": [job.state.long()], "reason": job.reason },
        "steps": job.steps.iter().map(|step| step_of(step, now)).collect::<Vec<_>>(),
        "stdout": job.stdout, "stderr": job.stderr, "stdin": job.stdin,
        "stdout_expanded": job.stdout, "stderr_expanded": job.stderr, "stdin_expanded": job.stdin,
        "submit_line": job.submitter.command_line,
        "time": {
            "elapsed": elapsed,
            "eligible": second(job.eligible_time),
            "end": if job.state.has_ended() { second(job.end_time) } else { 0 },
            "start": if job.state == JobState::Pending { 0 } else { second(job.start_time) },
            "submission": second(Some(job.submit_time)),
            "suspended": job.suspended_secs as u64,
            "limit": limit(job.time_limit),
        },
        "tres": resources::of_accounting(job),
        "user": job.submitter.user,
        "wckey": { "wckey": job.spec.wckey.as_deref().unwrap_or_default(), "flags": [] },
        "working_directory": String::from_utf8_lossy(&job.spec.work_dir),
    });
    merge(
        &mut value,
        json!({ "array": {
            "job_id": job.array.as_ref().map_or(0, |array| array.id.0),
            "task_id": number(job.array.as_ref().and_then(|array| array.element).map(u64::from)),
            "task": facts::pending_elements(job, 0),
        }}),
    );
    merge(
        &mut value,
        json!({ "het": {
            "job_id": job.het.map_or(0, |het| het.leader.0),
            "job_offset": number(job.het.map(|het| u64::from(het.offset))),
        }}),
    );
    used(&mut value, cpu_of_job(job));
    value
}

/// Puts CPU time to the other times.
fn used(value: &mut Value, time: CpuTime) {
    for (name, time) in resources::cpu_time(time) {
        value["time"][name] = time;
    }
}

pub(super) fn step_of(step: &StepView, now: f64) -> Value {
    let mut value = json!({
        "kill_request_user": step.cancelled_by.map_or_else(String::new, |uid| uid.to_string()),
        "tres": resources::of_step(step),
        "time": {
            "elapsed": facts::whole_seconds(step.start_time, step.end_time.unwrap_or(now)),
            "suspended": 0,
            "start": time(Some(step.start_time)),
            "end": time(step.end_time),
        },
        "exit_code": exit_code(&step.exit),
        "nodes": { "count": step.plan.nodes.len(), "list": facts::step_node_names(step) },
        "tasks": { "count": step.ntasks },
        "state": [step.state.long()],
        "step": { "id": step.key.to_string(), "name": step.name },
        "task": { "distribution": step.distribution },
    });
    used(&mut value, cpu_of_step(step));
    value
}

pub(super) fn exit_code(exit: &Exit) -> Value {
    let status = match (exit.signal, exit.code) {
        (0, 0) => "SUCCESS",
        (0, _) => "ERROR",
        _ => "SIGNALED",
    };
    json!({
        "status": [status],
        "return_code": number(Some(u64::from(exit.code.unsigned_abs()))),
        "signal": { "id": number((exit.signal != 0).then(|| u64::from(exit.signal.unsigned_abs()))), "name": "" },
    })
}

fn sharing(job: &JobView) -> Vec<&'static str> {
    match job.spec.sharing {
        None => vec![],
        Some(Sharing::Exclusive) => vec!["none"],
        Some(Sharing::Shared) => vec!["oversubscribe"],
        Some(Sharing::User) => vec!["user"],
        Some(Sharing::Mcs) => vec!["mcs"],
        Some(Sharing::Topo) => vec!["topo"],
    }
}

/// Puts the entries of one map into another.
fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
