//! `sbatch --wait`: until the job, or every element of the array, has ended; through restarts of the controller.

use prun_runtime::ids::JobId;
use prun_runtime::wire::step::Exit;

use crate::commands::ask::Asking;
use crate::commands::ending::Ending;
use crate::controller::api::{JobState, JobView, Reply, Request};

/// Blocks until it has ended; ends with its exit code, of an array with the highest.
///
/// # Errors
/// What the command ends with if the controller cannot be asked.
pub(super) fn until_ended(asking: &mut Asking, job: JobId) -> Result<Ending, Ending> {
    let mut next = Some(job);
    while let Some(waited_for) = next {
        match asking.ask_through(&Request::WaitJob { job: waited_for }) {
            Ok(Reply::Ended { .. }) => {}
            Ok(_) => return Err(Ending::unexpected("sbatch")),
            Err(no) => return Err(no.ending("sbatch", "Unable to wait for the job")),
        }
        let all = match asking.ask_through(&Request::Jobs { history: true }) {
            Ok(Reply::Jobs(jobs)) => jobs,
            Ok(_) => return Err(Ending::unexpected("sbatch")),
            Err(no) => return Err(no.ending("sbatch", "slurm_load_jobs error")),
        };
        let own: Vec<&JobView> = all.iter().filter(|view| belongs(view, job)).collect();
        next = own.iter().find(|view| !view.state.has_ended() && view.id != waited_for).map(|view| view.id);
        if next.is_none() {
            let code = own.iter().map(|view| exit_code(view.state, &view.exit)).max().unwrap_or(0);
            return Ok(Ending { code, ..Ending::default() });
        }
    }
    Ok(Ending::default())
}

fn belongs(view: &JobView, job: JobId) -> bool {
    view.id == job || view.array.as_ref().is_some_and(|array| array.id == job)
}

/// The script's exit code; 1 for one that a signal ended and for a job that was ended from outside.
fn exit_code(state: JobState, exit: &Exit) -> u8 {
    match (state, exit) {
        (JobState::Completed, _) => 0,
        (_, Exit { signal: 0, code, .. }) if *code != 0 => u8::try_from(code & 0xff).unwrap_or(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn the_code_is_the_scripts_or_1() {
        let exit = |code, signal| Exit { code, signal, ..Exit::default() };
        for (state, exit, expected) in [
            (JobState::Completed, exit(0, 0), 0),
            (JobState::Failed, exit(44, 0), 44),
            (JobState::Failed, exit(0, 9), 1),
            (JobState::Cancelled, exit(0, 0), 1),
            (JobState::Timeout, exit(0, 15), 1),
        ] {
            assert_eq!(exit_code(state, &exit), expected, "{state:?}");
        }
    }

    #[test]
    fn elements_belong_to_their_array() {
        assert!(belongs(&samples::element(14, 12, 2), JobId(12)));
        assert!(belongs(&samples::pending_array(12, &[3], None), JobId(12)));
        assert!(!belongs(&samples::running(13), JobId(12)));
    }
}
