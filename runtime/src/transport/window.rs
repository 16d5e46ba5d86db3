//! Memory that ranks of one node share for their own use (`MPI_Win_allocate_shared`, MPI 4.1, section 12.2.3): a part for
//! each, in an anonymous file that one of them makes and the others open through `/proc` (`memfd_create(2)`).
//!
//! Two rules keep what is shared free of data races. Elements are either atomic, and then everybody may touch them at any
//! time; or they belong to one side at a time: while a window is *written*, each rank has its own part alone, and while it is
//! *read*, all have all of it and nobody writes. Ranks go from one to the other together, by a barrier in the window's own
//! memory.
#![expect(unsafe_code, reason = "memory that several processes share")]

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic;

use bytemuck::Pod;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

use super::failure::Failure;
use super::port::Port;
use super::team::{Lanes, Named, Team, TeamError, lanes_bytes};
use crate::ids::Rank;

/// To what each rank's part is aligned: parts share no cache line.
pub(crate) const PART_ALIGN: usize = 128;

/// Where everything is in the memory of a window. Pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// By member, where its part begins and how many bytes it has.
    places: Vec<(usize, usize)>,
    bytes: usize,
}

impl Parts {
    /// Parts of so many bytes, by member; `None` where they are more than there are addresses.
    pub(crate) fn new(lengths: &[usize]) -> Option<Self> {
        let mut at = lanes_bytes(lengths.len()).next_multiple_of(4096);
        let mut places = Vec::with_capacity(lengths.len());
        for length in lengths {
            places.push((at, *length));
            at = at.checked_add(*length)?.checked_next_multiple_of(PART_ALIGN)?;
        }
        let bytes = at.checked_next_multiple_of(4096).filter(|bytes| isize::try_from(*bytes).is_ok())?;
        Some(Self { places, bytes })
    }
}

/// The file of a window, until all have mapped it.
#[derive(Debug)]
pub(crate) struct WindowFile(OwnedFd);

impl WindowFile {
    /// Makes one. Its size cannot be changed: nobody takes memory away from under others.
    ///
    /// # Errors
    /// Those of `memfd_create(2)`, `ftruncate(2)` and `fcntl(2)`.
    pub(crate) fn create(parts: &Parts) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create(c"prun-window", flags)?;
        rustix::fs::ftruncate(&file, parts.bytes as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self(file))
    }

    /// By what others [open](Self::open) it: this process, and a number in it.
    pub(crate) fn name(&self) -> [u64; 2] {
        [u64::from(std::process::id()), u64::from(self.0.as_raw_fd().unsigned_abs())]
    }

    /// Opens one of another process of this node.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub(crate) fn open([process, number]: [u64; 2]) -> io::Result<Self> {
        let path = format!("/proc/{process}/fd/{number}");
        Ok(Self(File::options().read(true).write(true).open(path)?.into()))
    }

    /// Maps it.
    ///
    /// # Errors
    /// Those of `mmap(2)`; `InvalidData` for a file of another size.
    pub(crate) fn map(&self, parts: &Parts) -> io::Result<Mapping> {
        if rustix::fs::fstat(&self.0)?.st_size.unsigned_abs() != parts.bytes as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a new mapping at an address of the kernel's choice, of a file that has its size for good.
        let base = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            rustix::mm::mmap(std::ptr::null_mut(), parts.bytes, access, MapFlags::SHARED, self.0.as_fd(), 0)?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Mapping { base, parts: parts.clone() })
    }
}

/// The memory of a window, mapped.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    parts: Parts,
}

// SAFETY: memory, which is reached through the window's rules alone.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing that borrows from it outlives it, and it is unmapped once.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.parts.bytes) };
    }
}

/// Numbers that several ranks may touch at once: the standard library's atomics.
///
/// # Safety
/// All bytes are valid values, zero too, there is no drop, and shared references may be used from several processes.
pub unsafe trait Atomic: Sync {}

macro_rules! atomics {
    ($($name:ident)*) => { $(
        // SAFETY: lock-free atomic integers of the machine, of which all bit patterns are values.
        unsafe impl Atomic for atomic::$name {}
    )* };
}

atomics! { AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize }

/// A window that its ranks have mapped together.
#[derive(Debug)]
pub(crate) struct Window<T> {
    team: Team,
    port: Port,
    mapping: Arc<Mapping>,
    /// Which part is this rank's.
    me: usize,
    /// Barriers so far.
    met: std::cell::Cell<u32>,
    elements: PhantomData<T>,
}

impl<T> Window<T> {
    /// Of memory that all members, as ranks of the world and as places on the node, have mapped, in parts that are whole
    /// numbers of elements.
    ///
    /// # Panics
    /// Where there is another number of parts than of members, or elements want to be aligned to more than parts are.
    pub(crate) fn new(
        mapping: Mapping,
        port: Port,
        members: Vec<(Rank, usize)>,
        me: usize,
        context: u32,
    ) -> Self {
        assert!(mapping.parts.places.len() == members.len() && align_of::<T>() <= PART_ALIGN);
        let mapping = Arc::new(mapping);
        // SAFETY: page aligned, before the parts, as large as `Parts` has made it, zero at first, and this window's alone.
        let lanes = unsafe { Lanes::new(mapping.base, members.len(), Arc::<Mapping>::clone(&mapping)) };
        let team = Team::new(lanes, members, me, context);
        Self { team, port, mapping, me, met: std::cell::Cell::new(0), elements: PhantomData }
    }

    /// How many parts.
    pub(crate) fn size(&self) -> usize {
        self.team.size()
    }

    /// Which part is this rank's.
    pub(crate) fn me(&self) -> usize {
        self.me
    }

    fn part(&self, member: usize) -> (NonNull<T>, usize) {
        let (at, bytes) = self.mapping.parts.places[member];
        // SAFETY: within the mapping.
        let start = unsafe { self.mapping.base.add(at) };
        (start.cast(), bytes / size_of::<T>().max(1))
    }

    /// Waits until all members have come. Blocks.
    ///
    /// # Errors
    /// [`Failure`]: a rank is lost or has left.
    pub(crate) fn meet(&self) -> Result<(), Failure> {
        let number = self.met.get();
        self.met.set(number.wrapping_add(1));
        self.team.barrier(&self.port, Named { number, mark: 0 }).map_err(|error| match error {
            TeamError::Failure(failure) => failure,
            TeamError::Clash { .. } => Failure::GaveUp,
        })
    }
}

impl<T: Atomic> Window<T> {
    /// A part, whoever's.
    ///
    /// # Panics
    /// Where there is no such part.
    pub(crate) fn atomics(&self, member: usize) -> &[T] {
        let (start, count) = self.part(member);
        // SAFETY: aligned, mapped while `self` is, zero at first, and touched as atomics alone, by every process.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), count) }
    }
}

/// A window while each rank has its own part alone.
#[derive(Debug)]
pub(crate) struct Written<T>(Window<T>);

/// A window while all ranks have all of it, to read.
#[derive(Debug)]
pub(crate) struct Read<T>(Window<T>);

impl<T: Pod> Written<T> {
    /// A window that nobody has touched yet.
    pub(crate) fn first(window: Window<T>) -> Self {
        Self(window)
    }

    /// The window itself.
    pub(crate) fn window(&self) -> &Window<T> {
        &self.0
    }

    /// This rank's part.
    pub(crate) fn own(&mut self) -> &mut [T] {
        let (start, count) = self.0.part(self.0.me);
        // SAFETY: aligned, mapped while `self` is, any bytes are elements. Nobody else has a reference to it: members get
        // such only from `Read`, which they have between two barriers, and this rank is not between those.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), count) }
    }

    /// All ranks have written. Blocks until they say so.
    pub(crate) fn publish(self) -> Result<Read<T>, Failure> {
        self.0.meet()?;
        Ok(Read(self.0))
    }
}

impl<T: Pod> Read<T> {
    /// The window itself.
    pub(crate) fn window(&self) -> &Window<T> {
        &self.0
    }

    /// A rank's part.
    ///
    /// # Panics
    /// Where there is no such part.
    pub(crate) fn part(&self, member: usize) -> &[T] {
        let (start, count) = self.0.part(member);
        // SAFETY: aligned, mapped while `self` is, any bytes are elements. Its owner writes to it only as `Written`, which
        // it is not before this rank, too, has given `self` up and come to the next barrier.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), count) }
    }

    /// All ranks have read. Blocks until they say so.
    pub(crate) fn reclaim(self) -> Result<Written<T>, Failure> {
        self.0.meet()?;
        Ok(Written(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_are_aligned() {
        let parts = Parts::new(&[1, 0, 200, 128]).unwrap();
        assert!(parts.places[0].0 >= lanes_bytes(4));
        for pair in parts.places.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0 && pair[1].0 % PART_ALIGN == 0, "{parts:?}");
        }
        assert!(parts.places[3].0 + 128 <= parts.bytes);
        assert_eq!(Parts::new(&[usize::MAX, 1]), None);
        assert_eq!(Parts::new(&[isize::MAX as usize]), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "files that are mapped by several")]
    fn a_file_keeps_its_size_and_one_of_another_size_is_refused() {
        let (parts, more) = (Parts::new(&[8]).unwrap(), Parts::new(&[8192]).unwrap());
        let file = WindowFile::create(&parts).unwrap();
        assert!(rustix::fs::ftruncate(&file.0, 0).is_err());
        let other = WindowFile::open(file.name()).unwrap();
        assert!(other.map(&parts).is_ok() && other.map(&more).is_err());
        assert!(WindowFile::open([u64::from(std::process::id()), 1 << 20]).is_err());
    }
}
