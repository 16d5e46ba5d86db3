//! How a rank sleeps until something happens, and how others wake it.
//!
//! A rank that waits says so ([`Waker::prepare`]), looks once more at everything that it waits for, and only then
//! sleeps. Whoever has something for it publishes that first and looks at the waker then ([`Waker::notify`]). Between the
//! two steps of either side stands a full fence, so that at least one of them sees what the other did: nobody sleeps
//! over something that was there before.

use super::sync::{AtomicU32, Ordering, fence};

/// How somebody sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Sleep {
    /// On this word.
    Futex = 1,
    /// In `poll(2)`, with its event descriptor among the descriptors: it waits for sockets, too.
    Poll = 2,
}

const AWAKE: u32 = 0;

/// The word on which one rank sleeps.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Waker {
    word: AtomicU32,
    #[cfg(loom)]
    bell: (loom::sync::Mutex<()>, loom::sync::Condvar),
}

impl Waker {
    /// Says that its rank is about to sleep. What it waits for must be looked at once more after this.
    pub(crate) fn prepare(&self, how: Sleep) {
        // An exchange, and not a store: whoever has taken an earlier sleep for this one has done so before it.
        self.word.swap(how as u32, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Whether its rank sleeps and nobody has notified it.
    pub(crate) fn is_asleep(&self) -> bool {
        self.word.load(Ordering::Acquire) != AWAKE
    }

    /// The rank does not sleep after all, or has slept.
    pub(crate) fn cancel(&self) {
        self.word.store(AWAKE, Ordering::Relaxed);
    }

    /// To be called after something was published. Wakes the rank if it sleeps on the word; gives [`Sleep::Poll`] where
    /// the caller is to write to its event descriptor.
    pub(crate) fn notify(&self) -> Option<Sleep> {
        fence(Ordering::SeqCst);
        if self.word.load(Ordering::Relaxed) == AWAKE {
            return None;
        }
        match self.word.swap(AWAKE, Ordering::AcqRel) {
            how if how == Sleep::Futex as u32 => {
                self.ring();
                Some(Sleep::Futex)
            }
            how if how == Sleep::Poll as u32 => Some(Sleep::Poll),
            _ => None,
        }
    }
}

#[cfg(not(loom))]
impl Waker {
    /// Sleeps until it is notified or the time is over; false in the latter case. May return early. Blocks.
    pub(crate) fn sleep(&self, timeout: Option<std::time::Duration>) -> bool {
        use rustix::thread::futex;
        let timeout = timeout.and_then(|wait| wait.try_into().ok());
        // Notified in between or interrupted: the caller looks for itself in any case.
        let slept = futex::wait(&self.word, futex::Flags::empty(), Sleep::Futex as u32, timeout.as_ref());
        slept != Err(rustix::io::Errno::TIMEDOUT)
    }

    fn ring(&self) {
        use rustix::thread::futex;
        // Fails only for an address that is none.
        let _ = futex::wake(&self.word, futex::Flags::empty(), 1);
    }
}

/// The kernel's part, as loom can follow it.
#[cfg(loom)]
impl Waker {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(AWAKE), bell: (loom::sync::Mutex::new(()), loom::sync::Condvar::new()) }
    }

    pub(crate) fn sleep(&self, _timeout: Option<std::time::Duration>) -> bool {
        let (lock, bell) = &self.bell;
        let mut held = lock.lock().unwrap();
        while self.word.load(Ordering::Relaxed) == Sleep::Futex as u32 {
            held = bell.wait(held).unwrap();
        }
        true
    }

    fn ring(&self) {
        let (lock, bell) = &self.bell;
        drop(lock.lock().unwrap());
        bell.notify_one();
    }
}
