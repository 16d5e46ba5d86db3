//! Text → statements: comments and continued lines, words `KEY=VALUE`, quoted values, each with its place.

use super::mistake::Mistake;

/// A piece of one file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which file of the source.
    pub file: usize,
    /// Its first byte.
    pub start: usize,
    /// The first byte behind it.
    pub end: usize,
}

/// `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) key_span: Span,
    pub(super) value_span: Span,
}

impl Word {
    /// The key in the only case that matters.
    pub(super) fn lower(&self) -> String {
        self.key.to_ascii_lowercase()
    }
}

/// What stands in one line, or in several that are joined by `\`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    /// At least one word.
    Words(Vec<Word>),
    /// `Include PATH`.
    Include { path: String, span: Span },
}

/// The statements of a file, or what is wrong with them: lines with a mistake are left out.
pub(super) fn scan(file: usize, text: &str) -> Vec<Result<Statement, Mistake>> {
    let mut scanner = Scanner { file, text, at: 0 };
    let mut statements = Vec::new();
    while scanner.at < text.len() {
        match scanner.statement() {
            Ok(Some(statement)) => statements.push(Ok(statement)),
            Ok(None) => {}
            Err(mistake) => {
                statements.push(Err(mistake));
                scanner.skip_line();
            }
        }
    }
    statements
}

struct Scanner<'a> {
    file: usize,
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start, end: self.at }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Length of a `\` with the line end behind it, if that stands here.
    fn continuation(&self) -> Option<usize> {
        // Within a character of several bytes nothing can be cut.
        let rest = if self.byte() == Some(b'\\') { &self.text[self.at + 1..] } else { return None };
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        rest[blank..].starts_with('\n').then_some(blank + 2)
    }

    /// One statement with its line end; `None` for an empty line.
    fn statement(&mut self) -> Result<Option<Statement>, Mistake> {
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            match self.byte() {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    break;
                }
                Some(b'#') => {
                    self.skip_line();
                    break;
                }
                Some(_) => {
                    let start = self.at;
                    let word = self.until(|byte| byte == b'=');
                    if words.is_empty() && word.eq_ignore_ascii_case("include") && !self.is_assignment() {
                        return self.include(start).map(Some);
                    }
                    words.push(self.word(start, word)?);
                }
            }
        }
        Ok((!words.is_empty()).then_some(Statement::Words(words)))
    }

    fn include(&mut self, start: usize) -> Result<Statement, Mistake> {
        self.skip_blanks();
        let path = self.until(|_| false);
        let span = self.span(start);
        if path.is_empty() {
            return Err(Mistake::new(span, "`Include` without a file", "write `Include PATH`"));
        }
        Ok(Statement::Include { path, span })
    }

    /// Whether a `=` is next, blanks or not.
    fn is_assignment(&self) -> bool {
        self.text[self.at..].trim_start_matches([' ', '\t']).starts_with('=')
    }

    fn word(&mut self, start: usize, key: String) -> Result<Word, Mistake> {
        let key_span = self.span(start);
        if key.is_empty() || !self.is_assignment() {
            self.until(|_| false);
            let title = format!("`{}` is not of the form KEY=VALUE", &self.text[start..self.at]);
            return Err(Mistake::new(
                self.span(start),
                title,
                "a value with blanks needs quotes; `#` begins a comment",
            ));
        }
        self.skip_blanks();
        self.at += 1;
        self.skip_blanks();
        let start = self.at;
        let value = if self.byte() == Some(b'"') { self.quoted()? } else { self.until(|_| false) };
        Ok(Word { key, value, key_span, value_span: self.span(start) })
    }

    /// What stands between quotes.
    fn quoted(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        let inside = &self.text[start + 1..];
        let line = &inside[..inside.find('\n').unwrap_or(inside.len())];
        let Some(length) = line.find('"') else {
            self.at = start + 1 + line.len();
            return Err(Mistake::new(
                self.span(start),
                "a quote without its partner",
                "write `KEY=\"VALUE\"` in one line",
            ));
        };
        self.at = start + length + 2;
        Ok(line[..length].to_owned())
    }

    /// Text up to a blank, a line end, a comment, or a byte that ends it.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while let Some(byte) = self.byte() {
            let over = byte.is_ascii_whitespace() || byte == b'#' || ends(byte);
            if over || self.continuation().is_some() {
                break;
            }
            self.at += 1;
        }
        self.text[start..self.at].to_owned()
    }

    /// Blanks, and ends of lines that are continued.
    fn skip_blanks(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') => match self.continuation() {
                    Some(length) => self.at += length,
                    None => return,
                },
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find('\n').map_or(rest.len(), |at| at + 1);
    }
}
