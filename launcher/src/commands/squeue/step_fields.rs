//! What `squeue -s` can show of a step (`squeue(1)`: "valid for job steps").

use super::row::{Manner, StepRow};
use crate::commands::columns::Field;
use crate::commands::{clock, facts};
use crate::script::hostlist;

type Row = Field<StepRow, Manner>;

const fn row(
    letter: Option<char>,
    name: &'static str,
    header: &'static str,
    value: fn(&StepRow, &Manner) -> String,
) -> Row {
    Field { letter, name, header, value }
}

/// Every field of a step.
pub static FIELDS: &[Row] = &[
    row(Some('i'), "StepID", "STEPID", |r, _| r.id()),
    row(Some('j'), "StepName", "NAME", |r, _| r.step.name.clone()),
    row(Some('P'), "Partition", "PARTITION", |r, _| r.job.partition.clone()),
    row(Some('u'), "UserName", "USER", |r, _| r.job.submitter.user.clone()),
    row(Some('U'), "UserID", "UID", |r, _| r.job.submitter.uid.to_string()),
    row(Some('M'), "TimeUsed", "TIME", |r, m| clock::short(facts::step_elapsed(&r.step, &m.clock))),
    row(Some('l'), "TimeLimit", "TIME_LIMIT", |r, _| clock::short_limit(r.step.time_limit, "UNLIMITED")),
    row(Some('S'), "StartTime", "START_TIME", |r, m| m.clock.time(r.step.start_time)),
    row(Some('N'), "Nodes", "NODELIST", |r, _| hostlist::compress(&facts::step_node_names(&r.step))),
    row(Some('A'), "NumTasks", "TASKS", |r, _| r.step.ntasks.to_string()),
    row(None, "NumCPUs", "CPUS", |r, _| r.step.cpus.to_string()),
    row(None, "StepState", "STATE", |r, _| r.step.state.long().to_owned()),
    row(None, "JobID", "JOB_ID", |r, _| r.job.id.to_string()),
    row(None, "ArrayJobID", "ARRAY_JOB_ID", |r, _| {
        r.job.array.as_ref().map_or(0, |array| array.id.0).to_string()
    }),
    row(None, "ArrayTaskID", "ARRAY_TASK_ID", |r, _| {
        facts::element(&r.job, 0).unwrap_or_else(|| "N/A".to_owned())
    }),
    row(None, "tres-per-task", "TRES_PER_TASK", |_, _| facts::NULL.to_owned()),
    row(None, "Cluster", "CLUSTER", |r, _| r.job.cluster.clone()),
    row(None, "CPUFreq", "CPU_FREQ", |r, _| facts::or_null(r.job.spec.cpu_freq.as_deref())),
    row(None, "Network", "NETWORK", |r, _| facts::or_null(r.job.spec.network.as_deref())),
    row(None, "ResvPort", "RESV_PORTS", |_, _| facts::NULL.to_owned()),
    row(Some('b'), "tres-per-step", "TRES_PER_STEP", |_, _| facts::NULL.to_owned()),
];

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::row::step_rows;
    use super::*;
    use crate::commands::columns::{header, letters, line};
    use crate::commands::samples;

    #[test]
    fn steps_read_as_in_slurm() {
        let manner = Manner { clock: samples::clock(), list_length: 64 };
        let (columns, _) = letters::parse("%.15i %.8j %.9P %.8u %.9M %N", FIELDS);
        assert_eq!(header(&columns), "         STEPID     NAME PARTITION     USER      TIME NODELIST");
        let rows = step_rows(&[Rc::new(samples::running(1)), Rc::new(samples::failed(2))]);
        let lines: Vec<String> = rows.iter().map(|row| line(&columns, row, &manner)).collect();
        assert_eq!(
            lines,
            [
                "        1.batch    batch  slurmpar     root      1:02 slurmnode1",
                "            1.0    sleep  slurmpar     root      1:02 slurmnode1"
            ]
        );
    }
}
