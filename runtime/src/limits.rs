//! Every bound in one place, each with its reason.

use std::time::Duration;

/// Ranks of one step. Slurm's own bound is the address space of its task ids; ours is what one launch message
/// of about 40 bytes a rank may weigh.
pub const RANKS_MAX: u32 = 65_536;

/// Nodes of one cluster, and names that one hostlist may expand to (Slurm: `MAX_RANGE` of 64 Ki).
pub const NODES_MAX: usize = 65_536;

/// Bytes of one control message. An environment of 2 MiB, a script of 4 MiB and 64 Ki ranks fit.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Bytes of task output in one data frame: large enough that the frame costs nothing, small enough that
/// credit stays fair between ranks.
pub const DATA_BYTES_MAX: usize = 256 << 10;

/// Bytes a peer may send before it has said whom it wants.
pub const PREAMBLE_BYTES_MAX: usize = 1024;

/// How long a peer may take to say whom it wants.
pub const PREAMBLE_WAIT: Duration = Duration::from_secs(5);

/// How long a connection to another process of the cluster may take, handshake and all: longer than a lost packet costs.
pub const DIAL_WAIT: Duration = Duration::from_secs(10);

/// How long somebody waits at the door of a rank server that is being restarted: longer than a service manager takes for
/// that, shorter than a person's patience with a node that is gone.
pub const RESTART_WAIT: Duration = Duration::from_secs(20);

/// How long a controller may say nothing before it is asked whether it is there, and again before it is given up
/// (Slurm's `MessageTimeout`): longer than a disk that is busy makes it wait.
pub const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Pause between two questions whether a rank server is there.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// Silence after which a rank server counts as gone, until it comes back: four questions without an answer.
pub const HEARTBEAT_WAIT: Duration = Duration::from_secs(8);

/// How long a listener without descriptors waits, where none of its own visitors leaves, before it tries again.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// Bytes of a job script (Slurm's `max_script_size` default).
pub const SCRIPT_BYTES_MAX: usize = 4 << 20;

/// Bytes of one task stream kept in memory; what comes then goes to an unlinked file. Four data frames: a stream that is
/// read as fast as it is written has one on its way, one being written, and does not touch the file.
pub const LOG_MEMORY_BYTES_MAX: usize = 1 << 20;

/// Bytes of all task streams of one step process kept in memory.
pub const LOGS_MEMORY_BYTES_MAX: usize = 16 << 20;

/// Bytes that a launcher holds for streams whose turn has not come.
pub const GATHER_MEMORY_BYTES_MAX: usize = 16 << 20;

/// Peers that are connected but have not yet said whom they want.
pub const PENDING_PEERS_MAX: usize = 256;

/// Processes of one task that are told by number to who asks what it uses: more than anybody reads.
pub const USAGE_PIDS_MAX: usize = 256;

/// Messages waiting between two tasks of one process; a full queue makes the sender wait.
pub const QUEUE_MESSAGES_MAX: usize = 1024;

/// Components of a heterogeneous job: as many as Slurm takes.
pub const HET_COMPONENTS_MAX: usize = 128;

/// Jobs that a controller keeps before it, those that ended just now among them (Slurm's `MaxJobCount` is 10,000,
/// with an array's waiting elements counted as one, as here).
pub const JOBS_MAX: usize = 100_000;

/// Jobs of the past that a controller keeps for accounting: at about 4 KiB each, 40 MiB.
pub const HISTORY_JOBS_MAX: usize = 10_000;

/// Jobs in one part of an answer that lists them: at about 4 KiB each, 4 MiB.
pub const JOBS_PART_MAX: usize = 1024;

/// Steps of one job that wait for its CPUs: `srun … &` in a loop of that length still works.
pub const WAITING_STEPS_MAX: usize = 4096;

/// Bytes of one configuration file: some thousand lines fit many times.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Files of one configuration: those that include one another in a circle end here.
pub const CONFIG_FILES_MAX: usize = 64;

/// Events that a controller keeps in memory while its journal cannot be written; after that it hears nobody, until it
/// can.
pub const POSTPONED_EVENTS_MAX: usize = 65_536;

/// Calls that wait for changes of jobs, of all clients.
pub const WATCHERS_MAX: usize = 65_536;

/// Clients that look at the whole cluster: a few screens a person.
pub const ONLOOKERS_MAX: usize = 64;

/// How long changes of the cluster are gathered before onlookers are told: faster than an eye follows, and a busy
/// controller draws no more than four pictures a second.
pub const OVERVIEW_WAIT: Duration = Duration::from_millis(250);

/// Jobs of one picture of the cluster: more than anybody scrolls through; at about 4 KiB each, 2 MiB.
pub const OVERVIEW_JOBS_MAX: usize = 512;

/// Nodes of one picture of the cluster: at about 1 KiB each, 2 MiB.
pub const OVERVIEW_NODES_MAX: usize = 2048;

/// Ranks of running steps in one picture of the cluster: at about 40 bytes each, less than 1 MiB.
pub const OVERVIEW_RANKS_MAX: usize = 16_384;

/// Steps of one job in a picture of the cluster that have ended.
pub const OVERVIEW_STEPS_MAX: usize = 32;

/// Bytes of followed output that `prun top` keeps to scroll in: some ten thousand lines.
pub const SCROLLBACK_BYTES_MAX: usize = 4 << 20;

/// Bytes of one line of it; a longer line goes on as the next.
pub const SCROLLBACK_LINE_BYTES_MAX: usize = 4096;

/// Bytes of one PMI-1 line. Libraries send 1 KiB at most (`PMIU_MAXLINE`); names of spaces and keys are counted
/// generously.
pub const PMI_LINE_BYTES_MAX: usize = 4 << 10;

/// Bytes of one PMI-1 message of several lines, of which only the wish to spawn is one: arguments and all.
pub const PMI_SPAWN_BYTES_MAX: usize = 64 << 10;

/// Bytes of one PMI-2 message; its length field of six digits allows 1 MB, libraries send up to 64 KiB.
pub const PMI_COUNTED_BYTES_MAX: usize = 64 << 10;

/// Bytes of a key, as libraries are told (`keylen_max`, with the NUL of C).
pub const PMI_KEY_BYTES_MAX: usize = 64;

/// Bytes of a value, as libraries are told (`vallen_max`, with the NUL of C).
pub const PMI_VALUE_BYTES_MAX: usize = 1024;

/// Bytes that the ranks of one step process may put into their step's space in all: a kilobyte for each of as many
/// ranks as one machine can start.
pub const PMI_SPACE_BYTES_MAX: usize = 64 << 20;

/// How long a rank server that is started over ssh may take to its next word: a person types a passphrase meanwhile, or
/// the binary is copied over a slow line.
pub const REMOTE_WAIT: Duration = Duration::from_secs(180);

/// How long a rank server on another host may take to end its steps (`KillWait` and a little).
pub const REMOTE_END_WAIT: Duration = Duration::from_secs(45);

/// How long a rank server on another host waits for a controller that does not answer: longer than a network that is
/// reconfigured, and soon enough that nothing of a job whose launcher is gone stays.
pub const REMOTE_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that are read of what a login shell and a rank server on another host say before it is ready.
pub const REMOTE_LINE_BYTES_MAX: u64 = 64 << 10;

/// Connections to the web page, or to the REST server, at a time: a browser has at most six to one server, so ten people's.
pub const WEB_CONNECTIONS_MAX: usize = 64;

/// How long a browser may take to say what it wants, and a connection may be idle.
pub const WEB_REQUEST_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a request to the web page: a script of the largest size in JSON, where a byte may take six.
pub const WEB_BODY_BYTES_MAX: usize = 6 * SCRIPT_BYTES_MAX + 4096;

/// How long a submission from the web page may take: as long as a controller is asked twice.
pub const WEB_SUBMIT_WAIT: Duration = Duration::from_secs(30);

/// Jobs of the past that the web page shows: at about 3 KiB each, 2 MiB.
pub const WEB_HISTORY_JOBS_MAX: usize = 500;

/// Files of one directory that the web page shows: more than anybody looks through.
pub const WEB_FILES_MAX: usize = 2000;

/// Bytes that a rank of any language gives to one collective call, or sends in one message, through its step process:
/// half a million numbers. Larger data belongs into files, or into a program that links the rank library.
pub const CALL_BYTES_MAX: usize = 4 << 20;

/// Bytes that a step process holds for collective calls that are not complete: 16 ranks may give as much as one may.
pub const CALLS_BYTES_MAX: usize = 64 << 20;

/// Bytes that a step process holds of messages that nobody has received; who sends more waits.
pub const MAIL_BYTES_MAX: usize = 16 << 20;

/// Messages that a step process holds that nobody has received; who sends more waits.
pub const MAIL_MESSAGES_MAX: usize = 65_536;

/// Ranks of one step on one node that share memory. Their rings are 4096² times 8 KiB of addresses at most, half a TiB,
/// of which only what is used is memory.
pub const LOCAL_RANKS_MAX: u32 = 4096;

/// Communicators of one node that have a place for collectives in shared memory. Those that come later send messages.
pub const TEAM_SLOTS_MAX: usize = 64;

/// Bytes of a collective's operand that a rank lays down in shared memory; larger ones go as messages. Where copying
/// twice begins to cost more than waking one another.
pub const TEAM_LANE_BYTES: usize = 2048;

/// Messages that have come and that no receive has asked for, of one rank: whole ones are bounded by credit, and an
/// offered one is about 100 bytes here, so 100 MiB.
pub const WAITING_MESSAGES_MAX: usize = 1 << 20;

/// Bytes of whole messages that one rank may have with another before any of them is received; what comes then waits at
/// its sender.
pub const EAGER_CREDIT_BYTES: usize = 1 << 20;

/// Bytes of one record on a stream between ranks of different nodes: a message up to this length goes whole. About where a
/// second round trip costs less than a copy.
pub const STREAM_RECORD_BYTES_MAX: usize = 64 << 10;

/// How long every rank of a step has to be blocked before that is told, where `PRUN_DEADLOCK_SECS` does not say: longer
/// than a rank that could go on is kept from its CPU on any machine that is of use.
pub const DEADLOCK_WAIT: Duration = Duration::from_secs(10);

/// Bytes of what is said of one blocked rank: a call, a line of a program, some ranks. Those of all ranks of one node fit
/// a message.
pub const BLOCKED_TEXT_BYTES_MAX: usize = 512;

/// Connections to a rank whose program has not come yet, kept for it: one or two for each other rank of a large step.
pub const PENDING_STREAMS_MAX: usize = 8192;

/// How long a controller that was away keeps what lives by its clients' links (waiting `salloc` and `srun`, their
/// allocations): they look for it every [`CONTROLLER_RETRY`], and one that does not come in this time is gone.
pub const CLIENT_RETURN: Duration = Duration::from_secs(20);

/// How long a client whose controller went away waits for it to come back: a restart takes seconds, an upgrade minutes.
pub const CONTROLLER_RETURN: Duration = Duration::from_secs(600);

/// Pause between a client's looks for a controller that went away: nobody tells when it is back.
pub const CONTROLLER_RETRY: Duration = Duration::from_millis(500);

/// How long a launcher that is done waits for a controller that is away, to give its allocation back: it ends without it
/// some time later.
pub const RELEASE_WAIT: Duration = Duration::from_secs(10);
