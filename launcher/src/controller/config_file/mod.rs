//! Configuration files in the syntax of `slurm.conf(5)` → [`Config`].
//!
//! The way of a text: `source` (files, and those they include) → `scan` (statements of `KEY=VALUE` words, each with
//! its place) → `reading` (what the keys mean: `global`, `node`, `partition`, with the values of `value`). All of it is
//! pure but [`load`], which reads files.
//!
//! A value that is wrong is a [`Mistake`], and the file is refused with all of its mistakes at once. A key that prun
//! does not know, or that it knows and cannot do, is a warning: a site's file is to work as it is. Keys that only say
//! how Slurm's own daemons do their work are passed over in silence (`known`).

mod global;
mod known;
mod mistake;
mod node;
mod partition;
mod reading;
mod scan;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

pub use self::mistake::Mistake;
pub use self::reading::read;
pub use self::source::{Source, SourceError};
use super::core::config::Config;

/// A configuration that was read from a file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What the user should read, each as `FILE:LINE: text`.
    pub warnings: Vec<String>,
    /// The whole text, with what it includes in its place.
    pub text: String,
}

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It says what cannot be.
    #[error("`{}` is no configuration\n{text}", path.display())]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// What is wrong and where, for a person.
        text: String,
    },
}

/// Reads a configuration file over `base`, which holds where the file says nothing. Blocks on the disk.
///
/// # Errors
/// [`LoadError`].
pub fn load(path: &Path, base: Config) -> Result<Loaded, LoadError> {
    let source = Source::load(path, &mut source::from_disk)?;
    match read(&source, base) {
        Ok((config, warnings)) => {
            let config = Config { file: Some(path.display().to_string()), ..config };
            let warnings = warnings.iter().map(|warning| warning.line(&source)).collect();
            Ok(Loaded { config, warnings, text: source.text() })
        }
        Err(mistakes) => {
            let texts: Vec<String> = mistakes.iter().map(|mistake| mistake.render(&source)).collect();
            Err(LoadError::Mistakes { path: path.to_owned(), text: texts.join("\n") })
        }
    }
}
