//! What a rank's library asks, in either version's words.

use super::frame::Dialect;
use super::pairs::Pairs;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// The opening line, the same in both versions: the version that the library speaks.
    Init {
        version: u32,
    },
    /// Version 2's second opening.
    FullInit,
    /// Bounds of names, keys and values.
    Maxes,
    /// The program's number among those of a step.
    Appnum,
    /// Name of the step's space.
    SpaceName,
    /// Ranks that there is room for.
    UniverseSize,
    Put {
        key: &'a [u8],
        value: &'a [u8],
    },
    Get {
        key: &'a [u8],
    },
    /// Version 2: a pair for the ranks of this node alone, at once.
    NodePut {
        key: &'a [u8],
        value: &'a [u8],
    },
    /// Version 2; `wait`: until some rank of the node has put it.
    NodeGet {
        key: &'a [u8],
        wait: bool,
    },
    /// Version 2: what the server itself knows about the step.
    JobGet {
        key: &'a [u8],
    },
    /// Waits for every rank of the step, and makes visible what was put.
    Fence,
    Finalize,
    /// Ends the step.
    Abort {
        code: Option<i32>,
        message: &'a [u8],
    },
    /// Names of services (`MPI_Publish_name`), and new processes: refused.
    Refused {
        answer: &'static str,
        why: &'static str,
    },
    Unknown {
        command: &'a [u8],
    },
}

/// Why names are not served: one step has nobody else to find it.
const NO_NAMES: &str = "names_of_services_are_not_served";
/// Why nothing is spawned, for the library's error text.
pub(super) const NO_SPAWN: &str = "prun_starts_no_processes_into_a_running_step";

impl<'a> Request<'a> {
    /// Reads a message's pairs as a request.
    pub(super) fn read(dialect: Dialect, pairs: &Pairs<'a>) -> Self {
        let key = pairs.get("key").unwrap_or_default();
        let value = pairs.get("value").unwrap_or_default();
        let refused = |answer, why| Self::Refused { answer, why };
        match (dialect, pairs.command) {
            (_, b"init") => Self::Init { version: pairs.number("pmi_version").unwrap_or(1) },
            (_, b"finalize") => Self::Finalize,
            (_, b"abort") => Self::Abort {
                code: pairs.number("exitcode").or_else(|| pairs.number("exit_code")),
                message: pairs.get("message").or_else(|| pairs.get("msg")).unwrap_or_default(),
            },
            (Dialect::V1, b"get_maxes") => Self::Maxes,
            (Dialect::V1, b"get_appnum") => Self::Appnum,
            (Dialect::V1, b"get_my_kvsname") => Self::SpaceName,
            (Dialect::V1, b"get_universe_size") => Self::UniverseSize,
            (Dialect::V1, b"put") => Self::Put { key, value },
            (Dialect::V1, b"get") => Self::Get { key },
            (Dialect::V1, b"barrier_in") => Self::Fence,
            (Dialect::V1, b"spawn") => refused("spawn_result", NO_SPAWN),
            (Dialect::V1, b"publish_name") => refused("publish_result", NO_NAMES),
            (Dialect::V1, b"unpublish_name") => refused("unpublish_result", NO_NAMES),
            (Dialect::V1, b"lookup_name") => refused("lookup_result", NO_NAMES),
            (Dialect::V2, b"fullinit") => Self::FullInit,
            (Dialect::V2, b"job-getid") => Self::SpaceName,
            (Dialect::V2, b"kvs-put") => Self::Put { key, value },
            (Dialect::V2, b"kvs-get") => Self::Get { key },
            (Dialect::V2, b"kvs-fence") => Self::Fence,
            (Dialect::V2, b"info-putnodeattr") => Self::NodePut { key, value },
            (Dialect::V2, b"info-getnodeattr") => {
                Self::NodeGet { key, wait: pairs.get("wait").is_some_and(|wait| wait != b"FALSE") }
            }
            (Dialect::V2, b"info-getjobattr") => Self::JobGet { key },
            (Dialect::V2, b"spawn") => refused("spawn-response", NO_SPAWN),
            (Dialect::V2, b"name-publish") => refused("name-publish-response", NO_NAMES),
            (Dialect::V2, b"name-unpublish") => refused("name-unpublish-response", NO_NAMES),
            (Dialect::V2, b"name-lookup") => refused("name-lookup-response", NO_NAMES),
            (_, command) => Self::Unknown { command },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, message: &'static str) -> Request<'static> {
        Request::read(dialect, &Pairs::read(dialect, message.as_bytes()))
    }

    #[test]
    fn each_version_has_its_own_words() {
        for (dialect, message, expected) in [
            (Dialect::V1, "cmd=init pmi_version=1 pmi_subversion=1\n", Request::Init { version: 1 }),
            (Dialect::V1, "cmd=init pmi_version=2 pmi_subversion=0\n", Request::Init { version: 2 }),
            (Dialect::V1, "cmd=barrier_in\n", Request::Fence),
            (Dialect::V2, "cmd=kvs-fence;thrid=1;", Request::Fence),
            (Dialect::V1, "cmd=put kvsname=k key=a value=b c\n", Request::Put { key: b"a", value: b"b c" }),
            (Dialect::V2, "cmd=kvs-put;key=a;value=b;", Request::Put { key: b"a", value: b"b" }),
            (
                Dialect::V1,
                "cmd=abort exitcode=7 message=abort\n",
                Request::Abort { code: Some(7), message: b"abort" },
            ),
            (Dialect::V1, "cmd=abort exit_code=8\n", Request::Abort { code: Some(8), message: b"" }),
            (
                Dialect::V2,
                "cmd=abort;isworld=TRUE;msg=no good;",
                Request::Abort { code: None, message: b"no good" },
            ),
            (
                Dialect::V2,
                "cmd=info-getnodeattr;key=s;wait=TRUE;",
                Request::NodeGet { key: b"s", wait: true },
            ),
            (Dialect::V1, "cmd=kvs-fence\n", Request::Unknown { command: b"kvs-fence" }),
            (
                Dialect::V1,
                "mcmd=spawn\nnprocs=1\nendcmd\n",
                Request::Refused { answer: "spawn_result", why: NO_SPAWN },
            ),
        ] {
            assert_eq!(read(dialect, message), expected, "{message}");
        }
    }
}
