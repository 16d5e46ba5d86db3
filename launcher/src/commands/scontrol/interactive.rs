//! `scontrol` without a command reads commands, one a line, until `exit` (`scontrol(1)`).

use std::io::{self, BufRead, Write};

use super::{Setting, dispatch};
use crate::commands::ending::{Ending, finish};
use crate::script::words::split;

/// Reads and runs. Blocks.
///
/// # Errors
/// What the last command that went wrong ended with.
pub fn run(mut setting: Setting) -> Result<Ending, Ending> {
    let mut code = 0;
    prompt();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Ok(words) = split(&line) else {
            let _ = finish(Err(Ending::error("scontrol: error: unmatched quote", 1)));
            prompt();
            continue;
        };
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        if words
            .first()
            .is_some_and(|word| super::keyword::Keyword::find(word) == Some(super::keyword::Keyword::Exit))
        {
            return Ok(Ending { code, ..Ending::default() });
        }
        if !words.is_empty() {
            let outcome = dispatch(&words, &mut setting);
            code = outcome.as_ref().map_or_else(|ending| ending.code, |ending| ending.code);
            let _ = finish(outcome);
        }
        prompt();
    }
    Ok(Ending { stdout: "\n".to_owned(), code, ..Ending::default() })
}

/// Nobody waits for a prompt that cannot be written.
fn prompt() {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(b"scontrol: ").and_then(|()| stdout.flush());
}
