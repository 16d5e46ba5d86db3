//! `sprio`: what priorities are made of (`sprio(1)`). Here they are made of nothing but the order of submission
//! (`PriorityType=priority/basic`), which is what Slurm's own command says about such a cluster.

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::ending::{Ending, finish};
use super::switches::{COMMON, Switch, Value, help, parse, switch};
use super::{utf8_words, version};

/// `sprio(1)`, options.
const TABLE: &[Switch] = &[
    switch("clusters", Some('M'), Value::Needed, "clusters to ask"),
    switch("federation", None, Value::None, "accepted; there are no federations"),
    switch("format", Some('o'), Value::Needed, "columns by letter"),
    switch("jobs", Some('j'), Value::Needed, "only these jobs"),
    switch("local", None, Value::None, "accepted"),
    switch("long", Some('l'), Value::None, "all that is known"),
    switch("noheader", Some('h'), Value::None, "no line of heads"),
    switch("norm", Some('n'), Value::None, "normalized factors"),
    switch("partition", Some('p'), Value::Needed, "only jobs of these partitions"),
    switch("sibling", None, Value::None, "accepted"),
    switch("sort", Some('S'), Value::Needed, "order of the lines"),
    switch("user", Some('u'), Value::Needed, "only jobs of these users"),
    switch("weights", Some('w'), Value::None, "weights of the factors"),
];

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(answer(&utf8_words(words), || Asking::connect("sprio")?.config()))
}

fn answer(
    words: &[String],
    config: impl FnOnce() -> Result<Vec<(String, String)>, Ending>,
) -> Result<Ending, Ending> {
    let words = parse(&[TABLE, COMMON], words).map_err(|error| {
        let mut ending = Ending::error(format!("sprio: {error}"), 1);
        ending.stderr.push("Try \"sprio --help\" for more information".to_owned());
        ending
    })?;
    if words.has("version") {
        return Ok(Ending::text(version()));
    }
    if words.has("help") || words.has("usage") {
        return Ok(Ending::text(help("sprio [OPTIONS]", &[TABLE, COMMON])));
    }
    let config = config()?;
    let kind = config.iter().find(|(key, _)| key == "PriorityType").map_or("", |(_, value)| value);
    let lines = [
        "You are not running a supported priority plugin".to_owned(),
        format!("({kind})."),
        "Only 'priority/multifactor' is supported.".to_owned(),
    ];
    Err(Ending { stderr: lines.into(), code: 1, ..Ending::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_have_no_factors() {
        let config = || Ok(vec![("PriorityType".to_owned(), "priority/basic".to_owned())]);
        let said = |word: &str| answer(&[word.to_owned()], config);
        let ending = said("-l").unwrap_err();
        assert_eq!((ending.stderr[1].as_str(), ending.code), ("(priority/basic).", 1));
        assert_eq!(said("-V").unwrap().stdout, version());
        assert_eq!(said("--foo").unwrap_err().stderr[0], "sprio: unrecognized option '--foo'");
    }
}
