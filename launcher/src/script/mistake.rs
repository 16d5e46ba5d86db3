//! A mistake of the user, in two voices: Slurm's exact lines, and prun's, which points at the place.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::directives::{NotAScript, Place};
use super::options::getopt::WordErrorKind;
use super::options::{Bad, Command, rows};

/// What is wrong with a script, a command line or a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What the command exits with.
    pub exit_code: u8,
    /// The lines that Slurm writes on stderr.
    pub slurm: Vec<String>,
    /// What is wrong, in a sentence for prun.
    pub title: String,
    /// Where in the script.
    pub place: Option<Place>,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    /// A text that is no script.
    #[must_use]
    pub fn not_a_script(why: NotAScript) -> Self {
        let text = why.to_string();
        let title = match why {
            NotAScript::Empty => "the job script is empty",
            NotAScript::Blank => "the job script holds nothing but blanks",
            NotAScript::NoInterpreter => "the job script does not begin with `#!` and an interpreter",
            NotAScript::Nul => "the job script holds a NUL byte",
            NotAScript::DosLineBreaks => "the job script has DOS line breaks",
        };
        Self {
            exit_code: 1,
            slurm: text.lines().map(|line| format!("sbatch: error: {line}")).collect(),
            title: title.to_owned(),
            place: None,
            help: Some(why.help().to_owned()),
        }
    }

    /// A word or value that an option refuses.
    #[must_use]
    pub fn option(command: Command, kind: &WordErrorKind, place: Option<Place>) -> Self {
        let name = if command == Command::Prun { "sbatch" } else { command.name() };
        let usage = format!("Try \"{name} --help\" for more information");
        let unrecognised = |line: String| vec![format!("{name}: {line}"), usage.clone()];
        let (exit_code, slurm, title) = match kind {
            WordErrorKind::Unknown(word) => {
                (255, unrecognised(format!("unrecognized option '{word}'")), format!("no option `{word}`"))
            }
            WordErrorKind::UnknownShort(letter) => {
                (255, unrecognised(format!("invalid option -- '{letter}'")), format!("no option `-{letter}`"))
            }
            WordErrorKind::Ambiguous(word, possible) => {
                let list: Vec<String> = possible.iter().map(|long| format!("'--{long}'")).collect();
                let line = format!("option '{word}' is ambiguous; possibilities: {}", list.join(" "));
                (255, unrecognised(line), format!("`{word}` can be several options: {}", list.join(", ")))
            }
            WordErrorKind::NeedsValue(option) if option.starts_with("--") => {
                let line = format!("option '{option}' requires an argument");
                (255, unrecognised(line), format!("`{option}` needs a value"))
            }
            WordErrorKind::NeedsValue(letter) => {
                let line = format!("option requires an argument -- '{letter}'");
                (255, unrecognised(line), format!("`-{letter}` needs a value"))
            }
            WordErrorKind::TakesNone(option) => {
                let line = format!("option '--{option}' doesn't allow an argument");
                (255, unrecognised(line), format!("`--{option}` takes no value"))
            }
            WordErrorKind::Value { option, value, bad } => refused_value(name, option, value, bad),
        };
        Self { exit_code, slurm, title, place, help: help(command, kind) }
    }

    /// A word of a directive that is no option.
    #[must_use]
    pub fn stray_word(word: &str, place: Place) -> Self {
        Self {
            exit_code: 255,
            slurm: vec![format!("sbatch: error: Invalid directive found in batch script: {word}")],
            title: format!("`{word}` is no option"),
            place: Some(place),
            help: Some(
                "options begin with `-` or `--`; a value with blanks needs quotes; `#` begins a comment"
                    .to_owned(),
            ),
        }
    }

    /// Anything else: a line for both voices, without prefix.
    #[must_use]
    pub fn line(command: Command, text: &str, exit_code: u8) -> Self {
        let name = if command == Command::Prun { "sbatch" } else { command.name() };
        Self {
            exit_code,
            slurm: vec![format!("{name}: error: {text}")],
            title: text.to_owned(),
            place: None,
            help: None,
        }
    }

    /// What the options cannot ask together: Slurm's command dies of it.
    #[must_use]
    pub fn fatal(command: Command, text: &str) -> Self {
        let mistake = Self::line(command, text, 1);
        let slurm = mistake.slurm.iter().map(|line| line.replacen("error", "fatal", 1)).collect();
        Self { slurm, ..mistake }
    }

    /// prun's voice: title, place in the script, help.
    #[must_use]
    pub fn render(&self, name: &str, script: &[u8], colour: bool) -> String {
        let text = String::from_utf8_lossy(script);
        let mut groups = Vec::new();
        let title = Level::ERROR.primary_title(&self.title);
        let span = self.place.map(|place| {
            let before: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
            whole_characters(&text, before + place.column, place.length)
        });
        let mut group = match span {
            Some(span) => Group::with_title(title).element(
                Snippet::source(text.as_ref()).path(name).annotation(AnnotationKind::Primary.span(span)),
            ),
            None => Group::with_title(title),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        groups.push(group);
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&groups).to_string()
    }
}

/// A part of a text, made wider where it would cut through a character: within a word that has quotes, a place is that
/// of the word without them.
fn whole_characters(text: &str, start: usize, length: usize) -> Range<usize> {
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let start = start.min(text.len());
    let end = (start + length).min(text.len());
    let before = (0..=start).rev().find(boundary).unwrap_or(0);
    before..(end..=text.len()).find(boundary).unwrap_or(text.len())
}

/// Exit code, Slurm's lines and prun's title for a refused value.
fn refused_value(name: &str, option: &str, value: &str, bad: &Bad) -> (u8, Vec<String>, String) {
    let title = format!("`{value}` is no value for `--{option}`");
    match bad {
        Bad::Number => {
            (1, vec![format!("{name}: error: Invalid numeric value \"{value}\" for --{option}.")], title)
        }
        Bad::TooLarge => {
            (1, vec![format!("{name}: error: Numeric argument ({value}) too large for --{option}.")], title)
        }
        Bad::Time(why) => {
            let line = format!("{name}: error: Invalid --{option} specification");
            (255, why.line(value).into_iter().chain([line]).collect(), title)
        }
        Bad::Specification => (255, vec![format!("{name}: error: Invalid --{option} specification")], title),
        Bad::Line(line, code) => {
            (*code, line.lines().map(|line| format!("{name}: error: {line}")).collect(), line.clone())
        }
    }
}

/// What to do about a word that is wrong.
fn help(command: Command, kind: &WordErrorKind) -> Option<String> {
    match kind {
        WordErrorKind::Unknown(word) => {
            let written = word.trim_start_matches('-').split('=').next().unwrap_or_default();
            let nearest = rows()
                .filter(|row| row.is_for(command))
                .map(|row| (distance(written, row.long), row.long))
                .min()?;
            (nearest.0 <= 2.max(written.len() / 4)).then(|| format!("did you mean `--{}`?", nearest.1))
        }
        WordErrorKind::Value { option: "time", .. } => {
            Some("times are MINUTES, M:S, H:M:S, DAYS-HOURS, D-H:M or D-H:M:S".to_owned())
        }
        WordErrorKind::Value { option: "mem" | "mem-per-cpu" | "tmp", .. } => {
            Some("sizes are whole numbers with K, M, G or T, as in `500M`".to_owned())
        }
        WordErrorKind::Value { bad: Bad::Number, .. } => Some("a whole number is wanted".to_owned()),
        _ => None,
    }
}

/// Levenshtein distance, for short words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let cost = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_option_points_at_itself_and_names_its_neighbour() {
        let script = b"#!/bin/bash\n#SBATCH --ntask5=6\n";
        let place = Place { line: 2, column: 8, length: 10 };
        let kind = WordErrorKind::Unknown("--ntask5=6".to_owned());
        let mistake = Mistake::option(Command::Prun, &kind, Some(place));
        let text = mistake.render("job.sh", script, false);
        assert!(text.contains("job.sh:2:9") && text.contains("did you mean `--ntasks`?"), "{text}");
    }
}
