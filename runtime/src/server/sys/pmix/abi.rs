//! The C side of PMIx: types and functions as the PMIx standard (versions 3 to 5) lays them down.

use std::ffi::{c_char, c_int, c_void};

pub(super) const NSPACE_BYTES: usize = 256;
const KEY_BYTES: usize = 512;

pub(super) type Status = c_int;
pub(super) const SUCCESS: Status = 0;
/// Done within the call: no answer follows.
pub(super) const OPERATION_SUCCEEDED: Status = -157;
pub(super) const ERROR: Status = -1;
pub(super) const NOT_FOUND: Status = -46;
pub(super) const NOT_SUPPORTED: Status = -47;
/// All ranks of a namespace.
pub(super) const RANK_WILDCARD: u32 = u32::MAX - 1;

/// `pmix_proc_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Proc {
    pub(super) nspace: [c_char; NSPACE_BYTES],
    pub(super) rank: u32,
}

/// The kinds of values that are used here (`pmix_data_type_t`).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    Bool = 1,
    String = 3,
    U16 = 13,
    U32 = 14,
    Info = 24,
    Array = 39,
    Rank = 40,
}

/// `pmix_value_t`'s union. Its largest member (`pmix_envar_t`) is three words.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union Data {
    pub(super) flag: bool,
    pub(super) string: *const c_char,
    pub(super) u16: u16,
    pub(super) u32: u32,
    pub(super) array: *const Array,
    pub(super) whole: [u64; 3],
}

/// `pmix_value_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) kind: u16,
    pub(super) data: Data,
}

/// `pmix_info_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Info {
    pub(super) key: [c_char; KEY_BYTES],
    pub(super) flags: u32,
    pub(super) value: Value,
}

/// `pmix_data_array_t`.
#[repr(C)]
pub(super) struct Array {
    pub(super) kind: u16,
    pub(super) size: usize,
    pub(super) items: *const c_void,
}

/// `pmix_op_cbfunc_t`.
pub(super) type OpDone = Option<unsafe extern "C" fn(Status, *mut c_void)>;
/// `pmix_release_cbfunc_t`.
pub(super) type Release = Option<unsafe extern "C" fn(*mut c_void)>;
/// `pmix_modex_cbfunc_t`.
pub(super) type ModexDone =
    Option<unsafe extern "C" fn(Status, *const c_char, usize, *mut c_void, Release, *mut c_void)>;

pub(super) type ClientCall = unsafe extern "C" fn(*const Proc, *mut c_void, OpDone, *mut c_void) -> Status;
pub(super) type AbortCall = unsafe extern "C" fn(
    *const Proc,
    *mut c_void,
    c_int,
    *const c_char,
    *mut Proc,
    usize,
    OpDone,
    *mut c_void,
) -> Status;
pub(super) type FenceCall = unsafe extern "C" fn(
    *const Proc,
    usize,
    *const Info,
    usize,
    *mut c_char,
    usize,
    ModexDone,
    *mut c_void,
) -> Status;
pub(super) type ModexCall =
    unsafe extern "C" fn(*const Proc, *const Info, usize, ModexDone, *mut c_void) -> Status;

/// `pmix_server_spawn_fn_t`; the applications and the callback are not looked at.
pub(super) type SpawnCall = unsafe extern "C" fn(
    *const Proc,
    *const Info,
    usize,
    *const c_void,
    usize,
    *const c_void,
    *mut c_void,
) -> Status;

/// `pmix_server_module_t`: what is served, and nothing (null, answered "not supported") for all that later versions
/// have added. The library reads as many entries as it knows, which is why there are more than any version has.
#[repr(C)]
pub(super) struct Module {
    pub(super) client_connected: Option<ClientCall>,
    pub(super) client_finalized: Option<ClientCall>,
    pub(super) abort: Option<AbortCall>,
    pub(super) fence: Option<FenceCall>,
    pub(super) direct_modex: Option<ModexCall>,
    /// `publish`, `lookup` and `unpublish`.
    pub(super) names: [*const c_void; 3],
    pub(super) spawn: Option<SpawnCall>,
    pub(super) others: [*const c_void; 64],
}

// SAFETY: the pointers are null for ever.
unsafe impl Sync for Module {}

/// `pmix_status_t PMIx_server_init(module, info, ninfo)`.
pub(super) type Init = unsafe extern "C" fn(*const Module, *const Info, usize) -> Status;
/// `pmix_status_t PMIx_server_finalize()`.
pub(super) type Finalize = unsafe extern "C" fn() -> Status;
/// `PMIx_generate_regex` and `PMIx_generate_ppn`: the result is the caller's to free.
pub(super) type Generate = unsafe extern "C" fn(*const c_char, *mut *mut c_char) -> Status;
/// `PMIx_server_register_nspace`; without a callback it returns when it is done.
pub(super) type RegisterNspace =
    unsafe extern "C" fn(*const c_char, c_int, *const Info, usize, OpDone, *mut c_void) -> Status;
/// `PMIx_server_register_client`; likewise.
pub(super) type RegisterClient =
    unsafe extern "C" fn(*const Proc, u32, u32, *mut c_void, OpDone, *mut c_void) -> Status;
/// `PMIx_server_setup_fork`: appends to an environment allocated by `malloc`.
pub(super) type SetupFork = unsafe extern "C" fn(*const Proc, *mut *mut *mut c_char) -> Status;
/// `const char *PMIx_Error_string(status)`.
pub(super) type ErrorString = unsafe extern "C" fn(Status) -> *const c_char;

#[cfg(test)]
mod tests {
    use super::*;

    /// As `sizeof` says with the headers of PMIx 3 to 5 on 64-bit machines.
    #[test]
    fn types_have_the_size_that_c_gives_them() {
        assert_eq!(size_of::<Proc>(), 260);
        assert_eq!(size_of::<Value>(), 32);
        assert_eq!(size_of::<Info>(), 552);
        assert_eq!(size_of::<Array>(), 24);
    }
}
