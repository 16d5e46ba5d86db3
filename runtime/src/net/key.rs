//! The cluster's key: who holds its file may use the cluster, and nobody else.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a key: a Noise pre-shared key (The Noise Protocol Framework, revision 34, §9).
pub const KEY_BYTES: usize = 32;

/// What a key file begins with, so that a later kind of key is told from this one.
const MARK: &str = "prun-key-1:";

/// A key. Its memory is cleared when it goes, and its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub(super) [u8; KEY_BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refuses.
    #[error("cannot {verb} the key `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the key `{path}` can be read by others: `chmod 600 {path}`, or make a new one if others have been there", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else's.
    #[error("the key `{}` belongs to user {owner}: copy it, so that it is yours alone", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Its content is no key.
    #[error("`{}` holds no key of prun", .0.display())]
    Content(PathBuf),
}

impl KeyError {
    /// Whether there is simply no such file (yet).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Key {
    /// A key from elsewhere: a step's secret.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut key = Self([0; KEY_BYTES]);
        getrandom::fill(&mut key.0).map_err(io::Error::other)?;
        Ok(key)
    }

    /// What its file holds, but for the end of the line.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MARK.len() + 2 * KEY_BYTES + 1));
        text.push_str(MARK);
        for byte in &self.0 {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
            text.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        text
    }

    /// Reads what a key file holds; `None` where it is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim_end().strip_prefix(MARK).and_then(from_hex)
    }

    /// Reads a key file, which must be this user's and closed to all others.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let fails = |verb| move |source| KeyError::File { verb, path: path.to_owned(), source };
        let file = File::open(path).map_err(fails("open"))?;
        let facts = file.metadata().map_err(fails("look at"))?;
        if facts.mode() & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_owned() });
        }
        let own = rustix::process::geteuid().as_raw();
        if facts.uid() != own && own != 0 {
            return Err(KeyError::Owner { path: path.to_owned(), owner: facts.uid() });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(128));
        file.take(128).read_to_end(&mut text).map_err(fails("read"))?;
        let text = std::str::from_utf8(&text).unwrap_or_default();
        Self::parse(text).ok_or_else(|| KeyError::Content(path.to_owned()))
    }

    /// Reads a key file, or makes it where it is missing. Of several that make it at the same time, in containers that
    /// share a volume, one succeeds and the others read its key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read_or_make(path: &Path) -> Result<Self, KeyError> {
        match Self::read(path) {
            Err(error) if error.is_missing() => Self::make(path)?,
            known => return known,
        }
        Self::read(path)
    }

    /// Makes a file with a new key, unless there is one.
    fn make(path: &Path) -> Result<(), KeyError> {
        let fails = |source| KeyError::File { verb: "make", path: path.to_owned(), source };
        let key = Self::random().map_err(fails)?;
        // It gets its name when it is whole, unless another has it by then: nobody reads half of it.
        let written = write(path, &key).and_then(|unnamed| match unnamed.persist_noclobber(path) {
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map(drop).map_err(|lost| lost.error),
        });
        written.map_err(fails)
    }
}

/// A file beside `path`, for this user alone, that holds a key.
fn write(path: &Path, key: &Key) -> io::Result<NamedTempFile> {
    let mut text = key.text();
    text.push('\n');
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn from_hex(text: &str) -> Option<Key> {
    let digit = |at: usize| char::from(*text.as_bytes().get(at)?).to_digit(16);
    let mut key = Key([0; KEY_BYTES]);
    for (at, byte) in key.0.iter_mut().enumerate() {
        *byte = u8::try_from(digit(2 * at)? << 4 | digit(2 * at + 1)?).ok()?;
    }
    (text.len() == 2 * KEY_BYTES).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_user_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(Key::read(&path).unwrap_err().is_missing());
        let made: Vec<Key> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| Key::read_or_make(&path).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(made.iter().all(|key| *key == made[0]) && made[0] != Key([0; KEY_BYTES]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        Key::read_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::Open { .. })));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        for text in
            ["", "prun-key-1:", "prun-key-1:00", &format!("prun-key-2:{}", "0".repeat(64)), &"x".repeat(500)]
        {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(Key::read(&path), Err(KeyError::Content(_))), "{text}");
        }
    }
}
