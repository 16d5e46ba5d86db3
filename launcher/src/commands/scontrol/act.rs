//! `scontrol hold|uhold|release|requeue|requeuehold|suspend|resume|top JOBS` (`scontrol(1)`).

use crate::commands::ask::{Asking, NoAnswer};
use crate::commands::ending::Ending;
use crate::commands::jobref::Named;
use crate::controller::api::{Action, ErrorCode, JobRef, JobView, Request};

/// Does it to each job. Blocks.
///
/// # Errors
/// What the command ends with if the controller cannot be asked.
pub fn run(action: Action, operands: &[String]) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("scontrol")?;
    let mut ending = Ending::default();
    for word in words(operands) {
        for (name, job) in jobs(&mut asking, &word)? {
            let code = match job {
                None => ErrorCode::InvalidJobId,
                Some(job) => match asking.ask(Request::Act { job, action }) {
                    Ok(_) => continue,
                    Err(NoAnswer::Refused(refusal)) => refusal.code,
                    Err(other) => return Err(other.ending("scontrol", "slurm_suspend error")),
                },
            };
            ending.stderr.extend(complaint(action, &name, code));
            ending.code = 1;
        }
    }
    Ok(ending)
}

/// What is said about a job that it could not be done to. Slurm has a second line for holds.
fn complaint(action: Action, name: &str, code: ErrorCode) -> Vec<String> {
    let mut lines = vec![format!("{} for job {name}", code.text())];
    if matches!(action, Action::Hold | Action::UserHold | Action::Release) {
        lines.push(format!("slurm_suspend error: {}", code.text()));
    }
    lines
}

/// Words between commas outside of brackets.
fn words(operands: &[String]) -> Vec<String> {
    operands.iter().flat_map(|operand| crate::commands::jobref::split_list(operand)).collect()
}

/// The jobs that a word names: one by number, or those of a name that have not ended.
fn jobs(asking: &mut Asking, word: &str) -> Result<Vec<(String, Option<JobRef>)>, Ending> {
    let lower = word.to_ascii_lowercase();
    let name =
        ["jobname=", "name="].iter().find(|key| lower.starts_with(**key)).map(|key| &word[key.len()..]);
    match name {
        None => {
            let text = ["jobid=", "job="]
                .iter()
                .find(|key| lower.starts_with(**key))
                .map_or(word, |key| &word[key.len()..]);
            Ok(vec![(text.to_owned(), Named::parse(text).map(|named| named.job))])
        }
        Some(name) => {
            let named: Vec<JobView> = asking
                .jobs(false)?
                .into_iter()
                .filter(|job| job.name == name && !job.state.has_ended())
                .collect();
            if named.is_empty() {
                return Err(Ending::error(format!("scontrol: error: No jobs with name '{name}'"), 1));
            }
            let whole = |job: &JobView| JobRef { job: job.id, elements: None, component: None };
            Ok(named.iter().map(|job| (job.id.to_string(), Some(whole(job)))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_as_slurm_says_it() {
        assert_eq!(
            complaint(Action::Hold, "99", ErrorCode::InvalidJobId),
            ["Invalid job id specified for job 99", "slurm_suspend error: Invalid job id specified"]
        );
        assert_eq!(
            complaint(Action::Requeue, "58", ErrorCode::JobPending),
            ["Job is pending execution for job 58"]
        );
        assert_eq!(words(&["1,2_[3,4]".to_owned(), "5".to_owned()]), ["1", "2_[3,4]", "5"]);
    }
}
