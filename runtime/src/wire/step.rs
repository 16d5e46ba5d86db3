//! Launcher ↔ step process: output is pulled, input is pushed, exits are told.

use serde::{Deserialize, Serialize};

use crate::ids::Rank;

/// One of a task's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stream {
    /// File descriptor 1.
    Stdout = 1,
    /// File descriptor 2.
    Stderr = 2,
}

/// Launcher to step process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToStep {
    /// Wants bytes of a stream: from `offset` on, `credit` of them at most. Answered by `Data` as bytes come, and by
    /// `End` where the stream ends. A later `Pull` of the same stream says what has come (all before its offset) and
    /// moves the end of what may be sent to its `offset + credit`; nothing is sent twice on one link. Bytes before the
    /// offset may be forgotten when the puller owns the step.
    Pull {
        /// Whose stream.
        rank: Rank,
        /// Which.
        stream: Stream,
        /// First byte wanted.
        offset: u64,
        /// How many bytes may be sent.
        credit: u64,
    },
    /// Input for the tasks whose stdin is the launcher (all, or the one named). The data frame with the bytes
    /// follows directly.
    Stdin {
        /// One task, or all.
        rank: Option<Rank>,
    },
    /// No more input.
    StdinEnd {
        /// One task, or all.
        rank: Option<Rank>,
    },
    /// A signal for every task of the step.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Ends the step: TERM, and after the step's `kill_wait_ms` KILL; `at_once`: KILL.
    Terminate {
        /// Without TERM first.
        at_once: bool,
        /// What the step process says about it, once.
        #[serde(default)]
        notice: Option<String>,
    },
    /// The launcher's terminal has a new size (`--pty`).
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Asks what tasks use now. Answered by one `Usage`.
    Sample,
}

/// Step process to launcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromStep {
    /// Task was started (or is found running by a launcher that comes later).
    Started {
        /// Which.
        rank: Rank,
        /// Its process id on the node.
        pid: u32,
        /// Unix time in microseconds.
        at_us: u64,
    },
    /// A task could not be started: as if it had exited with `errno`.
    NotStarted {
        /// Which.
        rank: Rank,
        /// Why, as a system error number.
        errno: i32,
        /// What was tried: a path, or what the step process did. Empty where the task's error output tells it.
        what: String,
    },
    /// A task is gone.
    Exited {
        /// Which.
        rank: Rank,
        /// How.
        exit: Exit,
    },
    /// Bytes of a stream; the data frame with them follows directly.
    Data {
        /// Whose.
        rank: Rank,
        /// Which.
        stream: Stream,
        /// Offset of the first byte.
        offset: u64,
    },
    /// A stream has ended: nothing will come after this offset.
    End {
        /// Whose.
        rank: Rank,
        /// Which.
        stream: Stream,
        /// Its length.
        offset: u64,
    },
    /// The step process has taken this many bytes of input in all; the launcher keeps a bounded number in flight.
    StdinTaken {
        /// Bytes.
        bytes: u64,
    },
    /// A rank ends the whole step, by its own wish (`MPI_Abort`) or because the others would wait for it in vain. The
    /// launcher ends it on all nodes.
    Aborted {
        /// Which.
        rank: Rank,
        /// The step's exit code, where the rank names one.
        code: Option<i32>,
        /// What it did, for people: `called MPI_Abort`.
        why: String,
    },
    /// Something the user should read on stderr, without prefix (`slurmstepd: …` is put before it by the launcher).
    Warning {
        /// The node it comes from.
        node: String,
        /// The text, one line.
        text: String,
    },
    /// What those tasks use now that run (`Sample`).
    Usage {
        /// By rank.
        tasks: Vec<(Rank, Usage)>,
    },
    /// Every task of this step process is gone and every stream has ended: no more follows but pulled data.
    Done,
}

/// What a task uses now, together with its descendants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Its processes, its own first; of very many the first.
    pub pids: Vec<u32>,
    /// User CPU time in microseconds, that of children that are gone included.
    pub user_us: u64,
    /// System CPU time in microseconds, likewise.
    pub system_us: u64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Virtual memory in KiB.
    pub vm_kib: u64,
    /// Page faults that had to read from a disk.
    pub pages: u64,
    /// Bytes read, from whatever.
    pub read_bytes: u64,
    /// Bytes written, to whatever.
    pub written_bytes: u64,
}

/// How a task ended, and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, if it exited.
    pub code: i32,
    /// Signal, if one ended it; else 0.
    pub signal: i32,
    /// Whether a core was dumped.
    pub core: bool,
    /// User CPU time in microseconds.
    pub user_us: u64,
    /// System CPU time in microseconds.
    pub system_us: u64,
    /// Largest resident set in KiB.
    pub max_rss_kib: u64,
    /// When it began, in microseconds since 1970 by its node's clock; 0 for what never ran.
    #[serde(default)]
    pub started_us: u64,
    /// When it was over, likewise; 0 where nobody saw it.
    #[serde(default)]
    pub ended_us: u64,
}

impl Exit {
    /// The wait status as Slurm keeps it: `code << 8 | signal`.
    #[must_use]
    pub fn status(&self) -> i32 {
        (self.code << 8) | self.signal
    }

    /// What a shell would show: the code, or 128 + signal.
    #[must_use]
    pub fn shell_code(&self) -> i32 {
        if self.signal == 0 { self.code } else { 128 + self.signal }
    }
}
