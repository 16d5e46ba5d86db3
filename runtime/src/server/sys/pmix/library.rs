//! `libpmix.so.2`, loaded while the program runs.

use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::PmixError;
use super::abi::{ErrorString, Finalize, Generate, Init, RegisterClient, RegisterNspace, SetupFork, Status};

/// The functions that are used. The library stays loaded: its threads could not be taken from under it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Library {
    pub(super) init: Init,
    pub(super) finalize: Finalize,
    pub(super) generate_regex: Generate,
    pub(super) generate_ppn: Generate,
    pub(super) register_nspace: RegisterNspace,
    pub(super) register_client: RegisterClient,
    pub(super) setup_fork: SetupFork,
    error_string: ErrorString,
}

impl Library {
    /// Loads the first of these that can be loaded.
    ///
    /// # Errors
    /// [`PmixError::NoLibrary`] with what the loader says of each.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, PmixError> {
        let mut tried = Vec::new();
        for path in paths {
            match Self::open_one(path) {
                Ok(library) => return Ok(library),
                Err(why) => tried.push(why),
            }
        }
        Err(PmixError::NoLibrary { tried: tried.join("; ") })
    }

    fn open_one(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: loading runs the library's own initialisers, which is what is wanted.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if handle.is_null() {
            return Err(last_error());
        }
        // SAFETY: each name is looked up as the type that the PMIx standard gives it.
        unsafe {
            Ok(Self {
                init: symbol(handle, c"PMIx_server_init")?,
                finalize: symbol(handle, c"PMIx_server_finalize")?,
                generate_regex: symbol(handle, c"PMIx_generate_regex")?,
                generate_ppn: symbol(handle, c"PMIx_generate_ppn")?,
                register_nspace: symbol(handle, c"PMIx_server_register_nspace")?,
                register_client: symbol(handle, c"PMIx_server_register_client")?,
                setup_fork: symbol(handle, c"PMIx_server_setup_fork")?,
                error_string: symbol(handle, c"PMIx_Error_string")?,
            })
        }
    }

    /// A status in the library's words.
    pub(super) fn error(&self, doing: &'static str, status: Status) -> PmixError {
        // SAFETY: the function gives a NUL-terminated text that lives as long as the library, or null.
        let text = unsafe {
            let text = (self.error_string)(status);
            if text.is_null() { format!("status {status}") } else { lossy(text) }
        };
        PmixError::Failed { doing, text }
    }
}

/// A function of the library.
///
/// # Safety
/// `F` is the type of the function of this name.
unsafe fn symbol<F>(handle: *mut c_void, name: &CStr) -> Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the handle is of a loaded library; a function pointer is as large as any other, by the caller's word
    // of the right type, and not null.
    unsafe {
        let found = libc::dlsym(handle, name.as_ptr());
        if found.is_null() { Err(last_error()) } else { Ok(std::mem::transmute_copy(&found)) }
    }
}

fn last_error() -> String {
    // SAFETY: the text is valid until the next call of the loader by this thread.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() { "the loader does not say why".to_owned() } else { lossy(text) }
    }
}

/// # Safety
/// A NUL-terminated text.
pub(super) unsafe fn lossy(text: *const c_char) -> String {
    // SAFETY: by the caller's word.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
