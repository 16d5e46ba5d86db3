//! A PMIx server, by the program's or the system's `libpmix.so.2`, loaded where a step wants it.
//!
//! The wire between a PMIx library and its server is no standard, but the library's functions are (PMIx standard,
//! chapters on server APIs): so the library serves its own clients, and asks here for what it cannot know.
#![expect(unsafe_code, reason = "a C library loaded at run time")]

mod abi;
mod calls;
mod info;
mod library;

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::PathBuf;
use std::ptr;

use tokio::sync::mpsc;

use self::abi::{ERROR, Generate, ModexDone, NSPACE_BYTES, OPERATION_SUCCEEDED, Proc, SUCCESS, Status};
use self::info::Infos;
use self::library::Library;
use crate::ids::Rank;

/// Why there is no PMIx server.
#[derive(Debug, thiserror::Error)]
pub enum PmixError {
    /// No library could be loaded.
    #[error("no PMIx library ({tried})")]
    NoLibrary {
        /// What the loader says of each that was tried.
        tried: String,
    },
    /// The library refuses something.
    #[error("the PMIx library cannot {doing}: {text}")]
    Failed {
        /// What.
        doing: &'static str,
        /// Its words.
        text: String,
    },
    /// A second server in one process, or a name that C cannot hold.
    #[error("the PMIx library cannot serve this step")]
    Unusable,
}

/// A node as the library is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedNode {
    /// Its name.
    pub name: String,
    /// Ascending.
    pub ranks: Vec<Rank>,
}

/// The step as the library is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Name of the step among all: at most 255 bytes.
    pub nspace: String,
    /// Where rendezvous files go.
    pub directory: PathBuf,
    /// Ranks of the step.
    pub size: u32,
    /// All nodes; each rank stands on one.
    pub nodes: Vec<ServedNode>,
    /// Which of them this process serves.
    pub here: usize,
}

/// What a rank's library wants.
#[derive(Debug)]
pub enum Event {
    /// A rank has come.
    Connected {
        /// Which.
        rank: Rank,
    },
    /// A rank is done.
    Finalized {
        /// Which.
        rank: Rank,
    },
    /// A rank ends the step.
    Abort {
        /// Which.
        rank: Rank,
        /// The code that it wants.
        code: i32,
        /// Its words.
        message: String,
    },
    /// A rank wants new processes, and does not get them.
    Spawn {
        /// Which.
        rank: Rank,
    },
    /// All ranks of a group that are here have come to a fence.
    Fence {
        /// The group, ascending; empty: all ranks.
        group: Vec<Rank>,
        /// What they give.
        data: Vec<u8>,
        /// To be answered.
        answer: FenceAnswer,
    },
}

/// The library's end of a fence.
#[derive(Debug)]
pub struct FenceAnswer {
    done: ModexDone,
    context: *mut c_void,
}

// SAFETY: the library hands both out to be called from any thread, once.
unsafe impl Send for FenceAnswer {}

impl FenceAnswer {
    /// Answers with what all nodes gave; `None`: the fence is broken.
    pub fn give(self, data: Option<Vec<u8>>) {
        let Some(done) = self.done else { return };
        let status = if data.is_some() { SUCCESS } else { ERROR };
        // Kept until the library has done with it.
        let data = Box::into_raw(Box::new(data.unwrap_or_default()));
        // SAFETY: function and context are the library's own; the bytes live until it calls `release_data`.
        unsafe {
            let bytes = &*data;
            done(status, bytes.as_ptr().cast(), bytes.len(), self.context, Some(release_data), data.cast());
        }
    }
}

unsafe extern "C" fn release_data(data: *mut c_void) {
    // SAFETY: the pointer that `give` made, handed back once.
    drop(unsafe { Box::from_raw(data.cast::<Vec<u8>>()) });
}

/// A variable's name and value.
pub type Variable = (Vec<u8>, Vec<u8>);

/// The running server. Its end ends the library's threads.
#[derive(Debug)]
pub struct PmixServer {
    library: Library,
    nspace: CString,
}

/// Settings of the library itself, before it starts: its own security module (others need daemons that containers do
/// not have), and no shared files that a killed step would leave behind.
const SETTINGS: [(&CStr, &CStr); 2] = [(c"PMIX_MCA_psec", c"native"), (c"PMIX_MCA_gds", c"hash")];

impl PmixServer {
    /// Loads the first library of `paths` that can be loaded, and starts its server for a step; events go to `events`,
    /// which has room for two of every rank. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`PmixError`].
    pub fn start(paths: &[PathBuf], setup: &Setup, events: mpsc::Sender<Event>) -> Result<Self, PmixError> {
        let nspace = CString::new(setup.nspace.as_str()).map_err(|_| PmixError::Unusable)?;
        if nspace.as_bytes().len() >= NSPACE_BYTES || setup.here >= setup.nodes.len() {
            return Err(PmixError::Unusable);
        }
        for (name, value) in SETTINGS {
            // SAFETY: the step process has one thread at this point, and the texts are constants.
            unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 0) };
        }
        let library = Library::open(paths)?;
        calls::EVENTS.set(events).map_err(|_| PmixError::Unusable)?;
        let server = Self { library, nspace };
        server.init(setup)?;
        server.register(setup)?;
        Ok(server)
    }

    fn init(&self, setup: &Setup) -> Result<(), PmixError> {
        let directory = setup.directory.to_string_lossy();
        let info = Infos::default()
            .text("pmix.srv.nspace", &format!("{}.server", setup.nspace))
            .rank("pmix.srv.rank", setup.here as u32)
            .text("pmix.srvr.tmpdir", &directory)
            .text("pmix.sys.tmpdir", &directory)
            .text("pmix.hname", &setup.nodes[setup.here].name)
            .flag("pmix.srvr.tool", false);
        // SAFETY: the module lives for ever; the attributes live during the call, which copies them.
        let status = unsafe { (self.library.init)(&calls::MODULE, info.as_ptr(), info.len()) };
        self.check("start its server", status)
    }

    fn register(&self, setup: &Setup) -> Result<(), PmixError> {
        let local = &setup.nodes[setup.here].ranks;
        let info = self.job_info(setup)?;
        let local_count = i32::try_from(local.len()).map_err(|_| PmixError::Unusable)?;
        // SAFETY: the attributes live during the call, which copies them, and waits since it has no callback.
        let status = unsafe {
            (self.library.register_nspace)(
                self.nspace.as_ptr(),
                local_count,
                info.as_ptr(),
                info.len(),
                None,
                ptr::null_mut(),
            )
        };
        self.check("register the step", status)?;
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        for rank in local {
            let proc = self.proc(*rank);
            // SAFETY: as above; no object of ours goes with the rank.
            let status = unsafe {
                (self.library.register_client)(&proc, user, group, ptr::null_mut(), None, ptr::null_mut())
            };
            self.check("register a rank", status)?;
        }
        Ok(())
    }

    /// What a library may ask about the step and each of its ranks (PMIx standard, "job-realm attributes").
    fn job_info(&self, setup: &Setup) -> Result<Infos, PmixError> {
        let local = &setup.nodes[setup.here].ranks;
        let commas = |ranks: &[Rank]| ranks.iter().map(Rank::to_string).collect::<Vec<_>>().join(",");
        let names: Vec<&str> = setup.nodes.iter().map(|node| node.name.as_str()).collect();
        let ranks: Vec<String> = setup.nodes.iter().map(|node| commas(&node.ranks)).collect();
        let first = local.first().copied().unwrap_or(Rank(0));
        let mut info = Infos::default()
            .text("pmix.jobid", &setup.nspace)
            .u32("pmix.univ.size", setup.size)
            .u32("pmix.job.size", setup.size)
            .u32("pmix.app.size", setup.size)
            .u32("pmix.max.size", setup.size)
            .u32("pmix.job.napps", 1)
            .u32("pmix.num.nodes", setup.nodes.len() as u32)
            .u32("pmix.local.size", local.len() as u32)
            .u32("pmix.node.size", local.len() as u32)
            .text("pmix.lpeers", &commas(local))
            .rank("pmix.lldr", first.0)
            .text("pmix.tmpdir", &setup.directory.to_string_lossy())
            .text("pmix.nsdir", &setup.directory.to_string_lossy())
            .text("pmix.nmap", &self.generate(self.library.generate_regex, &names.join(","))?)
            .text("pmix.pmap", &self.generate(self.library.generate_ppn, &ranks.join(";"))?);
        for (number, node) in (0..).zip(&setup.nodes) {
            for (local_rank, rank) in (0..).zip(&node.ranks) {
                let of_rank = Infos::default()
                    .rank("pmix.rank", rank.0)
                    .u32("pmix.appnum", 0)
                    .rank("pmix.aldr", 0)
                    .rank("pmix.grank", rank.0)
                    .rank("pmix.apprank", rank.0)
                    .u16("pmix.lrank", local_rank)
                    .u16("pmix.nrank", local_rank)
                    .text("pmix.hname", &node.name)
                    .u32("pmix.nodeid", number);
                info = info.part("pmix.pdata", of_rank);
            }
        }
        Ok(info)
    }

    /// The library's short form of a list.
    fn generate(&self, function: Generate, list: &str) -> Result<String, PmixError> {
        let list = CString::new(list).map_err(|_| PmixError::Unusable)?;
        let mut short: *mut c_char = ptr::null_mut();
        // SAFETY: the result, where there is one, is a NUL-terminated text that is ours to free.
        unsafe {
            let status = function(list.as_ptr(), &mut short);
            self.check("write a list of nodes", status)?;
            let text = library::lossy(short);
            libc::free(short.cast());
            // A compressed list holds NULs, which a text cannot; libraries that write those read plain ones too.
            Ok(if text.starts_with("blob") { format!("raw:{}", list.to_string_lossy()) } else { text })
        }
    }

    /// The variables that lead a rank's library here.
    ///
    /// # Errors
    /// [`PmixError::Failed`].
    pub fn variables(&self, rank: Rank) -> Result<Vec<Variable>, PmixError> {
        let proc = self.proc(rank);
        let mut env: *mut *mut c_char = ptr::null_mut();
        // SAFETY: the library allocates a null-terminated array of texts and gives it away.
        unsafe {
            let status = (self.library.setup_fork)(&proc, &mut env);
            self.check("prepare a rank's environment", status)?;
            let mut variables = Vec::new();
            for at in 0.. {
                if env.is_null() || (*env.add(at)).is_null() {
                    break;
                }
                let entry = CStr::from_ptr(*env.add(at)).to_bytes();
                if let Some(end) = entry.iter().position(|&b| b == b'=') {
                    variables.push((entry[..end].to_vec(), entry[end + 1..].to_vec()));
                }
                libc::free((*env.add(at)).cast());
            }
            libc::free(env.cast());
            Ok(variables)
        }
    }

    fn proc(&self, rank: Rank) -> Proc {
        let mut proc = Proc { nspace: [0; NSPACE_BYTES], rank: rank.0 };
        for (to, from) in proc.nspace.iter_mut().zip(self.nspace.as_bytes()) {
            *to = *from as c_char;
        }
        proc
    }

    fn check(&self, doing: &'static str, status: Status) -> Result<(), PmixError> {
        if status == SUCCESS || status == OPERATION_SUCCEEDED {
            Ok(())
        } else {
            Err(self.library.error(doing, status))
        }
    }
}

impl Drop for PmixServer {
    fn drop(&mut self) {
        // SAFETY: the counterpart of `init`. What it cannot clear away goes with the step's directory.
        unsafe { (self.library.finalize)() };
    }
}
