//! `--help` of the commands that submit, from the one table of options.

use crate::script::options::{Command, Row, Takes, rows};

/// Usage, and one line an option with its input variable.
#[must_use]
pub fn help(command: Command, usage: &str) -> String {
    let mut own: Vec<&Row> = rows().filter(|row| row.is_for(command)).collect();
    own.sort_by_key(|row| row.long);
    let lines: String = own.iter().map(|row| line(command, row)).collect();
    format!("Usage: {usage}\n\nOptions:\n{lines}")
}

/// The short text: usage, and all options in one go.
#[must_use]
pub fn usage(command: Command, usage: &str) -> String {
    const WIDTH: usize = 78;
    let mut text = format!("Usage: {usage}\n");
    let mut line = String::new();
    for row in rows().filter(|row| row.is_for(command)) {
        let item = match row.takes {
            Takes::Nothing => format!(" [--{}]", row.long),
            Takes::Value => format!(" [--{}=VALUE]", row.long),
            Takes::Maybe => format!(" [--{}[=VALUE]]", row.long),
        };
        if line.len() + item.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.clear();
        }
        line.push_str(&item);
    }
    text + &line + "\n"
}

fn line(command: Command, row: &Row) -> String {
    let short = row.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
    let value = match row.takes {
        Takes::Nothing => "",
        Takes::Value => "=VALUE",
        Takes::Maybe => "[=VALUE]",
    };
    let name = format!("{short}--{}{value}", row.long);
    let variable = if row.variable.is_empty() {
        String::new()
    } else {
        format!(" [{}{}]", command.variable_prefix(), row.variable)
    };
    format!("  {name:<34} {}{variable}\n", row.doc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_line() {
        let text = help(Command::Sbatch, "sbatch [OPTIONS] SCRIPT");
        assert!(text.contains("\n  -n, --ntasks=VALUE "), "{text}");
        assert!(text.contains("[SBATCH_PARTITION]"));
        assert_eq!(text.lines().count(), 3 + rows().filter(|row| row.is_for(Command::Sbatch)).count());
        assert!(usage(Command::Salloc, "salloc").lines().all(|line| line.len() < 100));
    }
}
