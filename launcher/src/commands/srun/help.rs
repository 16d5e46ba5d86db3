//! `srun --help`, `--usage`, `--version`, `--mpi=list`: texts from the table of options.

use std::fmt::Write as _;

use super::mpi::TYPES;
use crate::script::options::{Command, Request, Row, Takes, rows};

/// The version of Slurm whose behaviour this is, as programs look for it.
pub(crate) const VERSION: &str = "slurm 24.11.5\n";

/// The text that the options ask for instead of a step.
pub(super) fn asked_for(request: &Request) -> Option<String> {
    let flags = &request.flags;
    if flags.version {
        Some(VERSION.to_owned())
    } else if flags.help {
        Some(help())
    } else if flags.usage {
        Some(usage())
    } else if request.step.mpi.as_deref() == Some("list") {
        Some(mpi_list())
    } else {
        None
    }
}

fn own() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| row.is_for(Command::Srun))
}

fn help() -> String {
    let mut text = "Usage: srun [OPTIONS...] executable [args...]\n\n".to_owned();
    let mut rows: Vec<&Row> = own().collect();
    rows.sort_by_key(|row| row.long);
    for row in rows {
        let short = row.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
        let name = format!("{short}--{}{}", row.long, value(row));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<34}  {}", row.doc);
    }
    text
}

fn usage() -> String {
    const WIDTH: usize = 80;
    let mut lines = vec!["Usage: srun".to_owned()];
    for row in own() {
        let word = match row.short {
            Some(letter) if row.takes == Takes::Value => format!("[-{letter} {}]", row.long),
            _ => format!("[--{}{}]", row.long, value(row)),
        };
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => line.push_str(&format!(" {word}")),
            _ => lines.push(format!("            {word}")),
        }
    }
    lines.push("            executable [args...]".to_owned());
    lines.join("\n") + "\n"
}

fn value(row: &Row) -> &'static str {
    match row.takes {
        Takes::Nothing => "",
        Takes::Value => "=VALUE",
        Takes::Maybe => "[=VALUE]",
    }
}

fn mpi_list() -> String {
    let (versions, types): (Vec<&str>, Vec<&str>) = TYPES.iter().partition(|kind| kind.contains("_v"));
    format!(
        "MPI plugin types are...\n\t{}\nspecific pmix plugin versions available: {}\n",
        types.join("\n\t"),
        versions.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_and_usage_name_every_option() {
        for row in own() {
            assert!(help().contains(&format!("--{}", row.long)), "{row:?}");
            assert!(usage().contains(row.long), "{row:?}");
        }
        assert!(usage().lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn plugins_are_listed_as_slurm_does() {
        assert_eq!(
            mpi_list(),
            "MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\n\tauto\nspecific pmix plugin versions available: pmix_v4\n"
        );
    }

    #[test]
    fn a_text_is_given_only_where_it_is_asked_for() {
        let mut request = Request::default();
        assert_eq!(asked_for(&request), None);
        request.flags.version = true;
        assert_eq!(asked_for(&request).as_deref(), Some("slurm 24.11.5\n"));
    }
}
