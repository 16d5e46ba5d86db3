//! A `#SBATCH` line into words, as sbatch does it: like a shell, but nothing is expanded.

/// A word and where it stands in its line (bytes, from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes.
    pub text: String,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unmatched `{quote}`")]
pub struct Unmatched {
    /// Which quote.
    pub quote: char,
    /// Where it stands.
    pub at: usize,
}

/// The words of a line. Blanks and tabs part them, quotes hold them together, a backslash keeps the next character
/// (but in single quotes), `#` ends the line wherever it stands outside of quotes.
///
/// # Errors
/// A quote that is not closed.
pub fn split(line: &str) -> Result<Vec<Word>, Unmatched> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, ' ' | '\t' | '\n') => words.extend(word.take()),
            (None, '#') => break,
            (None, '"' | '\'') => {
                quote = Some((c, at));
                open(&mut word, at).end = at + 1;
            }
            (Some((open_quote, _)), c) if c == open_quote => {
                quote = None;
                open(&mut word, at).end = at + 1;
            }
            // A backslash at the line's end continues nothing: sbatch drops it.
            (None | Some(('"', _)), '\\') => {
                if let Some((next_at, next)) = chars.next() {
                    let word = open(&mut word, at);
                    word.text.push(next);
                    word.end = next_at + next.len_utf8();
                }
            }
            (_, c) => {
                let word = open(&mut word, at);
                word.text.push(c);
                word.end = at + c.len_utf8();
            }
        }
    }
    words.extend(word);
    match quote {
        Some((quote, at)) => Err(Unmatched { quote, at }),
        None => Ok(words),
    }
}

fn open(word: &mut Option<Word>, at: usize) -> &mut Word {
    word.get_or_insert_with(|| Word { text: String::new(), start: at, end: at })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_join_and_nothing_is_expanded() {
        for (line, expected) in [
            (" --ntasks=6 -N 2", vec!["--ntasks=6", "-N", "2"]),
            ("\t--comment=\"a b\"'c d'", vec!["--comment=a bc d"]),
            ("--output=$HOME/%j.out", vec!["--output=$HOME/%j.out"]),
            ("--time=1:00#an hour", vec!["--time=1:00"]),
            ("-J \"a#b\" # name", vec!["-J", "a#b"]),
            ("-J a\\ b", vec!["-J", "a b"]),
            ("-J ''", vec!["-J", ""]),
            ("-n 1 \\", vec!["-n", "1"]),
            ("", vec![]),
        ] {
            assert_eq!(texts(line), expected, "{line}");
        }
    }

    #[test]
    fn an_open_quote_is_named_with_its_place() {
        assert_eq!(split("-J 'a"), Err(Unmatched { quote: '\'', at: 3 }));
    }

    proptest! {
        #[test]
        fn words_stand_where_they_say(line in ".{0,60}") {
            if let Ok(words) = split(&line) {
                for word in words {
                    prop_assert!(line.get(word.start..word.end).is_some());
                }
            }
        }
    }
}
