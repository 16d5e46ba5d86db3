//! `scontrol ping` (`scontrol(1)`).

use crate::commands::ask::Asking;
use crate::commands::ending::Ending;
use crate::controller::api::{Reply, Request};

/// The line about a controller that answers. Blocks.
///
/// # Errors
/// What the command ends with.
pub fn line(asking: &mut Asking) -> Result<String, Ending> {
    match asking.ask(Request::Ping) {
        Ok(Reply::Pong { host }) => Ok(format!("Slurmctld(primary) at {host} is UP\n")),
        Ok(_) => Err(Ending::unexpected("scontrol")),
        Err(no) => Err(no.ending("scontrol", "slurm_ping error")),
    }
}

/// Says whether there is a controller. Blocks.
///
/// # Errors
/// What the command ends with if there is none: a line on stdout all the same.
pub fn run() -> Result<Ending, Ending> {
    let down = |mut ending: Ending| {
        ending.stdout = "Slurmctld(primary) is DOWN\n".to_owned();
        ending
    };
    let mut asking = Asking::connect("scontrol").map_err(down)?;
    line(&mut asking).map(Ending::text).map_err(down)
}
