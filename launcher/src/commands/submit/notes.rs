//! What a command says on stderr before it submits.

use crate::layout::demand::Demand;
use crate::script::options::{Command, Request};

/// Options that are not heeded, and how the request was brought together; the latter not where it is to be quiet.
#[must_use]
pub fn lines(command: Command, request: &Request) -> Vec<String> {
    let mut lines = ignored(command, request);
    // What is wrong with a request beyond that, the controller says.
    if let Some(demand) = Demand::of(&request.job).ok().filter(|_| !request.flags.quiet) {
        lines.extend(demand.warnings.iter().map(|text| format!("{}: warning: {text}", command.name())));
    }
    lines
}

/// Options that are not heeded.
#[must_use]
pub fn ignored(command: Command, request: &Request) -> Vec<String> {
    let why = "since it's not allowed by configuration (AllowSpecResourcesUsage = No)";
    let line = |option: &&str| format!("{}: error: Ignoring {option} {why}", command.name());
    request.ignored.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::read_line;

    #[test]
    fn what_is_not_done_as_asked_is_said() {
        let lines = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            lines(Command::Sbatch, &read_line(Command::Sbatch, &words, &|_| None).unwrap().0)
        };
        let spec = "sbatch: error: Ignoring -S since it's not allowed by configuration (AllowSpecResourcesUsage = No)";
        let nodes = "sbatch: warning: can't run 2 processes on 3 nodes, setting nnodes to 2";
        assert_eq!(lines("-S 1 --core-spec=2 -n 2 -N 3"), [spec, nodes]);
        assert_eq!(lines("-Q -S 1 -n 2 -N 3"), [spec]);
        assert_eq!(lines("-n 3 -N 3"), [""; 0]);
    }
}
