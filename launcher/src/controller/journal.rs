//! What the controller must not forget: accepted events in order, in one SQLite file.
//!
//! Replayed over the image that the file begins with, they give the state of the cluster again. An event is on the
//! disk before anybody hears of its effects: the file is in WAL mode with `synchronous=FULL`, one wait for the disk a
//! batch of events. Whatever was acknowledged outlives the controller's end, `kill -9` and a loss of power too.
//!
//! | table | rows |
//! |---|---|
//! | `version` | one: [`VERSION`] |
//! | `image` | at most one: the state up to and with the event `last` |
//! | `event` | those after it |
//! | `probe` | at most one: what was written to see whether there is room |

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prun_runtime::wire::frame::{self, FrameError};
use prun_runtime::wire::launch::Secret;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::core::Cluster;
use super::core::config::Config;
use super::core::event::Event;
use super::core::image::Image;

/// Version of the tables and of what stands in them.
pub const VERSION: u32 = 3;

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
    /// Another version of prun wrote it.
    #[error("the journal `{path}` has version {found}, this prun reads version {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u32,
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

/// An open journal. Its calls block on the disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    database: Connection,
    /// Events since the image.
    events: u64,
}

impl Journal {
    /// Opens a journal, or makes one where there is none.
    ///
    /// # Errors
    /// [`JournalError::File`]; [`JournalError::Open`], also when another controller has it open;
    /// [`JournalError::Version`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Open { path: path.to_owned(), source };
        // Secrets of steps stand in it: nobody else may read it, nor the files that SQLite puts beside it.
        let created = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        created.map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        let database = Connection::open(path).map_err(failed)?;
        let found = prepare(&database).map_err(failed)?;
        if found != VERSION {
            return Err(JournalError::Version { path: path.to_owned(), found });
        }
        Ok(Self { path: path.to_owned(), database, events: 0 })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster as the journal tells it, under a configuration that holds from now on.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn recover(&mut self, config: Config) -> Result<Cluster, JournalError> {
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
    pub fn reload(&self) -> Result<Cluster, JournalError> {
        self.read(|| Cluster::new(Config::of_this_machine()))
    }

    /// What the image and the events after it tell, of a new cluster where there is no image.
    fn read(&self, new: impl FnOnce() -> Cluster) -> Result<Cluster, JournalError> {
        let image: Option<Vec<u8>> =
            self.database.query_row("SELECT state FROM image", [], |row| row.get(0)).optional()?;
        let mut cluster = match image {
            Some(state) => Cluster::restore(frame::decode::<Image>(&state)?),
            None => new(),
        };
        let mut statement = self.database.prepare("SELECT record FROM event ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record: Vec<u8> = row.get(0)?;
            replay(&mut cluster, frame::decode(&record)?);
        }
        Ok(cluster)
    }

    /// Whether a few events could be kept now: tried with as many bytes.
    #[must_use]
    pub fn has_room(&self) -> bool {
        const BYTES: u32 = 64 << 10;
        let probe = |bytes: u32| {
            self.database
                .execute("INSERT OR REPLACE INTO probe (id, bytes) VALUES (1, zeroblob(?1))", params![bytes])
        };
        probe(BYTES).and_then(|_| probe(0)).is_ok()
    }

    /// Keeps events, all or none.
    ///
    /// # Errors
    /// [`JournalError`]: none of them is kept.
    pub fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), JournalError> {
        let transaction = self.database.transaction()?;
        let mut count = 0;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO event (record) VALUES (?1)")?;
            for record in records {
                insert.execute(params![frame::encode(record)?])?;
                count += 1;
            }
        }
        transaction.commit()?;
        self.events += count;
        Ok(())
    }

    /// As if the disk were full from now on.
    #[cfg(test)]
    pub(super) fn fill_disk(&self) {
        let pages: u32 = self.database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        self.limit_pages(pages);
    }

    /// As if somebody had made room again.
    #[cfg(test)]
    pub(super) fn free_disk(&self) {
        self.limit_pages(u32::MAX - 1);
    }

    #[cfg(test)]
    fn limit_pages(&self, pages: u32) {
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.database.query_row(&limit, [], |_| Ok(())).unwrap();
    }

    /// Whether it is time for a new image.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.events >= EVENTS_MAX
    }

    /// No image for now: not before as many events again.
    pub fn put_off(&mut self) {
        self.events = 0;
    }

    /// Puts an image in the place of all events so far.
    ///
    /// # Errors
    /// [`JournalError`]: the events stand as they did.
    pub fn compact(&mut self, image: &Image) -> Result<(), JournalError> {
        let state = frame::encode(image)?;
        let transaction = self.database.transaction()?;
        transaction.execute("DELETE FROM image", [])?;
        transaction.execute(
            "INSERT INTO image (last, state) SELECT ifnull(max(number), 0), ?1 FROM event",
            params![state],
        )?;
        transaction.execute("DELETE FROM event", [])?;
        transaction.commit()?;
        self.events = 0;
        Ok(())
    }
}

/// Makes the tables where they are missing; gives the version of the file.
fn prepare(database: &Connection) -> Result<u32, rusqlite::Error> {
    // Who else has it open is another controller, which will not be done soon.
    database.busy_timeout(Duration::ZERO)?;
    // The answer is the mode that is now. Locks come first: then the index of the log is in memory. In a mapped file it
    // would end the controller with SIGBUS on a full disk.
    database.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    database.execute_batch(
        "PRAGMA synchronous = FULL;
         BEGIN EXCLUSIVE;
         CREATE TABLE IF NOT EXISTS version (version INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS image (last INTEGER NOT NULL, state BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL);
         COMMIT;",
    )?;
    let found = database.query_row("SELECT version FROM version", [], |row| row.get(0)).optional()?;
    match found {
        Some(version) => Ok(version),
        None => {
            database.execute("INSERT INTO version (version) VALUES (?1)", params![VERSION])?;
            Ok(VERSION)
        }
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
mod tests {
    use prun_runtime::ids::JobId;

    use super::*;
    use crate::controller::api::{Call, Request};
    use crate::controller::core::config::PartitionConfig;
    use crate::controller::core::event::{ClientId, Peer};

    fn record(request: Request) -> Record {
        let peer = Peer { uid: 0, user: "root".to_owned() };
        let call = Box::new(Call { id: 1, request });
        Record { now: 1.0, event: Event::Call { client: ClientId(7), peer, call }, secrets: Vec::new() }
    }

    fn partition_update() -> Record {
        let changes = vec![("maxtime".to_owned(), "30".to_owned())];
        record(Request::UpdatePartition { partition: "slurmpar".to_owned(), changes })
    }

    #[test]
    fn every_batch_waits_for_the_disk() {
        /// `FULL`, in SQLite's numbers.
        const FULL: i64 = 2;
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal")).unwrap();
        let set = journal.database.query_row("PRAGMA synchronous", [], |row| row.get(0));
        assert_eq!(set, Ok(FULL));
    }

    #[test]
    fn what_was_kept_is_there_after_the_next_opening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.append([partition_update(), record(Request::Script { job: JobId(1) })].iter()).unwrap();
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        let cluster = journal.recover(Config::default()).unwrap();
        assert_eq!(cluster.last_correspondent(), 7);
        drop(journal);
        // Now out of the image.
        let mut journal = Journal::open(&path).unwrap();
        let cluster = journal.recover(Config::default()).unwrap();
        assert_eq!((journal.events, cluster.last_correspondent()), (0, 7));
    }

    #[test]
    fn what_happened_before_a_restart_happened_under_its_own_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let of = |name: &str, first_job| Config {
            partitions: vec![PartitionConfig::of_all_nodes(name)],
            first_job,
            ..Config::default()
        };
        let mut journal = Journal::open(&path).unwrap();
        let first = journal.recover(of("slurmpar", Some(50))).unwrap();
        journal.append([partition_update()].iter()).unwrap();
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        let second = journal.recover(of("other", None)).unwrap();
        let number = |cluster: &Cluster| cluster.next_job();
        assert_eq!((number(&first), number(&second)), (JobId(50), JobId(50)));
        let view = second.image().partitions().to_vec();
        assert_eq!(view, of("other", None).partitions);
    }

    #[test]
    fn a_file_that_is_no_journal_and_one_of_another_version_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        std::fs::write(&path, "x".repeat(4096)).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Open { .. })));
        let path = dir.path().join("newer");
        let journal = Journal::open(&path).unwrap();
        journal.database.execute("UPDATE version SET version = 99", []).unwrap();
        drop(journal);
        assert!(matches!(Journal::open(&path), Err(JournalError::Version { found: 99, .. })));
    }

    #[test]
    fn two_controllers_cannot_have_one_journal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut first = Journal::open(&path).unwrap();
        first.append([partition_update()].iter()).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Open { .. })));
    }

    #[test]
    fn on_a_full_disk_nothing_is_kept_by_halves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.append([partition_update()].iter()).unwrap();
        journal.fill_disk();
        let many = vec![partition_update(); 1000];
        assert!(matches!(journal.append(many.iter()), Err(JournalError::Database(_))));
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        let kept: u32 =
            journal.database.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
    }
}
