//! What srun's command line leaves to files, the clock and the working directory; and what of it cannot be run.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use serde_bytes::ByteBuf;

use super::line::{Asked, program_name};
use super::refused::Refused;
use super::{mpi, program};
use crate::commands::ending::say;
use crate::commands::submit::node_files::read_names;
use crate::commands::submit::settle::settle;
use crate::script::options::{Command, Request};
use crate::script::{bad_time, begin};

/// Looks at what the options leave to files, the clock and the working directory.
pub(super) fn complete(mut asked: Asked) -> Result<Asked, Refused> {
    let cwd = std::env::current_dir()
        .map_err(|error| Refused::error(&format!("cannot find the working directory: {error}")))?;
    check(&asked)?;
    let alone = asked.job.is_none();
    complete_request(&mut asked.request, &cwd, alone)?;
    for part in &mut asked.parts {
        complete_request(&mut part.request, &cwd, alone)?;
    }
    if asked.request.step.multi_prog {
        // What is wrong with the file is said before anything is allocated.
        let file = program::read_multi_prog(&asked.argv)?;
        let ntasks = *asked.request.job.ntasks.get_or_insert_with(|| file.ranks());
        file.programs(ntasks).map_err(|error| program::multi_prog_failed(&asked.argv, &error))?;
    }
    if alone {
        let limit = asked.components().find_map(|(request, _)| request.job.time_limit);
        let parts = asked.parts.iter_mut().map(|part| (&mut part.request, &part.argv));
        for (request, argv) in std::iter::once((&mut asked.request, &asked.argv)).chain(parts) {
            request.job.name.get_or_insert_with(|| program_name(argv));
            request.job.time_limit = request.job.time_limit.or(limit);
        }
    }
    Ok(asked)
}

fn complete_request(request: &mut Request, cwd: &Path, alone: bool) -> Result<(), Refused> {
    let work_dir = request.flags.chdir.as_ref().map_or(cwd.to_owned(), |chdir| cwd.join(chdir));
    request.job.work_dir = ByteBuf::from(work_dir.into_os_string().into_vec());
    request.job.submit_dir = ByteBuf::from(cwd.as_os_str().as_bytes());
    // The clock's zone is read from files: only where it is wanted.
    let now = std::cell::LazyCell::new(crate::local_time::now);
    let moment = |option, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => begin::parse(text, &now)
            .map(Some)
            .map_err(|why| Refused::from(bad_time(Command::Srun, option, text, why))),
    };
    request.job.begin = moment("begin", &request.flags.begin)?;
    request.job.deadline = moment("deadline", &request.flags.deadline)?;
    let hostfile = std::env::var("SLURM_HOSTFILE").ok();
    read_names(Command::Srun, request, cwd, hostfile.as_deref())?;
    if alone {
        say(&settle(Command::Srun, request)?);
    }
    Ok(())
}

fn check(asked: &Asked) -> Result<(), Refused> {
    let step = &asked.request.step;
    if asked.more.iter().any(|part| part.argv.is_empty())
        || asked.components().any(|(_, argv)| argv.is_empty())
    {
        return Err(Refused::fatal("No command given to execute."));
    }
    if step.no_allocate {
        return Err(Refused::error("steps without the controller (`--no-allocate`) are not supported"));
    }
    let several = !asked.more.is_empty() || !asked.parts.is_empty();
    let files = |(request, _): (&Request, _)| request.step.multi_prog || request.step.bcast.is_some();
    if several && asked.components().any(files) {
        return Err(Refused::error("`--multi-prog` and `--bcast` are not supported with several components"));
    }
    if step.relative.is_some() && asked.job.is_none() {
        return Err(Refused::fatal("--relative option invalid for job allocation request"));
    }
    let named = step.mpi.clone().or_else(|| std::env::var(mpi::VARIABLE).ok());
    match named.as_deref() {
        Some(kind) if !mpi::TYPES.contains(&kind) => {
            Err(Refused::error(&format!("Invalid MPI type '{kind}', --mpi=list for acceptable types")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::srun::line::tests::asked;

    #[test]
    fn what_cannot_be_run_is_refused() {
        let refused = |words: &[&str]| check(&asked(words, &[])).unwrap_err().lines.join("\n");
        assert_eq!(refused(&[]), "srun: fatal: No command given to execute.");
        assert!(refused(&["--mpi=foo", "x"]).contains("Invalid MPI type 'foo'"));
        assert!(refused(&["--bcast", "a", ":", "b"]).contains("not supported"));
        assert_eq!(refused(&["a", ":", "-n2"]), "srun: fatal: No command given to execute.");
        assert!(refused(&["-r", "1", "a"]).contains("--relative option invalid"));
    }
}
