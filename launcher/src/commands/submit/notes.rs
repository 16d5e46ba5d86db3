//! What a command says on stderr before it submits.

use crate::script::options::{Command, Request};

/// Options that are not heeded.
#[must_use]
pub fn ignored(command: Command, request: &Request) -> Vec<String> {
    let why = "since it's not allowed by configuration (AllowSpecResourcesUsage = No)";
    let line = |option: &&str| format!("{}: error: Ignoring {option} {why}", command.name());
    let mut lines: Vec<String> = request.ignored.iter().map(line).collect();
    if request.packjob && !request.flags.quiet {
        let why = "The \"packjob\" component separator is deprecated. Please use \"hetjob\" instead.";
        lines.push(format!("{}: warning: {why}", command.name()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::read_line;

    #[test]
    fn what_is_not_done_as_asked_is_said() {
        let lines = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            ignored(Command::Sbatch, &read_line(Command::Sbatch, &words, &|_| None).unwrap().0)
        };
        let spec = "sbatch: error: Ignoring -S since it's not allowed by configuration (AllowSpecResourcesUsage = No)";
        assert_eq!(lines("-S 1 --core-spec=2"), [spec]);
        assert_eq!(lines("-Q -S 1"), [spec]);
        assert_eq!(lines("-n 3 -N 3"), [""; 0]);
    }
}
