//! `scontrol wait_job JOB`: until the job has its nodes (`scontrol(1)`).

use crate::commands::ending::Ending;
use crate::commands::jobref::Named;
use crate::controller::api::{JobState, Reply, Request};
use crate::controller::client::Client;

/// Blocks until the job runs or has ended.
///
/// # Errors
/// What the command ends with.
pub fn run(operands: &[String]) -> Result<Ending, Ending> {
    let [name] = operands else {
        let many = if operands.is_empty() { "few" } else { "many" };
        return Err(Ending::error(format!("too {many} arguments for keyword:wait_job"), 1));
    };
    let problem = || Ending::error(format!("scontrol: Problem running job {name}"), 1);
    let named = Named::parse(name).ok_or_else(problem)?;
    let unreachable = |error| Ending::unreachable("scontrol", &error);
    let mut client = Client::connect().map_err(unreachable)?;
    let mut reply = client.call(Request::WatchJob { job: named.job.job }).map_err(unreachable)?;
    loop {
        match reply {
            Reply::Job(job) if job.state == JobState::Pending => {
                reply = client.next_reply().map_err(unreachable)?;
            }
            Reply::Job(job) if !job.state.has_ended() => return Ok(Ending::default()),
            Reply::Job(_) | Reply::Ended { .. } => {
                return Err(Ending::error(format!("scontrol: Job {name} no longer running"), 1));
            }
            Reply::Error(_) => return Err(problem()),
            _ => return Err(Ending::unexpected("scontrol")),
        }
    }
}
