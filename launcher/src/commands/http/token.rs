//! A secret in a file of its user's own, made where it is missing: what lets a browser in, and what the tokens of
//! `scontrol token` are signed with.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Random bytes of a token: as many as no one guesses.
const BYTES: usize = 24;

/// A file of a token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file system refuses, or the system has no random bytes.
    #[error("cannot {verb} `{}`", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
    /// Somebody else can read it.
    #[error("`{}` can be read by others: `chmod 600` it, or remove it for a new token", .0.display())]
    Open(PathBuf),
    /// It is cut off, or somebody wrote into it.
    #[error("`{}` holds no token of {} hexadecimal digits: remove it for a new one", .0.display(), 2 * BYTES)]
    Broken(PathBuf),
}

/// A token, as it is written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token in a file, which is made, for this user alone, where it is missing.
    pub(crate) fn of(path: &Path) -> Result<Self, TokenError> {
        let fails = |verb| move |source| TokenError::File { verb, path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => {
                let mode = fs::metadata(path).map_err(fails("look at"))?.permissions().mode();
                match text.trim_end() {
                    _ if mode & 0o077 != 0 => Err(TokenError::Open(path.to_owned())),
                    text if is_token(text) => Ok(Self(text.to_owned())),
                    _ => Err(TokenError::Broken(path.to_owned())),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Self::new().map_err(fails("make a token for"))?;
                write_private(path, &token.0).map_err(fails("write"))?;
                Ok(token)
            }
            Err(error) => Err(fails("read")(error)),
        }
    }

    fn new() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Whether this is it. Takes as long whatever the two have in common.
    pub(crate) fn is(&self, claimed: &str) -> bool {
        let differ = |(ours, theirs): (u8, u8)| ours ^ theirs;
        let difference = self
            .0
            .bytes()
            .zip(claimed.bytes())
            .map(differ)
            .fold(0, |all, one| std::hint::black_box(all | one));
        claimed.len() == self.0.len() && difference == 0
    }

    /// Its digits.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

fn is_token(text: &str) -> bool {
    text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes a file that only this user can read; never half of one.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{text}")?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_for_this_user_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let token = Token::of(&path).unwrap();
        assert_eq!(Token::of(&path).unwrap(), token);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(Token::of(&directory.path().join("other")).unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_file_that_others_read_or_that_holds_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        Token::of(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Token::of(&path), Err(TokenError::Open(_))));
        write_private(&path, "abc").unwrap();
        assert!(matches!(Token::of(&path), Err(TokenError::Broken(_))));
    }

    #[test]
    fn only_the_whole_token_is_it() {
        let token = Token("a1".repeat(BYTES));
        assert!(token.is(&"a1".repeat(BYTES)));
        for wrong in ["", "a", "a1", &"a1".repeat(BYTES + 1), &"a2".repeat(BYTES)] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }
}
