//! Asks the processes of a step what its tasks use.

use prun_runtime::ids::{Rank, StepKey};
use prun_runtime::limits::ANSWER_WAIT;
use prun_runtime::net::link::Link;
use prun_runtime::wire::frame::{FrameError, FrameReader, FrameWriter};
use prun_runtime::wire::step::{FromStep, ToStep, Usage};

use crate::commands::ask::{Asking, NoAnswer};
use crate::commands::ending::Ending;
use crate::controller::api::{Reply, Request, StepAttach};
use crate::fanout::reach::{Door, reach};

/// What each running task of a step uses now, by rank. A step that has ended meanwhile uses nothing, and what does not
/// answer is left out. Blocks.
///
/// # Errors
/// What the command ends with if the controller cannot be asked, or no event loop can be had.
pub fn of(asking: &mut Asking, key: StepKey) -> Result<Vec<(Rank, Usage)>, Ending> {
    let step = match asking.ask(Request::AttachStep { key }) {
        Ok(Reply::Step(step)) => *step,
        Ok(_) => return Err(Ending::unexpected("sstat")),
        Err(NoAnswer::Refused(_)) => return Ok(Vec::new()),
        Err(no) => return Err(no.ending("sstat", "slurm_job_step_stat error")),
    };
    let failed = |error| Ending::error(format!("sstat: error: cannot start the event loop: {error}"), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut tasks = runtime
        .block_on(async { tokio::time::timeout(ANSWER_WAIT, of_step(&step)).await.unwrap_or_default() });
    tasks.sort_by_key(|(rank, _)| *rank);
    Ok(tasks)
}

async fn of_step(step: &StepAttach) -> Vec<(Rank, Usage)> {
    let door = Door::of(step, false);
    let Ok(connections) = reach(&door).await else { return Vec::new() };
    let mut tasks = Vec::new();
    for connection in connections {
        tasks.extend(of_process(connection.stream).await.unwrap_or_default());
    }
    tasks
}

/// One step process: it tells what happened first, and then answers.
async fn of_process(link: Link) -> Result<Vec<(Rank, Usage)>, FrameError> {
    let (mut reader, mut writer) = (FrameReader::new(link.read), FrameWriter::new(link.write));
    writer.message(&ToStep::Sample).await?;
    while let Some(message) = reader.message().await? {
        if let FromStep::Usage { tasks } = message {
            return Ok(tasks);
        }
    }
    Ok(Vec::new())
}
