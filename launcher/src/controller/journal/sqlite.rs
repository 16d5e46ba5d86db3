//! The journal as a file of SQLite.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prun_runtime::wire::frame;
use rusqlite::{Connection, OptionalExtension, params};

use super::versions::{self, Found};
use super::{EVENTS_MAX, JournalError, Record, Store, replay};
use crate::controller::core::Cluster;
use crate::controller::core::image::Image;

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
    /// [`JournalError::Newer`], [`JournalError::Older`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Open { path: path.to_owned(), source };
        let created = create(path, OpenOptions::new().create(true).append(true));
        created.map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        let mut database = Connection::open(path).map_err(failed)?;
        prepare(&database).map_err(failed)?;
        match versions::bring_up(&mut database).map_err(failed)? {
            Found::Current => {}
            Found::Newer { found, writer } => {
                return Err(JournalError::Newer { path: path.to_owned(), found, writer });
            }
            Found::Older { found } => return Err(JournalError::Older { path: path.to_owned(), found }),
        }
        Ok(Self { path: path.to_owned(), database, events: 0 })
    }

    fn load(&self, new: impl FnOnce() -> Cluster) -> Result<Cluster, JournalError> {
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

    #[cfg(test)]
    pub(super) fn database(&self) -> &Connection {
        &self.database
    }

    #[cfg(test)]
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// As if the disk were full from now on.
    #[cfg(test)]
    pub(in crate::controller) fn fill_disk(&self) {
        let pages: u32 = self.database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        self.limit_pages(pages);
    }

    /// As if somebody had made room again.
    #[cfg(test)]
    pub(in crate::controller) fn free_disk(&self) {
        self.limit_pages(u32::MAX - 1);
    }

    #[cfg(test)]
    fn limit_pages(&self, pages: u32) {
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.database.query_row(&limit, [], |_| Ok(())).unwrap();
    }
}

impl Store for Journal {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self, new: impl FnOnce() -> Cluster) -> Result<Cluster, JournalError> {
        let damaged = |source| JournalError::Damaged { path: self.path.clone(), source: Box::new(source) };
        self.load(new).map_err(damaged)
    }

    fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), JournalError> {
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

    fn compact(&mut self, image: &Image) -> Result<(), JournalError> {
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

    fn back_up(&self, to: &Path) -> Result<(), JournalError> {
        let failed = |source| JournalError::Backup { path: to.to_owned(), source };
        // SQLite writes into an empty file too: so it is closed to others from its beginning, and nobody's is lost.
        let file = create(to, OpenOptions::new().write(true).create_new(true)).map_err(failed)?;
        let name = to.to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let written = self.database.execute("VACUUM INTO ?1", params![name]);
        let synced = written.map_err(JournalError::from).and_then(|_| file.sync_all().map_err(failed));
        if synced.is_err() {
            // The error is what its user reads; the rest of a file is in nobody's way.
            let _ = std::fs::remove_file(to);
        }
        synced
    }

    fn has_room(&self) -> bool {
        const BYTES: u32 = 64 << 10;
        let probe = |bytes: u32| {
            self.database
                .execute("INSERT OR REPLACE INTO probe (id, bytes) VALUES (1, zeroblob(?1))", params![bytes])
        };
        probe(BYTES).and_then(|_| probe(0)).is_ok()
    }

    fn is_long(&self) -> bool {
        self.events >= EVENTS_MAX
    }

    fn put_off(&mut self) {
        self.events = 0;
    }
}

/// Sets how the file is used. Fails also where it is no database, or another controller has it.
fn prepare(database: &Connection) -> Result<(), rusqlite::Error> {
    // Who else has it open is another controller, which will not be done soon.
    database.busy_timeout(Duration::ZERO)?;
    // The answer is the mode that is now. Locks come first: then the index of the log is in memory. In a mapped file it
    // would end the controller with SIGBUS on a full disk.
    database.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    database.execute_batch("PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT;")
}

/// Makes a file that only its owner may read, since secrets of steps will stand in it.
fn create(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(0o600).open(path)
}
