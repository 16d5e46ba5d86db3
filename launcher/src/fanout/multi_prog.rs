//! `srun --multi-prog`: programs by rank, from a file (`srun(1)`, "MULTIPLE PROGRAM CONFIGURATION"). Pure.
//!
//! ```text
//! # ranks   program and arguments
//! 0         ./server
//! 1-3,5     ./worker %t of the step, %o of this line
//! *         ./idle
//! ```
//! There is no shell: single quotes keep blanks together, a backslash keeps the next character, and at the end of a
//! line joins it with the next; double quotes and variables are as they are.

use prun_runtime::limits::RANKS_MAX;

/// What is wrong with the file, in Slurm's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultiProgError {
    /// A line cannot be read.
    #[error("{why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// Why.
        why: BadLine,
    },
    /// No line speaks of a rank.
    #[error("no record for task id {0}")]
    NoRecord(u32),
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No program.
    #[error("no program")]
    NoProgram,
    /// Ranks that are no numbers.
    #[error("Invalid task range specification ({0})")]
    Ranks(String),
    /// A range that goes down.
    #[error("Invalid task range, {0}-{1}")]
    Range(u32, u32),
    /// A rank that the step does not have.
    #[error("Invalid task id, {0} >= ntasks")]
    TooLarge(u32),
    /// A rank that stands in an earlier line too.
    #[error("Duplicate record for task {0}")]
    Duplicate(u32),
    /// `*` before the last line.
    #[error("Task range specification with asterisk must be last")]
    AsteriskNotLast,
}

impl MultiProgError {
    /// The lines that Slurm writes, without prefix.
    #[must_use]
    pub fn lines(&self, file: &str) -> Vec<String> {
        match self {
            Self::NoRecord(_) => vec![format!("Configuration file {file} invalid, {self}")],
            Self::Line { line, why } => {
                let place = format!("Line {line} of configuration file {file} invalid");
                if *why == BadLine::NoProgram { vec![place] } else { vec![why.to_string(), place] }
            }
        }
    }
}

/// The ranks of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ranks {
    /// In the order written: first and last of each range.
    Listed(Vec<(u32, u32)>),
    /// All that no other line names.
    Others,
}

/// One line: ranks, and the words of their program.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    line: usize,
    ranks: Ranks,
    words: Vec<String>,
}

/// A file that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiProg {
    records: Vec<Record>,
}

impl MultiProg {
    /// Reads a file.
    ///
    /// # Errors
    /// [`MultiProgError::Line`].
    pub fn parse(text: &str) -> Result<Self, MultiProgError> {
        let mut records: Vec<Record> = Vec::new();
        for (line, text) in joined_lines(text) {
            let error = |why| MultiProgError::Line { line, why };
            let mut words = words(&text);
            if words.is_empty() || words[0].starts_with('#') {
                continue;
            }
            let ranks = ranks(&words.remove(0)).map_err(error)?;
            if words.is_empty() {
                return Err(error(BadLine::NoProgram));
            }
            if records.last().is_some_and(|record| record.ranks == Ranks::Others) {
                return Err(error(BadLine::AsteriskNotLast));
            }
            records.push(Record { line, ranks, words });
        }
        Ok(Self { records })
    }

    /// Ranks that the file is for, by its highest; for a step that does not say how many it has.
    #[must_use]
    pub fn ranks(&self) -> u32 {
        let listed = self.records.iter().filter_map(|record| match &record.ranks {
            Ranks::Listed(ranges) => ranges.iter().map(|(_, last)| last + 1).max(),
            Ranks::Others => None,
        });
        listed.max().unwrap_or(1)
    }

    /// The words of each rank's program.
    ///
    /// # Errors
    /// [`MultiProgError`]: a rank without a program, with two, or past the end of the step.
    pub fn programs(&self, size: u32) -> Result<Vec<Vec<String>>, MultiProgError> {
        let mut programs: Vec<Option<Vec<String>>> = vec![None; size as usize];
        for record in &self.records {
            let error = |why| MultiProgError::Line { line: record.line, why };
            let ranks: Vec<u32> = match &record.ranks {
                Ranks::Listed(ranges) => ranges.iter().flat_map(|(first, last)| *first..=*last).collect(),
                Ranks::Others => (0..size).filter(|rank| programs[*rank as usize].is_none()).collect(),
            };
            for (offset, &rank) in ranks.iter().enumerate() {
                // Others are counted by their rank.
                let offset = if record.ranks == Ranks::Others { rank as usize } else { offset };
                match programs.get_mut(rank as usize) {
                    None => {
                        let most = ranks.iter().copied().max().unwrap_or(rank);
                        return Err(error(BadLine::TooLarge(most)));
                    }
                    Some(Some(_)) => return Err(error(BadLine::Duplicate(rank))),
                    Some(none) => {
                        *none = Some(record.words.iter().map(|word| fill_in(word, rank, offset)).collect());
                    }
                }
            }
        }
        let of = |(rank, program): (u32, Option<Vec<String>>)| program.ok_or(MultiProgError::NoRecord(rank));
        (0..).zip(programs).map(of).collect()
    }
}

/// Lines with their numbers; one that ends in a backslash goes on in the next, the two characters between them.
fn joined_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, whole)) => whole.extend(["\n", line]),
            None => lines.push((number, line.to_owned())),
        }
        goes_on = line.ends_with('\\');
    }
    lines
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut begun, mut quoted) = (Vec::new(), String::new(), false, false);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            // As any character behind a backslash it begins a word, though it is none of its letters.
            '\\' if letters.next_if_eq(&'\n').is_some() => begun = true,
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            '\\' if !quoted => {
                word.extend(letters.next());
                begun = true;
            }
            c if c.is_ascii_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn ranks(text: &str) -> Result<Ranks, BadLine> {
    if text == "*" {
        return Ok(Ranks::Others);
    }
    let bad = || BadLine::Ranks(text.to_owned());
    let number = |part: &str| -> Result<u32, BadLine> {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten().filter(|rank| *rank < RANKS_MAX).ok_or_else(bad)
    };
    let range = |part: &str| -> Result<(u32, u32), BadLine> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last { Err(BadLine::Range(first, last)) } else { Ok((first, last)) }
    };
    text.split(',').map(range).collect::<Result<_, _>>().map(Ranks::Listed)
}

/// `%t` is the rank, `%o` its place in the line; what else follows a `%` is dropped with it.
fn fill_in(word: &str, rank: u32, offset: usize) -> String {
    let mut text = String::with_capacity(word.len());
    let mut letters = word.chars();
    while let Some(c) = letters.next() {
        match c {
            '%' => match letters.next() {
                Some('t') => text.push_str(&rank.to_string()),
                Some('o') => text.push_str(&offset.to_string()),
                _ => {}
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn programs(text: &str, size: u32) -> Result<Vec<String>, MultiProgError> {
        let programs = MultiProg::parse(text)?.programs(size)?;
        Ok(programs.iter().map(|words| words.join("|")).collect())
    }

    fn complaint(text: &str, size: u32) -> Vec<String> {
        programs(text, size).unwrap_err().lines("f")
    }

    #[test]
    fn each_rank_has_the_program_of_its_line() {
        let text = "# tasks\n0,2-3  ./a  %o %t\tx%ty\n\n  # more\n  1 ./b one \n* ./rest %o\n";
        assert_eq!(
            programs(text, 6).unwrap(),
            ["./a|0|0|x0y", "./b|one", "./a|1|2|x2y", "./a|2|3|x3y", "./rest|4", "./rest|5"]
        );
        assert_eq!(MultiProg::parse(text).unwrap().ranks(), 4);
    }

    #[test]
    fn words_are_not_a_shells() {
        assert_eq!(
            words(r#"p "a b" 'c d' \\t $X '' x\ y"#),
            ["p", "\"a", "b\"", "c d", "\\t", "$X", "", "x y"]
        );
        assert_eq!(programs("0 ./a b\\\n c\\\n,1\n", 1).unwrap(), ["./a|b|c,1"]);
        assert_eq!(programs("0 ./a b \\\n c\n", 1).unwrap(), ["./a|b||c"]);
        assert_eq!(programs("0 ./a a%%b%x %%t 100%\n", 1).unwrap(), ["./a|ab|t|100"]);
    }

    #[test]
    fn mistakes_are_said_as_slurm_does() {
        let line = |n: u32| format!("Line {n} of configuration file f invalid");
        for (text, size, why, number) in [
            ("0-5 echo a", 2, "Invalid task id, 5 >= ntasks", 1),
            ("0 echo a\n0-1 echo b", 2, "Duplicate record for task 0", 2),
            ("x echo", 2, "Invalid task range specification (x)", 1),
            ("0: echo", 2, "Invalid task range specification (0:)", 1),
            ("1-0 echo", 2, "Invalid task range, 1-0", 1),
            ("* echo\n1 echo", 2, "Task range specification with asterisk must be last", 2),
            ("0-1,0 echo", 2, "Duplicate record for task 0", 1),
            ("99999999 echo", 2, "Invalid task range specification (99999999)", 1),
        ] {
            assert_eq!(complaint(text, size), [why.to_owned(), line(number)], "{text}");
        }
        assert_eq!(complaint("0\n1 echo", 2), [line(1)]);
        assert_eq!(complaint("", 2), ["Configuration file f invalid, no record for task id 0"]);
        assert_eq!(complaint("0 echo", 2), ["Configuration file f invalid, no record for task id 1"]);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "[0-9,*\\- \n'\\\\a%to#-]{0,60}", size in 0_u32..5) {
            let _ = MultiProg::parse(&text).and_then(|file| file.programs(size));
        }
    }
}
