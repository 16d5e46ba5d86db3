//! Where a job script reads and writes: `--output`, `--error`, `--input` with their patterns expanded.

use serde_bytes::ByteBuf;

use crate::controller::api::JobView;
use crate::script::pattern::{self, Letters, NO_ELEMENT, Step};

/// Absolute paths of a script's streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Standard output; the default where none was asked for.
    pub stdout: ByteBuf,
    /// Standard error, if not the same as standard output.
    pub stderr: Option<ByteBuf>,
    /// Standard input; `None` is `/dev/null`.
    pub stdin: Option<ByteBuf>,
}

/// The files of a job's script. `%N` stays as it is until the job has nodes.
#[must_use]
pub(super) fn batch_files(job: &JobView) -> Files {
    let letters = letters(job);
    let directory = &job.spec.work_dir;
    let separator: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
    files(job, |pattern| joined(directory, &pattern::expand(pattern, &letters), separator))
}

/// The same as `scontrol show job` of 24.11 shows it: what differs between the streams of one job stays as written,
/// and an element that is none yet is Slurm's number for that.
#[must_use]
pub fn shown_files(job: &JobView) -> Files {
    let all = letters(job);
    let known = Letters {
        element: all.element.or(Some(NO_ELEMENT)),
        step: None,
        job_step: None,
        task: None,
        node_id: None,
        node: None,
        ..all
    };
    let expand = |pattern: &String| match pattern.contains("%%") || pattern.contains('\\') {
        true => pattern::expand(pattern, &known),
        // Slurm leaves the sign of a width that begins with 0.
        false => pattern::expand(&pattern.replace("%0", "%%%0"), &known),
    };
    let path = |pattern: &String| joined(&job.spec.work_dir, &expand(pattern), b"/");
    files(job, path)
}

fn files(job: &JobView, path: impl Fn(&String) -> ByteBuf) -> Files {
    let default = if job.array.is_some() { "slurm-%A_%a.out" } else { "slurm-%j.out" };
    Files {
        stdout: path(job.spec.stdout.as_ref().unwrap_or(&default.to_owned())),
        stderr: job.spec.stderr.as_ref().map(&path),
        stdin: job.spec.stdin.as_ref().map(&path),
    }
}

fn letters(job: &JobView) -> Letters {
    let array = job.array.as_ref();
    let first = job.allocation.as_ref().and_then(|allocation| allocation.nodes.first());
    Letters {
        job: Some(job.id.0),
        array_job: Some(array.map_or(job.id, |array| array.id).0),
        element: array.map_or(Some(NO_ELEMENT), |array| array.element),
        step: Some(Step::Batch),
        job_step: Some(job.id.to_string()),
        task: Some(0),
        node_id: Some(0),
        node: first.map(|share| share.name.clone()),
        user: Some(job.submitter.user.clone()),
        name: Some(job.name.clone()),
    }
}

/// Slurm takes `none` for `/dev/null`.
fn joined(directory: &[u8], path: &str, separator: &[u8]) -> ByteBuf {
    if path.eq_ignore_ascii_case("none") {
        return ByteBuf::from("/dev/null");
    }
    if path.starts_with('/') {
        return ByteBuf::from(path);
    }
    ByteBuf::from([directory, separator, path.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::JobId;

    use super::*;
    use crate::controller::api::ArrayView;
    use crate::environment::sample::job;

    fn path(path: &str) -> ByteBuf {
        ByteBuf::from(path)
    }

    #[test]
    fn the_default_is_named_after_the_job() {
        let mut job = job("");
        let expected = Files { stdout: path("/work/slurm-42.out"), stderr: None, stdin: None };
        assert_eq!(batch_files(&job), expected);
        job.array =
            Some(ArrayView { id: JobId(40), element: Some(5), pending: None, elements: vec![], limit: None });
        assert_eq!(batch_files(&job).stdout, path("/work/slurm-40_5.out"));
    }

    #[test]
    fn what_differs_between_streams_is_shown_as_written() {
        let mut job = job("-o %x-%J.%N.%t.%s -e %3a.%01a.%4j");
        job.spec.work_dir = path("/work/./");
        let files = shown_files(&job);
        assert_eq!(files.stdout, path("/work/.//job.sh-%J.%N.%t.%s"));
        assert_eq!(files.stderr, Some(path("/work/.//4294967294.%4294967294.0042")));
        job.array =
            Some(ArrayView { id: JobId(40), element: None, pending: None, elements: vec![1], limit: None });
        job.spec.stdout = None;
        assert_eq!(shown_files(&job).stdout, path("/work/.//slurm-40_4294967294.out"));
        assert_eq!(batch_files(&job).stdout, path("/work/./slurm-40_%a.out"));
    }

    #[test]
    fn patterns_are_expanded() {
        for (pattern, expected) in [
            ("/abs/%j", "/abs/42"),
            ("o-%6j", "/work/o-000042"),
            ("%x.%u.%N.%n", "/work/job.sh.ada.n1.0"),
            ("%t-%s", "/work/0-batch"),
            ("%J", "/work/42"),
            ("%A_%a", "/work/42_4294967294"),
            ("%%j", "/work/%j"),
            ("\\o-%j", "/work/o-%j"),
            ("none", "/dev/null"),
        ] {
            assert_eq!(batch_files(&job(&format!("-o {pattern}"))).stdout, path(expected), "{pattern}");
        }
        let files = batch_files(&job("-e %j.e -i in/%j"));
        assert_eq!((files.stderr, files.stdin), (Some(path("/work/42.e")), Some(path("/work/in/42"))));
    }
}
