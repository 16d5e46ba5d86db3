//! Options of the commands that look at and change the queue. Each has a table of its own; the rules are those of
//! `getopt_long(3)`: abbreviations, joined short options, options and other words in any order.

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Never.
    None,
    /// Always.
    Needed,
    /// Only joined: `--jobs=1`, `-j1`.
    Joined,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    /// After `--`; empty for one that has only a letter.
    pub long: &'static str,
    /// After `-`.
    pub short: Option<char>,
    /// Whether it takes a value.
    pub value: Value,
    /// One line for `--help`.
    pub doc: &'static str,
}

/// Shorthand for the tables.
#[must_use]
pub const fn switch(long: &'static str, short: Option<char>, value: Value, doc: &'static str) -> Switch {
    Switch { long, short, value, doc }
}

/// What every one of these commands has.
pub const COMMON: &[Switch] = &[
    switch("help", None, Value::None, "show this text"),
    switch("usage", None, Value::None, "show a short text"),
    switch("verbose", Some('v'), Value::None, "say more"),
    switch("version", Some('V'), Value::None, "show the version"),
];

/// A command's words, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Options in the order written: long name (or letter), value.
    pub options: Vec<(&'static str, Option<String>)>,
    /// The other words.
    pub operands: Vec<String>,
}

impl Words {
    /// Whether an option is there.
    #[must_use]
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == long)
    }

    /// The last value of an option.
    #[must_use]
    pub fn value(&self, long: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| *name == long).and_then(|(_, value)| value.as_deref())
    }

    /// All values of an option.
    pub fn values<'a>(&'a self, long: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| *name == long).filter_map(|(_, value)| value.as_deref())
    }
}

/// Why the words are no command line, in the words of the C library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// No such long option.
    #[error("unrecognized option '{0}'")]
    Unknown(String),
    /// No such short option.
    #[error("invalid option -- '{0}'")]
    UnknownShort(char),
    /// Several begin so.
    #[error("option '{0}' is ambiguous; possibilities: {1}")]
    Ambiguous(String, String),
    /// A long option's value is missing.
    #[error("option '--{0}' requires an argument")]
    NeedsValue(&'static str),
    /// A short option's value is missing.
    #[error("option requires an argument -- '{0}'")]
    ShortNeedsValue(char),
    /// A value where none belongs.
    #[error("option '--{0}' doesn't allow an argument")]
    TakesNone(&'static str),
}

/// Takes a command line apart.
///
/// # Errors
/// [`SwitchError`] for the first word that is wrong.
pub fn parse(table: &[&[Switch]], words: &[String]) -> Result<Words, SwitchError> {
    let mut parsed = Words::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            parsed.operands.extend(rest.cloned());
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            parse_long(table, long, &mut rest, &mut parsed)?;
        } else if word.len() > 1 && word.starts_with('-') {
            parse_short(table, &word[1..], &mut rest, &mut parsed)?;
        } else {
            parsed.operands.push(word.clone());
        }
    }
    Ok(parsed)
}

fn parse_long(
    table: &[&[Switch]],
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    parsed: &mut Words,
) -> Result<(), SwitchError> {
    let (name, joined) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let switch = find_long(table, name, text)?;
    let value = match (switch.value, joined) {
        (Value::None, Some(_)) => return Err(SwitchError::TakesNone(switch.long)),
        (Value::Needed, None) => Some(rest.next().cloned().ok_or(SwitchError::NeedsValue(switch.long))?),
        (_, joined) => joined,
    };
    parsed.options.push((switch.long, value));
    Ok(())
}

fn find_long<'a>(table: &[&'a [Switch]], name: &str, written: &str) -> Result<&'a Switch, SwitchError> {
    let all = || table.iter().copied().flatten().filter(|switch| !switch.long.is_empty());
    if let Some(exact) = all().find(|switch| switch.long == name) {
        return Ok(exact);
    }
    let possible: Vec<&Switch> = all().filter(|switch| switch.long.starts_with(name)).collect();
    match possible.as_slice() {
        [] => Err(SwitchError::Unknown(format!("--{written}"))),
        [single] => Ok(single),
        // Several names of one option are no ambiguity.
        [first, others @ ..] if first.short.is_some() && others.iter().all(|o| o.short == first.short) => {
            Ok(first)
        }
        many => {
            let list: Vec<String> = many.iter().map(|switch| format!("'--{}'", switch.long)).collect();
            Err(SwitchError::Ambiguous(format!("--{written}"), list.join(" ")))
        }
    }
}

fn parse_short(
    table: &[&[Switch]],
    text: &str,
    rest: &mut std::slice::Iter<'_, String>,
    parsed: &mut Words,
) -> Result<(), SwitchError> {
    for (at, letter) in text.char_indices() {
        let switch = table
            .iter()
            .copied()
            .flatten()
            .find(|switch| switch.short == Some(letter))
            .ok_or(SwitchError::UnknownShort(letter))?;
        let tail = &text[at + letter.len_utf8()..];
        let value = match switch.value {
            Value::None => {
                parsed.options.push((switch.long, None));
                continue;
            }
            Value::Joined => (!tail.is_empty()).then(|| tail.to_owned()),
            Value::Needed if tail.is_empty() => {
                Some(rest.next().cloned().ok_or(SwitchError::ShortNeedsValue(letter))?)
            }
            Value::Needed => Some(tail.to_owned()),
        };
        parsed.options.push((switch.long, value));
        return Ok(());
    }
    Ok(())
}

/// `--help` of a table: usage line, one line an option.
#[must_use]
pub fn help(usage: &str, tables: &[&[Switch]]) -> String {
    let mut text = format!("Usage: {usage}\n\n");
    for switch in tables.iter().copied().flatten().filter(|switch| !switch.doc.is_empty()) {
        let short = switch.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let value = match switch.value {
            Value::None => "",
            Value::Needed => "=VALUE",
            Value::Joined => "[=VALUE]",
        };
        let name = format!("{short}--{}{value}", switch.long);
        text.push_str(&format!("  {name:<32} {}\n", switch.doc));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Switch] = &[
        switch("noheader", Some('h'), Value::None, ""),
        switch("jobs", Some('j'), Value::Joined, ""),
        switch("job", Some('j'), Value::Joined, ""),
        switch("format", Some('o'), Value::Needed, ""),
        switch("name", Some('n'), Value::Needed, ""),
        switch("nodelist", Some('w'), Value::Needed, ""),
    ];

    fn read(line: &str) -> Result<Words, SwitchError> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse(&[TABLE, COMMON], &words)
    }

    #[test]
    fn options_and_operands_mix() {
        let words = read("-h 12 -j1,2 -o%i --name=a b -hn c").unwrap();
        assert_eq!(words.operands, ["12", "b"]);
        assert_eq!(words.value("jobs"), Some("1,2"));
        assert_eq!(words.value("format"), Some("%i"));
        assert_eq!(words.values("name").collect::<Vec<_>>(), ["a", "c"]);
        assert!(words.has("noheader") && !words.has("version"));
    }

    #[test]
    fn options_are_abbreviated_when_only_one_begins_so() {
        assert!(read("--noh").unwrap().has("noheader"));
        assert!(read("--jo=3").unwrap().has("jobs"));
        assert_eq!(read("-- -h").unwrap().operands, ["-h"]);
        let ambiguous = read("--no").unwrap_err().to_string();
        assert_eq!(ambiguous, "option '--no' is ambiguous; possibilities: '--noheader' '--nodelist'");
    }

    #[test]
    fn mistakes_read_as_those_of_the_c_library() {
        for (line, text) in [
            ("--foo", "unrecognized option '--foo'"),
            ("-1", "invalid option -- '1'"),
            ("--name", "option '--name' requires an argument"),
            ("-n", "option requires an argument -- 'n'"),
            ("--noheader=1", "option '--noheader' doesn't allow an argument"),
        ] {
            assert_eq!(read(line).unwrap_err().to_string(), text, "{line}");
        }
    }
}
