//! What was found, and how it is told.

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Something that some programs trip over, or that costs time.
    Note,
    /// Something does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at, in a word or two.
    pub(super) what: &'static str,
    /// How bad it is.
    pub(super) state: State,
    /// What was seen.
    pub(super) text: String,
    /// What to do about it.
    pub(super) cure: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, state: State::Good, text: text.into(), cure: None }
    }

    /// Worth knowing.
    pub(super) fn note(what: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what, state: State::Note, text: text.into(), cure: Some(cure.into()) }
    }

    /// Something must be done.
    pub(super) fn bad(what: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what, state: State::Bad, text: text.into(), cure: Some(cure.into()) }
    }
}

/// A line each, with what to do below it.
pub(super) fn text(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (mark, of) = match finding.state {
            State::Good => ("ok  ", AnsiColor::Green),
            State::Note => ("note", AnsiColor::Yellow),
            State::Bad => ("BAD ", AnsiColor::Red),
        };
        let style = if colour { Style::new().fg_color(Some(of.into())) } else { Style::new() };
        text.push_str(&format!("{style}{mark}{style:#}  {:<width$}  {}\n", finding.what, finding.text));
        if let Some(cure) = &finding.cure {
            text.push_str(&format!("      {:<width$}  {cure}\n", ""));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    text + &match (count(State::Bad), count(State::Note)) {
        (0, 0) => "all is well\n".to_owned(),
        (0, notes) => format!("all is well; {notes} to know\n"),
        (bad, notes) => format!("{bad} to be done, {notes} to know\n"),
    }
}

/// The same for programs.
pub(super) fn json(findings: &[Finding]) -> String {
    let one = |finding: &Finding| {
        let state = match finding.state {
            State::Good => "ok",
            State::Note => "note",
            State::Bad => "bad",
        };
        json!({ "what": finding.what, "state": state, "text": finding.text, "cure": finding.cure })
    };
    let healthy = findings.iter().all(|finding| finding.state != State::Bad);
    let document =
        json!({ "healthy": healthy, "findings": findings.iter().map(one).collect::<Vec<Value>>() });
    // A value made of plain maps and texts always has a text of its own.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_is_told_with_its_cure_and_counted() {
        let findings = [
            Finding::good("clock", "right"),
            Finding::bad("controller", "gone", "start it"),
            Finding::note("srun", "another's", "look"),
        ];
        assert_eq!(
            text(&findings, false),
            "ok    clock       right\nBAD   controller  gone\n                  start it\n\
             note  srun        another's\n                  look\n1 to be done, 1 to know\n"
        );
        let told: Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!((&told["healthy"], &told["findings"][1]["cure"]), (&json!(false), &json!("start it")));
        assert!(text(&findings[..1], false).ends_with("all is well\n"));
        assert!(text(&findings, true).contains("\u{1b}[31mBAD \u{1b}[0m"));
    }
}
