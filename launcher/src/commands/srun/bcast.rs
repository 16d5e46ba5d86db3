//! `srun --bcast`: the program is copied to the nodes, and the copy is run.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde_bytes::ByteBuf;

use super::refused::Refused;
use crate::controller::api::StepCreated;
use crate::fanout::bcast::{Copy, Source, broadcast};
use crate::gather::outputs::describe_error;

/// Copies a program to every node of a step; gives the copy's path on each of them. `wanted` is the value of `--bcast`: a path, a
/// directory with a `/` at its end, or nothing for the working directory; in a directory the copy is named after step
/// and node.
pub(super) async fn send(
    created: &StepCreated,
    program: &ByteBuf,
    wanted: &str,
    cwd: &ByteBuf,
) -> Result<Vec<ByteBuf>, Refused> {
    let source = PathBuf::from(OsString::from_vec(program.to_vec()));
    let file = Source::open(&source)
        .map_err(|_| Refused::fatal(&format!("Can not execute {}", source.display())))?;
    let destination = destination(wanted, cwd, &format!("slurm_bcast_{}", created.key));
    let per_node = wanted.is_empty() || wanted.ends_with('/');
    let copy = Copy { force: true, per_node, ..Copy::new(source.clone(), destination) };
    let names = created.plan.nodes.iter().map(|node| node.name.clone());
    let nodes: Vec<(String, String)> = names.zip(created.addresses.iter().cloned()).collect();
    let not_sent = broadcast(&copy, file, &nodes).await;
    if not_sent.is_empty() {
        return Ok(nodes.iter().map(|(node, _)| copy.on(node)).collect());
    }
    let mut refused =
        Refused::fatal(&format!("Failed to broadcast '{}'. Step launch aborted.", source.display()));
    let lines = not_sent.iter().map(|failure| {
        format!("srun: error: REQUEST_FILE_BCAST({}): {}", failure.node, describe_error(&failure.error))
    });
    refused.lines = lines.chain(refused.lines).collect();
    Err(refused)
}

fn destination(wanted: &str, cwd: &ByteBuf, name: &str) -> ByteBuf {
    let path = if wanted.is_empty() || wanted.ends_with('/') {
        format!("{wanted}{name}")
    } else {
        wanted.to_owned()
    };
    if path.starts_with('/') {
        return ByteBuf::from(path);
    }
    ByteBuf::from([cwd.as_slice(), b"/", path.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_name_from_the_option_or_the_step() {
        let cwd = ByteBuf::from("/work");
        for (wanted, expected) in
            [("/tmp/x", "/tmp/x"), ("/tmp/", "/tmp/copy"), ("", "/work/copy"), ("x", "/work/x")]
        {
            assert_eq!(destination(wanted, &cwd, "copy"), ByteBuf::from(expected), "{wanted}");
        }
    }
}
