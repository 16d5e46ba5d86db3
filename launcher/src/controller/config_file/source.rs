//! The files that a configuration stands in.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use prun_runtime::limits::{CONFIG_BYTES_MAX, CONFIG_FILES_MAX};

use super::mistake::Mistake;
use super::scan::{Span, Statement, Word, scan};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file system refuses.
    #[error("cannot read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files that include one another without end, most likely.
    #[error("`{}` is the {count}th file of one configuration: more than {CONFIG_FILES_MAX} are refused", path.display())]
    TooMany {
        /// The first one that is too many.
        path: PathBuf,
        /// Its number.
        count: usize,
    },
}

/// Reads one file.
pub(super) type Reader<'a> = &'a mut dyn FnMut(&Path) -> io::Result<String>;

/// A configuration with all that it includes.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Name and text of each file, the first one first.
    files: Vec<(String, String)>,
    text: String,
    pub(super) statements: Vec<Vec<Word>>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Source {
    /// A text that includes nothing.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        let mut read = |_: &Path| Ok(text.to_owned());
        Self::load(Path::new("slurm.conf"), &mut read).unwrap()
    }

    /// Reads a file and those that it includes, whose names are relative to the first one's directory.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn load(path: &Path, read: Reader<'_>) -> Result<Self, SourceError> {
        let mut source = Self::default();
        source.add(path, path.parent().unwrap_or(Path::new("")), read)?;
        Ok(source)
    }

    fn add(&mut self, path: &Path, directory: &Path, read: Reader<'_>) -> Result<(), SourceError> {
        let file = self.files.len();
        if file >= CONFIG_FILES_MAX {
            return Err(SourceError::TooMany { path: path.to_owned(), count: file + 1 });
        }
        let text = read(path).map_err(|source| SourceError::Read { path: path.to_owned(), source })?;
        self.files.push((path.display().to_string(), text.clone()));
        let mut copied = 0;
        for statement in scan(file, &text) {
            match statement {
                Ok(Statement::Words(words)) => self.statements.push(words),
                Ok(Statement::Include { path, span }) => {
                    self.text.push_str(&text[copied..span.start]);
                    copied = span.end;
                    self.add(&directory.join(path), directory, read)?;
                }
                Err(mistake) => self.mistakes.push(mistake),
            }
        }
        self.text.push_str(&text[copied..]);
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        Ok(())
    }

    /// The whole text, with what it includes in its place.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// Name and text of the file that a piece belongs to.
    #[must_use]
    pub fn file(&self, span: Span) -> (&str, &str) {
        self.files.get(span.file).map_or(("", ""), |(name, text)| (name, text))
    }
}

/// The reader of real files.
pub(super) fn from_disk(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        let why = format!("it has more than {} MiB", CONFIG_BYTES_MAX >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}
