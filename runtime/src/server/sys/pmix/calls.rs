//! What the library calls, on a thread of its own: each call becomes an event for the step process.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use tokio::sync::mpsc;

use super::abi::{
    ERROR, Info, ModexDone, Module, NOT_FOUND, NOT_SUPPORTED, OPERATION_SUCCEEDED, OpDone, Proc,
    RANK_WILDCARD, SUCCESS, Status,
};
use super::library::lossy;
use super::{Event, FenceAnswer};
use crate::ids::Rank;

/// What the library gets of this module.
pub(super) static MODULE: Module = Module {
    client_connected: Some(connected),
    client_finalized: Some(finalized),
    abort: Some(abort),
    fence: Some(fence),
    direct_modex: Some(direct_modex),
    names: [ptr::null(); 3],
    spawn: Some(spawn),
    others: [ptr::null(); 64],
};

/// Where events go. The library has one server a process, and its calls bring nothing that could tell more apart.
pub(super) static EVENTS: OnceLock<mpsc::Sender<Event>> = OnceLock::new();

/// Every rank has at most one call open, and there is room for all of them: a full queue is a broken library.
fn tell(event: Event) -> bool {
    EVENTS.get().is_some_and(|events| events.try_send(event).is_ok())
}

/// # Safety
/// `proc` is what the library gives: valid during the call.
unsafe fn rank_of(proc: *const Proc) -> Rank {
    // SAFETY: by the caller's word.
    Rank(unsafe { (*proc).rank })
}

unsafe extern "C" fn connected(proc: *const Proc, _: *mut c_void, _: OpDone, _: *mut c_void) -> Status {
    // SAFETY: the library's argument.
    tell(Event::Connected { rank: unsafe { rank_of(proc) } });
    OPERATION_SUCCEEDED
}

unsafe extern "C" fn finalized(proc: *const Proc, _: *mut c_void, _: OpDone, _: *mut c_void) -> Status {
    // SAFETY: the library's argument.
    tell(Event::Finalized { rank: unsafe { rank_of(proc) } });
    OPERATION_SUCCEEDED
}

unsafe extern "C" fn abort(
    proc: *const Proc,
    _: *mut c_void,
    status: c_int,
    message: *const c_char,
    _: *mut Proc,
    _: usize,
    _: OpDone,
    _: *mut c_void,
) -> Status {
    // SAFETY: the library's arguments; the message may be null.
    let (rank, message) =
        unsafe { (rank_of(proc), if message.is_null() { String::new() } else { lossy(message) }) };
    tell(Event::Abort { rank, code: status, message });
    OPERATION_SUCCEEDED
}

unsafe extern "C" fn fence(
    procs: *const Proc,
    count: usize,
    _: *const Info,
    _: usize,
    data: *mut c_char,
    length: usize,
    done: ModexDone,
    context: *mut c_void,
) -> Status {
    // SAFETY: the library's arrays, valid during the call; the data is ours to free, and allocated by `malloc`.
    let (group, bytes) = unsafe {
        let procs = if procs.is_null() { &[] } else { std::slice::from_raw_parts(procs, count) };
        let bytes = if data.is_null() {
            Vec::new()
        } else {
            std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec()
        };
        libc::free(data.cast());
        (group_of(procs), bytes)
    };
    let answer = FenceAnswer { done, context };
    if tell(Event::Fence { group, data: bytes, answer }) { SUCCESS } else { ERROR }
}

/// The ranks of a fence, ascending; none for all.
fn group_of(procs: &[Proc]) -> Vec<Rank> {
    if procs.iter().any(|proc| proc.rank == RANK_WILDCARD) {
        return Vec::new();
    }
    let mut group: Vec<Rank> = procs.iter().map(|proc| Rank(proc.rank)).collect();
    group.sort_unstable();
    group.dedup();
    group
}

/// What other nodes' ranks have put comes with the fences; what has not been put there is nowhere.
unsafe extern "C" fn direct_modex(
    _: *const Proc,
    _: *const Info,
    _: usize,
    _: ModexDone,
    _: *mut c_void,
) -> Status {
    NOT_FOUND
}

/// New processes: refused, and told of, since not every library says so.
unsafe extern "C" fn spawn(
    proc: *const Proc,
    _: *const Info,
    _: usize,
    _: *const c_void,
    _: usize,
    _: *const c_void,
    _: *mut c_void,
) -> Status {
    // SAFETY: the library's argument.
    tell(Event::Spawn { rank: unsafe { rank_of(proc) } });
    NOT_SUPPORTED
}
