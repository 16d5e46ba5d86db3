//! Vectors of numbers as text: pure. Numbers stand between white space; what comes back stands in the same lines.

use clap::ValueEnum;
use prun_runtime::wire::numbers::Numbers;

/// What `--help` says of it.
pub const FORMAT: &str = "\
Numbers: decimal, between spaces, tabs and newlines; from the words after the options, or else from stdin. Every rank \
gives as many as every other; the first is folded with the first, and so on, in the order of ranks. Whole numbers are of \
64 bits, signed, and one that has no room is an error; as soon as a number of any rank has a point or an exponent, or is \
`inf` or `nan`, all are of floating point with 64 bits. The result is written in lines as this rank gave its own numbers.";

/// Which numbers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NumberType {
    /// Whole numbers where all are, else floating point
    Auto,
    /// Whole numbers of 64 bits
    Int,
    /// Floating point numbers of 64 bits
    Float,
}

/// Text that is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// A word is none.
    #[error("`{word}` in line {line} is no {kind}")]
    Word {
        /// It.
        word: String,
        /// Where, from 1.
        line: usize,
        /// What was wanted.
        kind: &'static str,
    },
    /// Bytes that are no text.
    #[error("the input is no text")]
    NotText,
}

/// Numbers, and how many stand in each line.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLines {
    /// All of them.
    pub numbers: Numbers,
    lines: Vec<usize>,
}

impl NumberLines {
    /// Reads text.
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn read(bytes: &[u8], kind: NumberType) -> Result<Self, NumberError> {
        let text = std::str::from_utf8(bytes).map_err(|_| NumberError::NotText)?;
        let lines = text.lines().map(|line| line.split_whitespace().count()).collect();
        let integers = || words(text, "whole number of 64 bits").map(Numbers::Integers);
        let floats = || words(text, "number").map(Numbers::Floats);
        let numbers = match kind {
            NumberType::Int => integers()?,
            NumberType::Float => floats()?,
            // A number that is whole but too large does not become another one silently.
            NumberType::Auto if text.split_whitespace().all(is_whole) => integers()?,
            NumberType::Auto => floats()?,
        };
        Ok(Self { numbers, lines })
    }

    /// As text, other numbers in the lines of these.
    #[must_use]
    pub fn write(&self, numbers: &Numbers) -> String {
        let mut words: Box<dyn Iterator<Item = String>> = match numbers {
            Numbers::Integers(numbers) => Box::new(numbers.iter().map(i64::to_string)),
            // With a point, so that it is read as what it is.
            Numbers::Floats(numbers) => Box::new(numbers.iter().map(|number| format!("{number:?}"))),
        };
        let line = |&count: &usize| words.by_ref().take(count).collect::<Vec<_>>().join(" ") + "\n";
        self.lines.iter().map(line).collect()
    }
}

fn is_whole(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn words<T: std::str::FromStr>(text: &str, kind: &'static str) -> Result<Vec<T>, NumberError> {
    let mut numbers = Vec::new();
    for (line, words) in (1..).zip(text.lines()) {
        for word in words.split_whitespace() {
            let number = word.parse();
            numbers.push(number.map_err(|_| NumberError::Word { word: word.to_owned(), line, kind })?);
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_in_its_lines() {
        let read = NumberLines::read(b"1 -2\n\n+3\t4 5", NumberType::Auto).unwrap();
        assert_eq!(read.numbers, Numbers::Integers(vec![1, -2, 3, 4, 5]));
        assert_eq!(read.write(&read.numbers), "1 -2\n\n3 4 5\n");
        let read = NumberLines::read(b"1 2.5\n1e30 -inf\n", NumberType::Auto).unwrap();
        assert_eq!(read.write(&read.numbers), "1.0 2.5\n1e30 -inf\n");
        assert_eq!(NumberLines::read(b"7", NumberType::Float).unwrap().numbers, Numbers::Floats(vec![7.0]));
        assert_eq!(NumberLines::read(b"", NumberType::Auto).unwrap().write(&Numbers::Integers(vec![])), "");
    }

    #[test]
    fn what_is_no_number_is_shown_at_its_line() {
        let told = |text: &[u8], kind| NumberLines::read(text, kind).unwrap_err().to_string();
        assert_eq!(told(b"1\n2 x3", NumberType::Auto), "`x3` in line 2 is no number");
        assert_eq!(told(b"1.5", NumberType::Int), "`1.5` in line 1 is no whole number of 64 bits");
        let large = told(b"9223372036854775808", NumberType::Auto);
        assert_eq!(large, "`9223372036854775808` in line 1 is no whole number of 64 bits");
        assert_eq!(told(b"\xff", NumberType::Auto), "the input is no text");
    }
}
