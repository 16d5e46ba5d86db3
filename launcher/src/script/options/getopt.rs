//! Words into options, by the rules of `getopt_long(3)`: abbreviations, joined short options, stop at the first
//! word that is none.

use super::{Bad, Command, Request, Row, Takes, Voice, rows};

/// What is wrong with the words, and with which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordError {
    /// Index of the word.
    pub word: usize,
    /// What.
    pub kind: WordErrorKind,
}

/// What can be wrong with a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordErrorKind {
    /// No such long option (as written, with its dashes).
    Unknown(String),
    /// No such short option.
    UnknownShort(char),
    /// Several options begin so.
    Ambiguous(String, Vec<&'static str>),
    /// It takes a value, and there is none (as Slurm shows the option).
    NeedsValue(String),
    /// It takes none, and there is one.
    TakesNone(&'static str),
    /// The value is refused.
    Value {
        /// The option's long name.
        option: &'static str,
        /// The value.
        value: String,
        /// How.
        bad: Bad,
    },
}

/// Applies the options at the front of `words`; gives the index of the first word that is none.
///
/// # Errors
/// [`WordError`] for the first word that is wrong; what stands before it has been applied.
pub fn apply(command: Command, words: &[String], request: &mut Request) -> Result<usize, WordError> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let error = |kind| WordError { word: at, kind };
        let used = match word.strip_prefix("--") {
            Some("") => return Ok(at + 1),
            Some(long) => apply_long(command, long, words.get(at + 1), request).map_err(error)?,
            None if word.len() > 1 && word.starts_with('-') => {
                apply_short(command, &word[1..], words.get(at + 1), request).map_err(error)?
            }
            None => return Ok(at),
        };
        at += used;
    }
    Ok(at)
}

/// `NAME`, `NAME=VALUE` or `NAME VALUE`; gives the number of words used.
fn apply_long(
    command: Command,
    text: &str,
    next: Option<&String>,
    request: &mut Request,
) -> Result<usize, WordErrorKind> {
    let (name, joined) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let row = find(command, name, text)?;
    match (row.takes, joined, next) {
        (Takes::Nothing, Some(_), _) => Err(WordErrorKind::TakesNone(row.long)),
        (Takes::Nothing, None, _) | (Takes::Maybe, None, _) => put(row, "", request).map(|()| 1),
        (_, Some(value), _) => put(row, value, request).map(|()| 1),
        (Takes::Value, None, Some(value)) => put(row, value, request).map(|()| 2),
        (Takes::Value, None, None) => Err(WordErrorKind::NeedsValue(format!("--{}", row.long))),
    }
}

/// The option of this name, or the only one that begins so.
fn find(command: Command, name: &str, written: &str) -> Result<&'static Row, WordErrorKind> {
    let own = || rows().filter(move |row| row.is_for(command));
    if let Some(row) = own().find(|row| row.long == name) {
        return Ok(row);
    }
    let mut possible: Vec<&Row> = own().filter(|row| row.long.starts_with(name)).collect();
    possible.sort_by_key(|row| row.long);
    match possible.as_slice() {
        [] => Err(WordErrorKind::Unknown(format!("--{written}"))),
        [row] => Ok(row),
        many => {
            Err(WordErrorKind::Ambiguous(format!("--{written}"), many.iter().map(|row| row.long).collect()))
        }
    }
}

/// `-abVALUE`; gives the number of words used.
fn apply_short(
    command: Command,
    text: &str,
    next: Option<&String>,
    request: &mut Request,
) -> Result<usize, WordErrorKind> {
    for (at, letter) in text.char_indices() {
        let row = rows()
            .find(|row| row.is_for(command) && row.short == Some(letter))
            .ok_or(WordErrorKind::UnknownShort(letter))?;
        let rest = &text[at + letter.len_utf8()..];
        match (row.takes, rest, next) {
            (Takes::Nothing, ..) => put(row, "", request)?,
            (Takes::Maybe, rest, _) => return put(row, rest, request).map(|()| 1),
            (Takes::Value, "", Some(value)) => return put(row, value, request).map(|()| 2),
            (Takes::Value, "", None) => return Err(WordErrorKind::NeedsValue(letter.to_string())),
            (Takes::Value, rest, _) => return put(row, rest, request).map(|()| 1),
        }
    }
    Ok(1)
}

/// Applies a value, and names the option where it is refused.
fn put(row: &'static Row, value: &str, request: &mut Request) -> Result<(), WordErrorKind> {
    (row.apply)(request, value).map_err(|bad| WordErrorKind::Value {
        option: row.long,
        value: value.to_owned(),
        bad,
    })
}

/// Applies the input variables of a command.
///
/// # Errors
/// The variable's name and what is wrong with its value.
pub fn apply_variables(
    command: Command,
    variable: &dyn Fn(&str) -> Option<String>,
    request: &mut Request,
) -> Result<(), (String, WordErrorKind)> {
    request.voice = Voice::Variable;
    for row in rows().filter(|row| row.is_for(command) && !row.variable.is_empty()) {
        let name = format!("{}{}", command.variable_prefix(), row.variable);
        if let Some(value) = variable(&name) {
            // A switch is set by its variable's being there, whatever its value; but `0` and `no` are none.
            let off = row.takes == Takes::Nothing && ["0", "no"].contains(&value.as_str());
            let value = if row.takes == Takes::Nothing { "" } else { &value };
            if !off {
                put(row, value, request).map_err(|kind| (name, kind))?;
            }
        }
    }
    request.voice = Voice::Line;
    Ok(())
}
