//! Ends of tasks, in Slurm's words and grouped as Slurm groups them. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prun_runtime::wire::step::Exit;

/// Tasks that ended alike on one node: `tasks 0-2,5`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// By node, then by how they ended (code, signal, core).
    groups: BTreeMap<(usize, i32, i32, bool), Vec<u32>>,
}

impl Groups {
    /// Adds a task.
    pub fn add(&mut self, node: usize, rank: u32, exit: &Exit) {
        self.groups.entry((node, exit.code, exit.signal, exit.core)).or_default().push(rank);
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// `slurmnode1: tasks 0-1: Exited with exit code 3`, one line a group, and whether it is an error; nothing stays.
    pub fn take_lines(&mut self, nodes: &[String]) -> Vec<(String, bool)> {
        let groups = std::mem::take(&mut self.groups);
        let line = |((node, code, signal, core), ranks): ((usize, i32, i32, bool), Vec<u32>)| {
            let line = format!("{}: {}: {}", nodes[node], tasks(ranks), ending(code, signal, core));
            (line, (code, signal) != (0, 0))
        };
        groups.into_iter().map(line).collect()
    }
}

/// `task 3`, `tasks 0-2,5`.
#[must_use]
pub fn tasks(ranks: Vec<u32>) -> String {
    let plural = if ranks.len() == 1 { "" } else { "s" };
    format!("task{plural} {}", ranges(ranks))
}

/// `3`, `0-2,5`.
#[must_use]
pub fn ranges(mut ranks: Vec<u32>) -> String {
    ranks.sort_unstable();
    let mut text = String::new();
    let mut rest = ranks.as_slice();
    while let Some(&first) = rest.first() {
        let length = rest.iter().zip(first..).take_while(|(rank, expected)| *rank == expected).count();
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = match rest[length - 1] {
            last if last == first => write!(text, "{comma}{first}"),
            last => write!(text, "{comma}{first}-{last}"),
        };
        rest = &rest[length..];
    }
    text
}

/// `Completed`, `Exited with exit code 3`, `Segmentation fault (core dumped)`.
#[must_use]
pub fn ending(code: i32, signal: i32, core: bool) -> String {
    match (signal, core) {
        (0, _) if code == 0 => "Completed".to_owned(),
        (0, _) => format!("Exited with exit code {code}"),
        (signal, false) => signal_text(signal),
        (signal, true) => format!("{} (core dumped)", signal_text(signal)),
    }
}

/// A signal in words (`strsignal(3)`).
#[must_use]
pub fn signal_text(signal: i32) -> String {
    const WORDS: &[&str] = &[
        "Hangup",
        "Interrupt",
        "Quit",
        "Illegal instruction",
        "Trace/breakpoint trap",
        "Aborted",
        "Bus error",
        "Floating point exception",
        "Killed",
        "User defined signal 1",
        "Segmentation fault",
        "User defined signal 2",
        "Broken pipe",
        "Alarm clock",
        "Terminated",
        "Stack fault",
        "Child exited",
        "Continued",
        "Stopped (signal)",
        "Stopped",
        "Stopped (tty input)",
        "Stopped (tty output)",
        "Urgent I/O condition",
        "CPU time limit exceeded",
        "File size limit exceeded",
        "Virtual timer expired",
        "Profiling timer expired",
        "Window changed",
        "I/O possible",
        "Power failure",
        "Bad system call",
    ];
    let at = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    match at.and_then(|at| WORDS.get(at)) {
        Some(words) => (*words).to_owned(),
        None => format!("Signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_listed_as_ranges() {
        assert_eq!(tasks(vec![3]), "task 3");
        assert_eq!(tasks(vec![2, 0, 1, 5, 8, 7]), "tasks 0-2,5,7-8");
    }

    #[test]
    fn tasks_that_end_alike_on_a_node_share_a_line() {
        let nodes = ["n1".to_owned(), "n2".to_owned()];
        let mut groups = Groups::default();
        let code = |code| Exit { code, ..Exit::default() };
        let killed = Exit { signal: 9, ..Exit::default() };
        let dumped = Exit { signal: 11, core: true, ..Exit::default() };
        for (node, rank, exit) in [
            (1, 3, code(7)),
            (0, 1, code(7)),
            (0, 0, code(7)),
            (1, 4, killed),
            (1, 2, dumped),
            (0, 5, code(9)),
            (0, 6, code(0)),
        ] {
            groups.add(node, rank, &exit);
        }
        assert_eq!(
            groups
                .take_lines(&nodes)
                .into_iter()
                .map(|(line, error)| format!("{error} {line}"))
                .collect::<Vec<_>>(),
            [
                "false n1: task 6: Completed",
                "true n1: tasks 0-1: Exited with exit code 7",
                "true n1: task 5: Exited with exit code 9",
                "true n2: task 4: Killed",
                "true n2: task 2: Segmentation fault (core dumped)",
                "true n2: task 3: Exited with exit code 7",
            ]
        );
        assert!(groups.is_empty());
    }

    #[test]
    fn signals_without_a_name_keep_their_number() {
        assert_eq!(signal_text(15), "Terminated");
        assert_eq!(signal_text(31), "Bad system call");
        assert_eq!(signal_text(40), "Signal 40");
        assert_eq!(signal_text(0), "Signal 0");
    }
}
