//! PMIx on a step's side: the library serves its clients on a thread of its own, and what it asks comes here.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::rc::Rc;

use serde_bytes::ByteBuf;
use tokio::sync::mpsc;

use super::environment::Environment;
use super::step::Step;
use crate::env;
use crate::ids::Rank;
use crate::pmi::attendance::{Attendance, Reason};
use crate::server::shared_memory;
use crate::server::sys::pmix::{Event, FenceAnswer, PmixError, PmixServer, ServedNode, Setup};
use crate::wire::launch::{Mpi, MpiKind, StepLaunch};

/// The server, and which ranks have come to it.
#[derive(Debug)]
pub(super) struct Pmix {
    server: PmixServer,
    attendance: Attendance,
    /// Where its files are; removed with it.
    directory: PathBuf,
    /// Where Open MPI's files in shared memory are; removed by the step process.
    shared: Option<PathBuf>,
}

/// What tells Open MPI 4 and 5 of it. Without it they leave their files even where they end well: they have registered
/// them with a launcher that removes them.
const SHARED: [&str; 2] = ["OMPI_MCA_btl_vader_backing_directory", "OMPI_MCA_btl_sm_backing_directory"];

impl Drop for Pmix {
    fn drop(&mut self) {
        // What the library has left open there goes with the rank server's directory.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Where a PMIx library is looked for, after what the user and the launcher name: by the loader, then where Debian
/// puts those that are not the default one.
const PLACES: [&str; 4] = [
    "libpmix.so.2",
    "/usr/lib/x86_64-linux-gnu/pmix2/lib/libpmix.so.2",
    "/usr/lib/aarch64-linux-gnu/pmix2/lib/libpmix.so.2",
    "/usr/lib64/libpmix.so.2",
];

impl Step {
    /// Starts the PMIx server where the launch wants one. `false`: the step cannot do without it, and it was said why.
    pub(super) fn start_pmix(self: &Rc<Self>) -> bool {
        let Some(Mpi { kind: MpiKind::Pmix { library, required }, .. }) = &self.launch.mpi else {
            return true;
        };
        match self.try_pmix(library.as_deref().map(Vec::as_slice)) {
            Ok(()) => true,
            Err(error) => {
                let cause =
                    std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                let severity = if *required { "error" } else { "warning" };
                self.notice(&format!(
                    "{severity}: MPI ranks cannot find one another over PMIx: {error}{cause}; install one (Debian: \
                     `libpmix2`), or name it in `{}`",
                    env::LIBPMIX
                ));
                !required
            }
        }
    }

    fn try_pmix(self: &Rc<Self>, library: Option<&[u8]>) -> Result<(), PmixStartError> {
        let ranks: Vec<Rank> = self.tasks.borrow().iter().map(|task| task.rank).collect();
        let directory = self.workspace.directory.join(format!("pmix-{}", self.launch.key));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let (nodes, here) = as_served(&self.launch);
        let setup = Setup {
            nspace: format!("prun.{}", self.launch.key),
            directory: directory.clone(),
            size: self.launch.size,
            nodes,
            here,
        };
        // Of each rank the end and one call that waits.
        let (sender, events) = mpsc::channel(2 * ranks.len() + 1);
        let server = PmixServer::start(&self.places(library), &setup, sender)?;
        // Without one they are where Open MPI puts them by itself.
        let shared = shared_memory::make_directory().ok();
        let pmix = Pmix { server, attendance: Attendance::new(ranks), directory, shared };
        *self.pmix.borrow_mut() = Some(pmix);
        let step = Rc::clone(self);
        tokio::task::spawn_local(async move { step.hear_pmix(events).await });
        Ok(())
    }

    fn places(&self, library: Option<&[u8]>) -> Vec<PathBuf> {
        let named = |(key, value): &(ByteBuf, ByteBuf)| {
            (key.as_slice() == env::LIBPMIX.as_bytes()).then(|| value.to_vec())
        };
        let own = self.launch.env.iter().rev().find_map(named);
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let first = own.as_deref().into_iter().chain(library).map(path);
        first.chain(PLACES.iter().map(PathBuf::from)).collect()
    }

    /// Adds the variables that lead a rank's library to the server.
    pub(super) fn lead_to_pmix(&self, at: usize, environment: &mut Environment) {
        let pmix = self.pmix.borrow();
        let Some(pmix) = pmix.as_ref() else { return };
        let rank = self.tasks.borrow()[at].rank;
        if let Some(directory) = &pmix.shared {
            SHARED.iter().for_each(|key| {
                environment.set(key.as_bytes(), directory.as_os_str().as_encoded_bytes());
            });
        }
        match pmix.server.variables(rank) {
            Ok(variables) => variables.iter().for_each(|(key, value)| environment.set(key, value)),
            Err(error) => self.notice(&format!("warning: rank {rank} will not find the others: {error}")),
        }
    }

    async fn hear_pmix(self: Rc<Self>, mut events: mpsc::Receiver<Event>) {
        while let Some(event) = events.recv().await {
            match event {
                Event::Connected { rank } => self.attend(|ranks| ranks.connected(rank)),
                Event::Finalized { rank } => self.attend(|ranks| {
                    ranks.finalized(rank);
                    None
                }),
                Event::Abort { rank, code, message } => {
                    let message = message.trim();
                    let why =
                        if message.is_empty() { "called MPI_Abort".to_owned() } else { message.to_owned() };
                    self.abort(rank, Some(code), why);
                }
                Event::Spawn { rank } => self.notice(&format!(
                    "warning: rank {rank} has asked for what is not served: prun starts no processes into a running \
                     step"
                )),
                Event::Fence { group, data, answer } => {
                    let step = Rc::clone(&self);
                    tokio::task::spawn_local(async move { step.fence_for_pmix(group, data, answer).await });
                }
            }
        }
    }

    async fn fence_for_pmix(&self, group: Vec<Rank>, data: Vec<u8>, answer: FenceAnswer) {
        let own = self.tasks.borrow().iter().map(|task| task.rank).collect::<Vec<_>>();
        let ranks: Vec<Rank> =
            own.into_iter().filter(|rank| group.is_empty() || group.binary_search(rank).is_ok()).collect();
        let speaker = ranks.first().copied().unwrap_or(Rank(0));
        match self.exchange(group, ranks, ByteBuf::from(data)).await {
            Ok(parts) => answer.give(Some(parts.iter().flat_map(|part| part.iter().copied()).collect())),
            Err(why) => {
                self.abort(speaker, None, why);
                answer.give(None);
            }
        }
    }

    /// Whether some rank's library has ever come.
    pub(super) fn pmix_was_spoken_to(&self) -> bool {
        self.pmix.borrow().as_ref().is_some_and(|pmix| pmix.attendance.was_spoken_to())
    }

    /// A rank's process has ended.
    pub(super) fn leave_pmix(&self, rank: Rank) {
        self.attend(|ranks| ranks.ended(rank));
    }

    fn attend(&self, happens: impl FnOnce(&mut Attendance) -> Option<Reason>) {
        let reason = self.pmix.borrow_mut().as_mut().and_then(|pmix| happens(&mut pmix.attendance));
        if let Some((rank, why)) = reason {
            self.abort(rank, None, why);
        }
    }
}

/// The step's nodes as the library is told of them, and which of them is this one. It can serve one node a process:
/// several that this process stands for are one machine in any case, and are told of as one.
fn as_served(launch: &StepLaunch) -> (Vec<ServedNode>, usize) {
    let own: Vec<&str> = launch.nodes.iter().map(|node| node.name.as_str()).collect();
    let mut served: Vec<ServedNode> = Vec::with_capacity(launch.layout.len());
    let mut here = None;
    for node in &launch.layout {
        match here.filter(|_| own.contains(&node.name.as_str())) {
            Some(at) => {
                let merged: &mut ServedNode = &mut served[at];
                merged.ranks.extend(node.ranks());
                merged.ranks.sort_unstable();
            }
            None => {
                if own.contains(&node.name.as_str()) {
                    here = Some(served.len());
                }
                served.push(ServedNode { name: node.name.clone(), ranks: node.ranks().collect() });
            }
        }
    }
    (served, here.unwrap_or(usize::MAX))
}

/// Why the server cannot be started.
#[derive(Debug, thiserror::Error)]
enum PmixStartError {
    #[error("cannot make its directory")]
    Directory(#[from] io::Error),
    #[error(transparent)]
    Library(#[from] PmixError),
}
