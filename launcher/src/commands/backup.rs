//! `prun backup FILE`: a copy of the controller's journal, while it runs.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::ask::{Asking, NoAnswer};
use super::ending::{Ending, finish};
use crate::controller::api::{Reply, Request};

const NAME: &str = "prun backup";

const USAGE: &str = "\
usage: prun backup FILE

Writes a copy of the controller's journal into a new file on the controller's host, while it runs.
To restore it, put it in the place of `controller/journal` in the cluster's directory while no controller runs.";

/// Has the controller write a copy of its journal into a new file on its host. Blocks until it is on the disk. Exits with 2
/// without exactly one file, and with 1 where there is no copy.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    match words {
        [file] if !file.to_string_lossy().starts_with('-') => finish(back_up(Path::new(file))),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn back_up(file: &Path) -> Result<Ending, Ending> {
    let path = std::path::absolute(file).ok().and_then(|path| path.into_os_string().into_string().ok());
    let Some(path) = path else {
        return Err(Ending::error(format!("{NAME}: error: `{}` is no name for a backup", file.display()), 1));
    };
    let done = Asking::connect(NAME)?.ask(Request::Backup { path });
    match done {
        Ok(Reply::Done) => Ok(Ending::default()),
        Ok(_) => Err(Ending::unexpected(NAME)),
        // What it says of itself is the whole of it.
        Err(NoAnswer::Refused(refusal)) => {
            let lines = refusal.detail.iter().map(|line| format!("{NAME}: error: {line}")).collect();
            Err(Ending { stderr: lines, code: 1, ..Ending::default() })
        }
        Err(no) => Err(no.ending(NAME, "backup")),
    }
}
