//! A task's environment: the step's variables, over them the node's and the task's, over them what only the step
//! process knows.

use std::collections::HashMap;
use std::ffi::{CStr, CString};

use crate::env;
use crate::server::guard::Workspace;
use crate::wire::launch::{NodeTasks, StepLaunch, TaskLaunch};

/// `KEY=VALUE` entries in which later ones of a key replace earlier ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    entries: Vec<CString>,
    places: HashMap<Vec<u8>, usize>,
}

impl Environment {
    /// The variables that all tasks of a step on a rank server have.
    #[must_use]
    pub(super) fn of_step(launch: &StepLaunch, workspace: &Workspace) -> Self {
        let mut environment = Self::default();
        for (key, value) in &launch.env {
            environment.set(key, value);
        }
        env::MPI_LAUNCHERS.iter().for_each(|name| environment.unset(name.as_bytes()));
        if environment.get(env::TMPDIR).is_none() {
            environment.set(env::TMPDIR.as_bytes(), b"/tmp");
        }
        environment.prepend_path(workspace.bin.as_os_str().as_encoded_bytes());
        environment.set(env::SOCKET.as_bytes(), workspace.socket.as_os_str().as_encoded_bytes());
        // Of the step that this one was launched from.
        environment.unset(env::STEP_SOCKET.as_bytes());
        if workspace.lasting {
            let own = workspace.step_socket(launch.launched());
            environment.set(env::STEP_SOCKET.as_bytes(), own.as_os_str().as_encoded_bytes());
        }
        for (key, value) in [
            (env::JOB, launch.key.job.to_string()),
            (env::STEP, launch.key.step.0.to_string()),
            (env::SIZE, launch.size.to_string()),
            (env::STEP_SECRET, launch.secret.to_hex()),
        ] {
            environment.set(key.as_bytes(), value.as_bytes());
        }
        environment
    }

    /// These and the variables of one task.
    #[must_use]
    pub(super) fn with_task(&self, node: &NodeTasks, task: &TaskLaunch) -> Self {
        let mut environment = self.clone();
        for (key, value) in node.env.iter().chain(&task.env) {
            environment.set(key, value);
        }
        for (key, value) in [
            (env::RANK, task.rank.to_string()),
            (env::LOCAL_RANK, task.local_rank.to_string()),
            (env::LOCAL_SIZE, node.tasks.len().to_string()),
            (env::NODE, node.name.clone()),
            (env::SLURMD_NODENAME, node.name.clone()),
        ] {
            environment.set(key.as_bytes(), value.as_bytes());
        }
        environment
    }

    /// Sets a variable. One whose name or value no environment can hold (a NUL byte, `=` in the name) is left out.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) {
        let Ok(entry) = CString::new([key, b"=", value].concat()) else { return };
        if key.is_empty() || key.contains(&b'=') {
            return;
        }
        match self.places.get(key) {
            Some(&place) => self.entries[place] = entry,
            None => {
                self.places.insert(key.to_vec(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    /// Takes a variable out.
    pub(super) fn unset(&mut self, key: &[u8]) {
        if let Some(place) = self.places.remove(key) {
            self.entries.remove(place);
            self.places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        }
    }

    /// A variable's value.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let place = *self.places.get(key.as_bytes())?;
        self.entries[place].as_bytes().get(key.len() + 1..)
    }

    /// As `execve(2)` takes it.
    pub(super) fn entries(&self) -> impl Iterator<Item = &CStr> {
        self.entries.iter().map(CString::as_c_str)
    }

    /// Puts a directory first on the `PATH`, once.
    fn prepend_path(&mut self, directory: &[u8]) {
        let path = self.get(env::PATH).unwrap_or(b"/usr/local/bin:/usr/bin:/bin");
        let others = path.split(|&b| b == b':').filter(|part| *part != directory);
        let mut whole = directory.to_vec();
        for part in others {
            whole.push(b':');
            whole.extend_from_slice(part);
        }
        self.set(env::PATH.as_bytes(), &whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_values_replace_earlier_ones_and_the_path_gets_its_directory_once() {
        let mut environment = Environment::default();
        for (key, value) in [("A", "1"), ("PATH", "/x:/usr/bin"), ("A", "2"), ("B=", "3"), ("C", "4")] {
            environment.set(key.as_bytes(), value.as_bytes());
        }
        environment.prepend_path(b"/own");
        environment.prepend_path(b"/own");
        environment.unset(b"A");
        let entries: Vec<_> = environment.entries().map(|entry| entry.to_str().unwrap()).collect();
        assert_eq!(entries, ["PATH=/own:/x:/usr/bin", "C=4"]);
        assert_eq!((environment.get("C"), environment.get("A")), (Some(&b"4"[..]), None));
    }
}
