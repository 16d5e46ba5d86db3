//! Statements → configuration.

use super::known::{self, Meaning};
use super::mistake::{Mistake, Warning};
use super::node::NodeLines;
use super::partition::PartitionLines;
use super::scan::Word;
use super::source::Source;
use super::{global, node, partition};
use crate::controller::core::config::Config;

/// What has been read so far.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) config: Config,
    pub(super) nodes: NodeLines,
    pub(super) partitions: PartitionLines,
    /// `SlurmctldHost` was there.
    pub(super) host_given: bool,
    mistakes: Vec<Mistake>,
    warnings: Vec<Warning>,
}

/// Reads a configuration over `base`, which holds where it says nothing.
///
/// # Errors
/// All of its mistakes, in the order of the text.
pub fn read(source: &Source, base: Config) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
    let mut reading = Reading {
        config: base,
        nodes: NodeLines::default(),
        partitions: PartitionLines::default(),
        host_given: false,
        mistakes: source.mistakes.clone(),
        warnings: Vec::new(),
    };
    for words in &source.statements {
        reading.statement(words);
    }
    reading.settle();
    if reading.mistakes.is_empty() {
        return Ok((reading.config, reading.warnings));
    }
    reading.mistakes.sort_by_key(|mistake| (mistake.span.file, mistake.span.start));
    Err(reading.mistakes)
}

impl Reading {
    fn statement(&mut self, words: &[Word]) {
        let Some((first, rest)) = words.split_first() else { return };
        match first.lower().as_str() {
            "nodename" => node::line(self, first, rest),
            "partitionname" => partition::line(self, first, rest),
            "downnodes" | "nodeset" | "frontendname" | "switchname" => {
                self.warn(first, format!("`{}` lines are not done by prun; passed over", first.key));
            }
            _ => {
                for word in words {
                    global::word(self, word);
                }
            }
        }
    }

    /// What needs the whole text: partitions name nodes of any line.
    fn settle(&mut self) {
        node::settle(self);
        partition::settle(self);
    }

    /// The good value, while the mistake is kept.
    pub(super) fn take<T>(&mut self, value: Result<T, Mistake>) -> Option<T> {
        value.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// Keeps a mistake: the file is refused, once all of it has been read.
    pub(super) fn refuse(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    pub(super) fn warn(&mut self, word: &Word, text: String) {
        self.warnings.push(Warning { span: word.key_span, text });
    }

    /// A key that has no room of its own.
    pub(super) fn other(&mut self, word: &Word, line: known::Line) {
        match known::meaning(line, &word.key) {
            Meaning::Inner => {}
            Meaning::NotDone if word.is_neutral() => {}
            Meaning::NotDone => self.warn(word, format!("`{}` is not done by prun; passed over", word.key)),
            Meaning::Unknown(nearest) => {
                let help = nearest.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
                self.warn(word, format!("unknown key `{}`; passed over{help}", word.key));
            }
        }
    }
}
