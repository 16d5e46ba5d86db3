//! The one table of options: `#SBATCH`, `sbatch`, `srun`, `salloc`, `prun` and their input variables read the same
//! rows. To add an option, add a row to the file of its topic.
//!
//! Sources: `sbatch(1)`, `srun(1)`, `salloc(1)` of Slurm 24.11.

use super::spec::{JobSpec, Memory, StepSpec};

pub mod getopt;
mod placement;
mod resources;
mod schedule;
mod stdio;
mod steps;
mod submission;
mod unheeded;
pub mod values;

/// Who reads options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `sbatch` and `#SBATCH` lines.
    Sbatch,
    /// `srun`.
    Srun,
    /// `salloc`.
    Salloc,
    /// `prun job.sh`: all of `sbatch`, and its own.
    Prun,
}

impl Command {
    /// The name it is called by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sbatch => "sbatch",
            Self::Srun => "srun",
            Self::Salloc => "salloc",
            Self::Prun => "prun",
        }
    }

    /// What its input variables begin with. `prun` reads those of `sbatch`.
    #[must_use]
    pub fn variable_prefix(self) -> &'static str {
        match self {
            Self::Sbatch | Self::Prun => "SBATCH_",
            Self::Srun => "SLURM_",
            Self::Salloc => "SALLOC_",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Sbatch => B,
            Self::Srun => R,
            Self::Salloc => A,
            Self::Prun => P,
        }
    }
}

/// `sbatch`, and with it `#SBATCH` and `prun`.
const B: u8 = 1;
/// `srun`.
const R: u8 = 2;
/// `salloc`.
const A: u8 = 4;
/// `prun` alone.
const P: u8 = 8;
/// All of Slurm's three.
const ALL: u8 = B | R | A;

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Never.
    Nothing,
    /// Always: `--x=v`, `--x v`, `-xv`, `-x v`.
    Value,
    /// Only joined: `--x=v`, `-xv`.
    Maybe,
}

/// One option.
pub struct Row {
    /// After `--`.
    pub long: &'static str,
    /// After `-`.
    pub short: Option<char>,
    /// Whether it takes a value.
    pub takes: Takes,
    /// Which commands have it, as bits.
    on: u8,
    /// The input variable after the command's prefix; empty for none.
    pub variable: &'static str,
    /// One line for `--help`.
    pub doc: &'static str,
    /// Puts its value into the request.
    pub apply: fn(&mut Request, &str) -> Result<(), Bad>,
}

impl Row {
    /// Whether a command has this option.
    #[must_use]
    pub fn is_for(&self, command: Command) -> bool {
        self.on & command.bit() != 0 || command == Command::Prun && self.on & B != 0
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--{}", self.long)
    }
}

/// Shorthand for the tables: long, short, value, commands, variable, doc, effect.
const fn row(
    long: &'static str,
    short: Option<char>,
    takes: Takes,
    on: u8,
    variable: &'static str,
    doc: &'static str,
    apply: fn(&mut Request, &str) -> Result<(), Bad>,
) -> Row {
    Row { long, short, takes, on, variable, doc, apply }
}

/// Every option there is, by topic.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [resources::ROWS, placement::ROWS, schedule::ROWS, stdio::ROWS, steps::ROWS, submission::ROWS]
        .into_iter()
        .flatten()
}

/// What all options together ask for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Of the job.
    pub job: JobSpec,
    /// Of the step.
    pub step: StepSpec,
    /// Of the command itself.
    pub flags: Flags,
    /// Who says what is read just now.
    pub voice: Voice,
    /// Memory as asked for in each of its ways.
    pub memory: MemoryAsked,
    /// A value that Slurm's controller, not its command, refuses: said when all else has been read.
    pub refused: Option<Bad>,
    /// Options that were read and that no cluster of prun heeds, as Slurm says it of its default configuration.
    pub ignored: Vec<&'static str>,
    /// The components before this one, where the script is of a heterogeneous job.
    pub earlier: Vec<JobSpec>,
    /// Components stand apart by a word that Slurm gives up.
    pub packjob: bool,
}

impl Request {
    /// All components, the first one first.
    #[must_use]
    pub fn components(&self) -> Vec<&JobSpec> {
        self.earlier.iter().chain([&self.job]).collect()
    }

    /// What follows asks for the next component.
    pub fn begin_component(&mut self) {
        let next = self.job.next_component();
        self.earlier.push(self.job.clone());
        self.take_over(next);
    }

    /// Goes on with a component that has something of the one before it.
    pub(super) fn take_over(&mut self, next: JobSpec) {
        self.memory = MemoryAsked::default();
        next.memory.into_iter().for_each(|memory| self.memory.say(Voice::Line, memory));
        self.job = next;
    }

    /// A component that has no time limit has that of the first one that has.
    pub fn share_time_limit(&mut self) {
        let limit = self.components().iter().find_map(|job| job.time_limit);
        for job in self.components_mut() {
            job.time_limit = job.time_limit.or(limit);
        }
    }

    /// The same, to be completed.
    pub fn components_mut(&mut self) -> impl Iterator<Item = &mut JobSpec> {
        self.earlier.iter_mut().chain([&mut self.job])
    }
}

/// Who says something: of two ways to ask for the same, variables are quiet beside directives and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Voice {
    /// A `#SBATCH` line or the command line.
    #[default]
    Line,
    /// An input variable.
    Variable,
}

/// Of `--mem`, `--mem-per-cpu` and `--mem-per-gpu` only one may be said (`_validate_memory_options` of 24.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryAsked {
    said: [Option<(Voice, Memory)>; 3],
}

impl MemoryAsked {
    /// Notes one; what was said before in the same way counts no longer.
    pub fn say(&mut self, voice: Voice, memory: Memory) {
        let way = match memory {
            Memory::PerNode(_) => 0,
            Memory::PerCpu(_) => 1,
            Memory::PerGpu(_) => 2,
        };
        self.said[way] = Some((voice, memory));
    }

    /// The one that counts.
    ///
    /// # Errors
    /// Slurm's line about two of them.
    pub fn settle(&self) -> Result<Option<Memory>, &'static str> {
        let by = |voice| {
            let said = self.said.iter().flatten().filter(move |(by, _)| *by == voice);
            said.map(|(_, memory)| *memory).collect::<Vec<_>>()
        };
        match (by(Voice::Line).as_slice(), by(Voice::Variable).as_slice()) {
            ([], []) => Ok(None),
            ([one], _) | ([], [one]) => Ok(Some(*one)),
            ([], _) => {
                Err("SLURM_MEM_PER_CPU, SLURM_MEM_PER_GPU, and SLURM_MEM_PER_NODE are mutually exclusive.")
            }
            _ => Err("--mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive."),
        }
    }
}

/// What options ask of the command itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags {
    /// `--parsable`.
    pub parsable: bool,
    /// `--wait` of sbatch.
    pub wait: bool,
    /// `--wrap`.
    pub wrap: Option<String>,
    /// `--test-only`.
    pub test_only: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// `--verbose`, counted.
    pub verbose: u8,
    /// `--help`.
    pub help: bool,
    /// `--usage`.
    pub usage: bool,
    /// `--version`.
    pub version: bool,
    /// `--no-shell` of salloc.
    pub no_shell: bool,
    /// `--kill-command` of salloc: signal number.
    pub kill_command: Option<String>,
    /// `--bell`, `--no-bell` of salloc.
    pub bell: Option<bool>,
    /// `--export-file`.
    pub export_file: Option<String>,
    /// `--clusters`.
    pub clusters: Option<String>,
    /// `--nodefile`: read where files are read.
    pub nodefile: Option<String>,
    /// `--nodelist` with a `/` in it: a file as well.
    pub nodelist_file: Option<String>,
    /// `--exclude` with a `/` in it.
    pub exclude_file: Option<String>,
    /// `--begin` as written: what it means depends on the clock.
    pub begin: Option<String>,
    /// `--deadline` as written.
    pub deadline: Option<String>,
    /// `--chdir` as written.
    pub chdir: Option<String>,
    /// `--local` of prun.
    pub local: Option<String>,
    /// `--hosts` of prun.
    pub hosts: Option<String>,
    /// `--on` of prun.
    pub on: Option<String>,
    /// `--ssh` of prun.
    pub ssh: Option<String>,
    /// `--plan` of prun.
    pub plan: bool,
}

/// Why a value is refused, in the forms that Slurm has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bad {
    /// `Invalid numeric value "x" for --ntasks.`, exit 1.
    Number,
    /// `Numeric argument (99999999999) too large for --ntasks.`, exit 1.
    TooLarge,
    /// `Invalid --time specification`, exit 255.
    Specification,
    /// `Invalid time specification`, and then as `Specification`.
    Time(crate::script::begin::NoTime),
    /// A line of its own, and the exit code.
    Line(String, u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_has_an_option_twice() {
        for command in [Command::Sbatch, Command::Srun, Command::Salloc, Command::Prun] {
            let mut longs: Vec<_> = rows().filter(|row| row.is_for(command)).map(|row| row.long).collect();
            let mut shorts: Vec<_> =
                rows().filter(|row| row.is_for(command)).filter_map(|row| row.short).collect();
            let counts = (longs.len(), shorts.len());
            longs.sort_unstable();
            longs.dedup();
            shorts.sort_unstable();
            shorts.dedup();
            assert_eq!((longs.len(), shorts.len()), counts, "{command:?}");
        }
    }
}
