//! `scontrol show hostnames|hostlist|hostlistsorted`: hostlists taken apart and put together, without a controller
//! (`scontrol(1)`).

use std::fs;

use crate::commands::ending::Ending;
use crate::script::hostlist::{HostlistError, compress, expand, sort};

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One name a line.
    Names,
    /// Compressed, in the order given.
    List,
    /// Compressed and sorted.
    Sorted,
}

/// Bytes of a file of host names: a cluster's worth of long names.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Runs it on the argument, or on the job's nodes where `hostnames` has none. Reads a file if the argument is a path.
///
/// # Errors
/// What the command ends with.
pub fn run(form: Form, argument: Option<&str>, job_nodes: Option<&str>) -> Result<Ending, Ending> {
    match (form, argument, job_nodes) {
        (Form::Names, None, None) => Err(Ending::error("scontrol: error: host list is empty".to_owned(), 0)),
        (Form::Names, argument, job_nodes) => names(argument.or(job_nodes).unwrap_or_default()),
        (_, None, _) => Err(Ending::error("invalid encode argument", 1)),
        (form, Some(path), _) if path.starts_with('/') => list(form, &read(path)?),
        (form, Some(text), _) => list(form, text),
    }
}

fn read(path: &str) -> Result<String, Ending> {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
    let text = if small { fs::read_to_string(path).ok() } else { None };
    text.ok_or_else(|| Ending::error(format!("Can not open {path}"), 1))
}

fn names(text: &str) -> Result<Ending, Ending> {
    let names = expand(text).map_err(|error| invalid(text, &error, 0))?;
    Ok(Ending::text(names.into_iter().map(|name| name + "\n").collect::<String>()))
}

fn list(form: Form, text: &str) -> Result<Ending, Ending> {
    let mut names = expand(text).map_err(|error| invalid(text, &error, 1))?;
    if form == Form::Sorted {
        sort(&mut names);
    }
    Ok(Ending::text(compress(&names) + "\n"))
}

/// Slurm's exit code for a bad list is 0 where names are asked for, and 1 where a list is.
fn invalid(text: &str, error: &HostlistError, code: u8) -> Ending {
    let mut ending = Ending::error(format!("scontrol: error: {}", in_slurms_words(error)), code);
    ending.stderr.push(format!("Invalid hostlist: {text}"));
    ending
}

fn in_slurms_words(error: &HostlistError) -> String {
    match error {
        HostlistError::Range(range) => format!("Invalid range: `{range}'"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdout(form: Form, argument: &str) -> String {
        run(form, Some(argument), None).unwrap().stdout
    }

    #[test]
    fn lists_are_taken_apart_and_put_together() {
        for (form, argument, expected) in [
            (Form::Names, "n[1-2],m", "n1\nn2\nm\n"),
            (Form::Names, "", ""),
            (Form::List, "a3,a1,a3,a2", "a[3,1,3,2]\n"),
            (Form::Sorted, "a3,a1,a2,a1", "a[1,1-3]\n"),
            (Form::Sorted, "b1,a10,a9", "a[9-10],b1\n"),
            (Form::List, "m1,t1,m2,t2,t7", "m1,t1,m2,t[2,7]\n"),
        ] {
            assert_eq!(stdout(form, argument), expected, "{argument}");
        }
    }

    #[test]
    fn without_an_argument_the_jobs_nodes_are_taken() {
        assert_eq!(run(Form::Names, None, Some("n[4-5]")).unwrap().stdout, "n4\nn5\n");
        let none = run(Form::Names, None, None).unwrap_err();
        assert_eq!((none.stderr[0].as_str(), none.code), ("scontrol: error: host list is empty", 0));
        assert_eq!(run(Form::List, None, None).unwrap_err().code, 1);
    }

    #[test]
    fn a_path_is_a_file_of_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("names");
        std::fs::write(&path, "d1\nd2\nd4\n").unwrap();
        assert_eq!(stdout(Form::List, path.to_str().unwrap()), "d[1-2,4]\n");
        assert_eq!(run(Form::List, Some("/nonexist"), None).unwrap_err().stderr, ["Can not open /nonexist"]);
    }

    #[test]
    fn mistakes_are_named_with_slurms_exit_codes() {
        let names = run(Form::Names, Some("a[5-2]"), None).unwrap_err();
        assert_eq!(names.stderr, ["scontrol: error: Invalid range: `5-2'", "Invalid hostlist: a[5-2]"]);
        assert_eq!(names.code, 0);
        assert_eq!(run(Form::List, Some("a[5-2]"), None).unwrap_err().code, 1);
    }
}
