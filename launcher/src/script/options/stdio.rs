//! Input, output, environment, working directory.

use super::values::without_effect;
use super::{A, ALL, B, Bad, R, Row, Takes, row, unheeded};
use crate::script::spec::Export;

pub(super) const ROWS: &[Row] = &[
    row(
        "output",
        Some('o'),
        Takes::Value,
        B | R,
        "OUTPUT",
        "file for stdout, with patterns such as %j",
        |r, v| {
            r.job.stdout = Some(v.to_owned());
            Ok(())
        },
    ),
    row("error", Some('e'), Takes::Value, B | R, "ERROR", "file for stderr", |r, v| {
        r.job.stderr = Some(v.to_owned());
        Ok(())
    }),
    row("input", Some('i'), Takes::Value, B | R, "INPUT", "file for stdin", |r, v| {
        r.job.stdin = Some(v.to_owned());
        Ok(())
    }),
    row("open-mode", None, Takes::Value, B | R, "OPEN_MODE", "append or truncate", |r, v| {
        let word = v.to_ascii_lowercase();
        r.job.append = Some(match word.as_str() {
            "" => return Err(Bad::Specification),
            word if "append".starts_with(word) => true,
            word if "truncate".starts_with(word) => false,
            _ => return Err(Bad::Specification),
        });
        Ok(())
    }),
    row("chdir", Some('D'), Takes::Value, ALL, "CHDIR", "working directory", |r, v| {
        r.flags.chdir = Some(v.to_owned());
        Ok(())
    }),
    row("export", None, Takes::Value, B | R, "EXPORT", "variables to hand on: ALL, NONE, A,B=1", |r, v| {
        r.job.export = export(v);
        Ok(())
    }),
    row("export-file", None, Takes::Value, B, "", "file of variables", |r, v| {
        r.flags.export_file = Some(v.to_owned());
        Ok(())
    }),
    row("get-user-env", None, Takes::Maybe, B | A, "GET_USER_ENV", "variables of a login", |r, v| {
        unheeded::login_environment(v)?;
        r.job.get_user_env = true;
        Ok(())
    }),
    row("propagate", None, Takes::Maybe, B | R, "PROPAGATE", "resource limits to hand on", |r, v| {
        unheeded::limits(v)?;
        r.job.propagate = Some(if v.is_empty() { "ALL" } else { v }.to_owned());
        Ok(())
    }),
    row("label", Some('l'), Takes::Nothing, R, "LABELIO", "rank before each line", |r, _| {
        r.step.label = true;
        Ok(())
    }),
    row("unbuffered", Some('u'), Takes::Nothing, R, "UNBUFFEREDIO", "hand on output as it comes", |r, _| {
        r.step.unbuffered = true;
        Ok(())
    }),
    row("order", None, Takes::Value, R | super::P, "", "order of output: rank, auto, line, none", |r, v| {
        if !["rank", "auto", "line", "none"].contains(&v) {
            return Err(Bad::Specification);
        }
        r.step.order = Some(v.to_owned());
        Ok(())
    }),
    row("pty", None, Takes::Maybe, R, "PTY", "task 0 on a terminal", |r, _| {
        r.step.pty = true;
        Ok(())
    }),
    row("container", None, Takes::Value, ALL, "CONTAINER", "OCI bundle", |r, v| {
        without_effect(r, "container", v);
        Ok(())
    }),
];

fn export(text: &str) -> Export {
    if text.eq_ignore_ascii_case("none") || text.eq_ignore_ascii_case("nil") {
        return Export::None;
    }
    let items: Vec<String> = split_settings(text);
    let (all, rest): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.eq_ignore_ascii_case("all"));
    if all.is_empty() { Export::Only(rest) } else { Export::All(rest) }
}

/// Parts at commas that stand outside of quotes. Quotes round a whole part go, others belong to the value.
fn split_settings(text: &str) -> Vec<String> {
    let (mut items, mut item, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (None, ',') => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    let bare = |item: &String| {
        let inner = |quote| item.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner('\'').or_else(|| inner('"')).unwrap_or(item).to_owned()
    };
    items.iter().map(bare).filter(|item| !item.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_setting_together() {
        assert_eq!(split_settings("A,B=1,,C="), ["A", "B=1", "C="]);
        assert_eq!(split_settings("A=1,'B=a,b',\"C=x y\""), ["A=1", "B=a,b", "C=x y"]);
        assert_eq!(split_settings("A='a,b',B=\"c\""), ["A='a,b'", "B=\"c\""]);
    }
}
