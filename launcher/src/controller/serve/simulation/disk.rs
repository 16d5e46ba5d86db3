//! The disk under the controller: what is written stays, whatever happens to the controller. It may be full.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prun_runtime::wire::frame::{decode, encode};
use rusqlite::ffi;

use crate::controller::core::Cluster;
use crate::controller::core::image::Image;
use crate::controller::journal::{JournalError, Record, Store, replay};

/// Events after which an image is written: few, so that every seed sees some.
const EVENTS_MAX: usize = 100;

/// Cheap to clone: the disk stays where it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Blocks>>);

#[derive(Debug, Default)]
struct Blocks {
    /// Bytes, as they would stand in a file.
    image: Option<Vec<u8>>,
    events: Vec<Vec<u8>>,
    full: bool,
    /// Planted: every so many batches one is said to be kept and is not.
    forgets_every: Option<u32>,
    batches: u32,
    /// Planted: what came last is lost with the controller.
    lazy: bool,
    last: usize,
}

impl Disk {
    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_full(&self, full: bool) {
        self.blocks().full = full;
    }

    pub(super) fn do_not_wait(&self) {
        self.blocks().lazy = true;
    }

    /// The power is cut.
    pub(super) fn cut(&self) {
        let mut blocks = self.blocks();
        let kept = blocks.events.len().saturating_sub(blocks.last);
        if blocks.lazy {
            blocks.events.truncate(kept);
        }
    }

    pub(super) fn forget_every(&self, batches: u32) {
        self.blocks().forgets_every = Some(batches);
    }
}

fn no_room() -> JournalError {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None).into()
}

impl Store for Disk {
    fn path(&self) -> &Path {
        Path::new("simulated")
    }

    fn read(&self, new: impl FnOnce() -> Cluster) -> Result<Cluster, JournalError> {
        let blocks = self.blocks();
        let mut cluster = match &blocks.image {
            Some(image) => Cluster::restore(decode::<Image>(image)?),
            None => new(),
        };
        for event in &blocks.events {
            replay(&mut cluster, decode(event)?);
        }
        Ok(cluster)
    }

    fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), JournalError> {
        let mut blocks = self.blocks();
        if blocks.full {
            return Err(no_room());
        }
        let events: Vec<Vec<u8>> = records.map(encode).collect::<Result<_, _>>()?;
        blocks.batches += 1;
        blocks.last = events.len();
        if blocks.forgets_every.is_none_or(|every| !blocks.batches.is_multiple_of(every)) {
            blocks.events.extend(events);
        }
        Ok(())
    }

    fn compact(&mut self, image: &Image) -> Result<(), JournalError> {
        let mut blocks = self.blocks();
        if blocks.full {
            return Err(no_room());
        }
        blocks.image = Some(encode(image)?);
        blocks.events.clear();
        Ok(())
    }

    fn back_up(&self, _to: &Path) -> Result<(), JournalError> {
        Ok(())
    }

    fn has_room(&self) -> bool {
        !self.blocks().full
    }

    fn is_long(&self) -> bool {
        let blocks = self.blocks();
        blocks.forgets_every.is_none() && blocks.events.len() >= EVENTS_MAX
    }

    fn put_off(&mut self) {}
}
