//! `scontrol write batch_script JOB [FILE]` (`scontrol(1)`).

use std::fs;

use crate::commands::ask::Asking;
use crate::commands::ending::Ending;
use crate::commands::jobref::Named;
use crate::controller::api::{ErrorCode, Reply, Request};

/// Writes a job's script to a file, or to stdout for `-`. Blocks.
///
/// # Errors
/// What the command ends with.
pub fn run(operands: &[String]) -> Result<Ending, Ending> {
    match operands {
        [] => Err(Ending::error("too few arguments for keyword:write", 1)),
        [what, rest @ ..] if "batch_script".starts_with(&what.to_ascii_lowercase()) => match rest {
            [] => Ok(Ending::default()),
            [job] => script(job, None),
            [job, file] => script(job, Some(file)),
            _ => Err(Ending::error("too many arguments for keyword:write", 1)),
        },
        [what, ..] => Err(Ending::error(format!("invalid write argument:{what}"), 1)),
    }
}

fn script(name: &str, file: Option<&str>) -> Result<Ending, Ending> {
    // Slurm's exit code is 0 here.
    let failed = |code: ErrorCode| Ending::error(format!("job script retrieval failed: {}", code.text()), 0);
    let named = Named::parse(name).ok_or_else(|| failed(ErrorCode::InvalidJobId))?;
    let job = named.job.job;
    let content = match Asking::connect("scontrol")?.ask(Request::Script { job }) {
        Ok(Reply::Script(content)) => content,
        Ok(_) => return Err(Ending::unexpected("scontrol")),
        Err(crate::commands::ask::NoAnswer::Refused(refusal)) => return Err(failed(refusal.code)),
        Err(no) => return Err(no.ending("scontrol", "job script retrieval failed")),
    };
    if file == Some("-") {
        return Ok(Ending::text(String::from_utf8_lossy(&content)));
    }
    let path = file.map_or_else(|| format!("slurm-{job}.sh"), str::to_owned);
    fs::write(&path, &content)
        .map_err(|error| Ending::error(format!("failed to open file `{path}`: {error}"), 1))?;
    Ok(Ending::text(format!("batch script for job {name} written to {path}\n")))
}
