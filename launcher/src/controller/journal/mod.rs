//! What the controller must not forget: accepted events in order, in one SQLite file.
//!
//! Replayed over the image that the file begins with, they give the state of the cluster again. An event is on the
//! disk before anybody hears of its effects: the file is in WAL mode with `synchronous=FULL`, one wait for the disk a
//! batch of events. Whatever was acknowledged outlives the controller's end, `kill -9` and a loss of power too.
//!
//! | table | rows |
//! |---|---|
//! | `version` | one: [`VERSION`], and which prun wrote it |
//! | `image` | at most one: the state up to and with the event `last` |
//! | `event` | those after it |
//! | `probe` | at most one: what was written to see whether there is room |
//!
//! A batch that was torn by a loss of power is none: SQLite's log has checksums, and what stands behind the first that is
//! wrong is not read. docs/journal.md tells users what they can rely on, how to back up and how to restore.

#[cfg(test)]
mod golden;
mod sqlite;
mod versions;

use std::io;
use std::path::{Path, PathBuf};

use prun_runtime::wire::frame::FrameError;
use prun_runtime::wire::launch::Secret;
use serde::{Deserialize, Serialize};

pub use self::sqlite::Journal;
pub use self::versions::VERSION;

use super::core::Cluster;
use super::core::config::Config;
use super::core::event::Event;
use super::core::image::Image;

/// Events after which a new image takes their place: at about 1 KiB each and 5 µs to replay, 10 MiB and 50 ms.
pub const EVENTS_MAX: u64 = 10_000;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no such file, and none can be made.
    #[error("cannot make the journal `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be opened or is no journal.
    #[error("cannot open the journal `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A newer prun wrote it.
    #[error(
        "the journal `{path}` has version {found}, written by {writer}; this prun reads versions {oldest} to {VERSION}: \
         take that prun, or a backup of before",
        oldest = versions::OLDEST
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u32,
        /// Which prun that was.
        writer: String,
    },
    /// One from before the first version that is kept readable.
    #[error(
        "the journal `{path}` has version {found}, from before prun's first release; this prun reads versions {oldest} \
         to {VERSION}: move it away to begin with an empty one",
        oldest = versions::OLDEST
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u32,
    },
    /// What stands in it makes no sense.
    #[error(
        "the journal `{path}` is damaged: put a backup in its place, or move it away to begin with an empty one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        source: Box<JournalError>,
    },
    /// There is no place for a backup.
    #[error("cannot make the backup `{path}`")]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be read or written.
    #[error("the journal failed")]
    Database(#[from] rusqlite::Error),
    /// A row is not what it should be.
    #[error("a row of the journal cannot be read or written")]
    Row(#[from] FrameError),
}

/// One accepted event, with all that its effects depended on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// When it happened, Unix seconds.
    pub now: f64,
    /// What happened.
    pub event: Event,
    /// Secrets that were drawn for it.
    pub secrets: Vec<Secret>,
}

/// Where accepted events are kept. Calls block on whatever that is.
pub trait Store: Sized + Send + 'static {
    /// Where it is, for people.
    fn path(&self) -> &Path;

    /// What the image and the events after it tell; of the cluster that `new` makes where there is no image.
    ///
    /// # Errors
    /// [`JournalError`].
    fn read(&self, new: impl FnOnce() -> Cluster) -> Result<Cluster, JournalError>;

    /// Keeps events, all or none.
    ///
    /// # Errors
    /// [`JournalError`]: none of them is kept.
    fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), JournalError>;

    /// Puts an image in the place of all events so far.
    ///
    /// # Errors
    /// [`JournalError`]: the events stand as they did.
    fn compact(&mut self, image: &Image) -> Result<(), JournalError>;

    /// Whether a few events could be kept now: tried with as many bytes.
    fn has_room(&self) -> bool;

    /// Whether it is time for a new image.
    fn is_long(&self) -> bool;

    /// No image for now: not before as many events again.
    fn put_off(&mut self);

    /// Makes a new file that a controller could go on with, of all that is kept now.
    ///
    /// # Errors
    /// [`JournalError`]: there is no file then, or not a new one.
    fn back_up(&self, to: &Path) -> Result<(), JournalError>;

    /// The cluster as it was kept, under a configuration that holds from now on.
    ///
    /// # Errors
    /// [`JournalError`].
    fn recover(&mut self, config: Config) -> Result<Cluster, JournalError> {
        let mut cluster = self.read(|| Cluster::new(config.clone().with_first_job()))?;
        // What comes next happens under the new configuration, so it is replayed under that one.
        cluster.reconfigure(config);
        self.compact(&cluster.image())?;
        Ok(cluster)
    }

    /// The cluster as it was kept last, in the middle of a run.
    ///
    /// # Errors
    /// [`JournalError`].
    fn reload(&self) -> Result<Cluster, JournalError> {
        self.read(|| Cluster::new(Config::of_this_machine()))
    }
}

/// An event again, with the secrets it had. Its effects were let out the first time.
pub(super) fn replay(cluster: &mut Cluster, record: Record) {
    let mut secrets = record.secrets.into_iter();
    // An event that draws more than it did then comes from another prun; what it starts is found dead later.
    let mut secret = || secrets.next().unwrap_or(Secret([0; 32]));
    cluster.apply(record.event, record.now, &mut secret);
}

#[cfg(test)]
mod tests;
