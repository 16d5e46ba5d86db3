//! Real job scripts and what a real Slurm said of each: the reader must say the same.
//!
//! The records stand outside of the project (`PRUN_CORPUS`, or beside it); without them the test says so and passes.

use std::path::{Path, PathBuf};

use prun::script::options::Command;
use prun::script::{read_batch, read_batch_line};
use serde_json::Value;

/// What the reader makes of one record: the exit code and first line of a refusal, or nothing.
fn read(script: &str) -> Result<prun::script::options::Request, (i64, String)> {
    let line = read_batch_line(Command::Sbatch, &["--hold".into(), "--parsable".into(), "job.sh".into()])
        .expect("a plain command line");
    read_batch(Command::Sbatch, &line, &|_| None, script.as_bytes())
        .map_err(|mistake| (i64::from(mistake.exit_code), mistake.slurm[0].clone()))
}

/// Whether a refusal is the cluster's (partition, devices, features, …) and so none of the reader's.
fn is_the_clusters(message: &str) -> bool {
    [
        "invalid partition specified",
        "Batch job submission failed",
        "Invalid generic resource",
        "allocation failure",
        "No cluster",
        "Ignoring -S",
        "warning: can't run",
    ]
    .iter()
    .any(|text| message.contains(text))
}

/// What is wrong with the reader's answer to one record.
fn problem(record: &Value) -> Option<String> {
    let script = record["script"].as_str()?;
    let (code, message) =
        (record["rc"].as_i64()?, record["stderr"].as_str()?.lines().next().unwrap_or_default());
    let refused_by_reader = code != 0 && !is_the_clusters(message);
    match (read(script), refused_by_reader) {
        (Err((own_code, own)), true) if own_code == code && own == message => None,
        // Arrays and dependencies are read here, and refused with the cluster's words once the rest is in order;
        // the cluster itself looks at the partition first.
        (Err((own_code, own)), false) if own_code == code && is_the_clusters(&own) => None,
        (Err(own), _) => Some(format!("{own:?}, Slurm {:?}", (code, message))),
        (Ok(_), true) => Some(format!("accepted, Slurm {:?}", (code, message))),
        (Ok(request), false) => fields(&request, &record["job"]),
    }
}

/// The fields of `scontrol show job` that the reader alone decides.
fn fields(request: &prun::script::options::Request, job: &Value) -> Option<String> {
    use prun::script::time::format_limit;
    let job_spec = request.earlier.first().unwrap_or(&request.job);
    let check = |field: &str, own: Option<String>| {
        let (slurm, own) = (job[field].as_str()?, own?);
        (slurm != own).then(|| format!("{field}={own:?}, Slurm {slurm:?}"))
    };
    check("JobName", job_spec.name.clone())
        .or_else(|| check("TimeLimit", job_spec.time_limit.map(format_limit)))
        .or_else(|| check("CPUs/Task", job_spec.cpus_per_task.map(|n| n.to_string())))
        .or_else(|| check("Nice", (job_spec.nice != 0).then(|| job_spec.nice.to_string())))
        .or_else(|| check("Comment", job_spec.comment.clone()))
        .or_else(|| check("MailType", (!job_spec.mail_type.is_empty()).then(|| job_spec.mail_type.join(","))))
        .or_else(|| check("Contiguous", Some(u8::from(job_spec.contiguous).to_string())))
        .or_else(|| check("Requeue", job_spec.requeue.map(|r| u8::from(r).to_string())))
}

#[test]
fn every_record_is_read_as_slurm_read_it() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/open.jsonl");
    let file = std::env::var_os("PRUN_CORPUS").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: no corpus at {}", file.display());
        return;
    };
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let problems: Vec<String> = records
        .iter()
        .filter_map(|record| {
            problem(record).map(|why| format!("{} {}: {why}", record["id"], record["variant"]))
        })
        .collect();
    println!("{} records, {} problems", records.len(), problems.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
