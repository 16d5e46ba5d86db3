//! Rank servers elsewhere: on other hosts, started over the system's ssh with the user's own configuration of it (`--hosts
//! a,b,c`), or on the nodes of a real Slurm's allocation, started by its `srun`.
//!
//! ```text
//! here                                       there, over one channel of ssh
//! Remote::reach ── script ─────────────────▶ sh: is the binary of this checksum in the cache?
//!                ◀─ need Linux x86_64 ────── no: it is sent over a channel of its own, and looks at itself
//!                ◀─ here 10.1.2.3 ────────── yes: `prun remote` runs, and says how it was reached
//! Remote::go ──── offer: key, controller ──▶ it joins the controller, sealed as between hosts always
//!                ◀─ ready ────────────────── and runs until its input ends
//! ```
//! Nothing of it stands on a command line but the checksum. When this process ends, or the link breaks, the input of the
//! other end ends, and with it the rank server, its steps and all files of it but the binary.

mod binary;
mod channel;
mod cluster;
mod host;
mod offer;
mod remote;
mod srun;
mod ssh;

pub use self::binary::{Binary, BinaryError};
pub use self::channel::Channel;
pub(crate) use self::cluster::reach;
pub use self::cluster::{HostsCluster, HostsError};
pub use self::host::{Host, HostListError, parse};
pub use self::offer::Offer;
pub use self::remote::{Remote, RemoteError};
pub use self::srun::{Srun, cpus_of};
pub use self::ssh::Ssh;

/// What a line of the far end begins with that is meant for the near one; whatever else a login shell says is passed over.
pub const MARK: &str = "prun-remote ";
