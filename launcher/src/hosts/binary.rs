//! This binary, as hosts have it: named by its checksum, so that versions live side by side and a damaged one is noticed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The file system refuses.
    #[error("cannot read this program's own file")]
    Read(#[from] io::Error),
    /// It is not what its name says.
    #[error("the binary is damaged: its checksum is `{found}` in the place of `{wanted}`")]
    Checksum {
        /// What it should be.
        wanted: String,
        /// What it is.
        found: String,
    },
}

/// This program's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of it, in hexadecimal.
    pub checksum: String,
    /// What it runs on, as `uname -sm` says it.
    pub system: String,
}

impl Binary {
    /// This program's own. Blocks until all of it has been read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn own() -> io::Result<Self> {
        // The file that runs, even where its path names another one by now.
        let mut file = File::open("/proc/self/exe")?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => hash.update(&piece[..read]),
            }
        }
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        Ok(Self {
            path: "/proc/self/exe".into(),
            checksum: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            system: format!("{} {}", text(system.sysname()), text(system.machine())),
        })
    }

    /// Whether this program is the one that is meant. Blocks as [`Self::own`] does.
    ///
    /// # Errors
    /// [`BinaryError`].
    pub fn verify(wanted: &str) -> Result<(), BinaryError> {
        let found = Self::own()?.checksum;
        if found == wanted { Ok(()) } else { Err(BinaryError::Checksum { wanted: wanted.to_owned(), found }) }
    }

    /// Runs it on a host that has it, as `prun remote`; else says what that host is.
    pub(super) fn start_script(&self, far_option: &str) -> String {
        let sum = &self.checksum;
        format!(
            "b=\"${{XDG_CACHE_HOME:-$HOME/.cache}}/prun/{sum}/prun\"; \
             if [ -x \"$b\" ]; then exec \"$b\" remote --checksum {sum}{far_option}; fi; \
             echo \"{mark}need $(uname -sm)\"",
            mark = super::MARK
        )
    }

    /// Takes it in on the script's input. It gets its name when it is whole and has looked at itself.
    pub(super) fn copy_script(&self) -> String {
        let sum = &self.checksum;
        format!(
            "umask 077; d=\"${{XDG_CACHE_HOME:-$HOME/.cache}}/prun/{sum}\"; t=\"$d/new.$(hostname).$$\"; \
             mkdir -p \"$d\" && cat >\"$t\" && chmod 700 \"$t\" && \"$t\" remote --checksum {sum} --verify \
             && mv -f \"$t\" \"$d/prun\" || {{ rm -f \"$t\"; exit 1; }}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_no_single_quotes_and_the_checksum_is_that_of_the_file() {
        let own = Binary::own().unwrap();
        assert_eq!(own.checksum.len(), 64);
        assert!(!own.start_script("").contains('\'') && !own.copy_script().contains('\''));
        assert!(Binary::verify(&own.checksum).is_ok());
        assert!(matches!(Binary::verify("00"), Err(BinaryError::Checksum { .. })));
    }
}
