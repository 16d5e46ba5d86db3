//! `scontrol show step` (`scontrol(1)`).

use super::record::{Record, Shape};
use crate::commands::clock::Clock;
use crate::commands::facts;
use crate::commands::jobref::Named;
use crate::controller::api::{JobState, JobView, StepView};
use crate::script::hostlist::compress;
use crate::script::memory::format_mb;
use crate::script::time::format_limit;

/// The steps that run, of all jobs or of the one named. `None` if a named step is not there.
#[must_use]
pub fn text(jobs: &[JobView], named: Option<&Named>, shape: Shape, clock: &Clock) -> Option<String> {
    let mut text = String::new();
    for job in jobs.iter().filter(|job| named.is_none_or(|named| named.matches(job))) {
        let running = |step: &&StepView| !step.state.has_ended() && step.state != JobState::Pending;
        let wanted = |step: &&StepView| named.and_then(|n| n.step).is_none_or(|id| id == step.key.step);
        for step in job.steps.iter().filter(running).filter(wanted) {
            text.push_str(&one(job, step, shape, clock));
        }
    }
    (named.is_none() || !text.is_empty()).then_some(text)
}

fn one(job: &JobView, step: &StepView, shape: Shape, clock: &Clock) -> String {
    let mut record = Record::new(shape);
    record.line(format!(
        "StepId={}.{} UserId={} StartTime={} TimeLimit={}",
        facts::shown_id(job),
        step.key.step,
        job.submitter.uid,
        clock.time(step.start_time),
        format_limit(step.time_limit)
    ));
    record.line(format!(
        "State={} Partition={} NodeList={}",
        step.state.long(),
        job.partition,
        compress(&facts::step_node_names(step))
    ));
    record.line(format!(
        "Nodes={} CPUs={} Tasks={} Name={} Network=(null)",
        step.plan.nodes.len(),
        step.cpus,
        step.ntasks,
        step.name
    ));
    let memory: u64 = step.plan.nodes.iter().map(|node| node.memory_mb).sum();
    record.line(format!("TRES=cpu={},mem={},node={}", step.cpus, format_mb(memory), step.plan.nodes.len()));
    record.line("ResvPorts=(null)".to_owned());
    let distribution =
        if step.key.step.is_batch() { String::new() } else { format!(" Dist={}", step.distribution) };
    record.line(format!("CPUFreqReq={}{distribution}", job.spec.cpu_freq.as_deref().unwrap_or("Default")));
    record.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn running_steps_are_shown() {
        let jobs = [samples::running(1), samples::failed(2)];
        let named = Named::parse("1.0").unwrap();
        let expected = "\
StepId=1.0 UserId=0 StartTime=2026-11-24T12:10:32 TimeLimit=UNLIMITED
   State=RUNNING Partition=slurmpar NodeList=slurmnode1
   Nodes=1 CPUs=2 Tasks=2 Name=sleep Network=(null)
   TRES=cpu=2,mem=200M,node=1
   ResvPorts=(null)
   CPUFreqReq=Default Dist=Block

";
        let shape = Shape::default();
        assert_eq!(text(&jobs, Some(&named), shape, &samples::clock()).as_deref(), Some(expected));
        assert!(text(&jobs, None, shape, &samples::clock()).unwrap().contains("StepId=1.batch "));
        assert_eq!(text(&jobs, Named::parse("2").as_ref(), shape, &samples::clock()), None);
    }
}
