//! A job script: is it one, and which `#SBATCH` lines does it open with.

use super::words::{Unmatched, Word, split};

/// Why a text is no job script, in Slurm's words (`sbatch` of 24.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAScript {
    /// No bytes.
    #[error("Batch script is empty!")]
    Empty,
    /// Blanks and line ends only.
    #[error("Batch script contains only whitespace!")]
    Blank,
    /// The first line does not begin with `#!`.
    #[error(
        "This does not look like a batch script.  The first\nline must start with #! followed by the path to an interpreter.\nFor instance: #!/bin/sh"
    )]
    NoInterpreter,
    /// A NUL byte: a program, perhaps.
    #[error("The Slurm controller does not allow scripts that\ncontain a NULL character '\\0'.")]
    Nul,
    /// Lines end in CR LF.
    #[error("Batch script contains DOS line breaks (\\r\\n)\ninstead of expected UNIX line breaks (\\n).")]
    DosLineBreaks,
}

impl NotAScript {
    /// What to do about it.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Empty | Self::Blank => "write `#!/bin/bash` and the commands of the job into it",
            Self::NoInterpreter => "put `#!/bin/bash` on the first line",
            Self::Nul => "this looks like a program: run it from a script, with `srun ./program`",
            Self::DosLineBreaks => "convert it: sed -i 's/\\r$//' FILE",
        }
    }
}

/// Checks that a text can be a job script.
///
/// # Errors
/// [`NotAScript`].
pub fn check(script: &[u8]) -> Result<(), NotAScript> {
    if script.is_empty() {
        Err(NotAScript::Empty)
    } else if script.iter().all(u8::is_ascii_whitespace) {
        Err(NotAScript::Blank)
    } else if !script.starts_with(b"#!") {
        Err(NotAScript::NoInterpreter)
    } else if script.contains(&0) {
        Err(NotAScript::Nul)
    } else if script.windows(2).any(|pair| pair == b"\r\n") {
        Err(NotAScript::DosLineBreaks)
    } else {
        Ok(())
    }
}

/// One `#SBATCH` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Its number, from 1.
    pub line: usize,
    /// Its words; places are bytes within the line.
    pub words: Vec<Word>,
}

impl Directive {
    /// Whether it stands between components of a heterogeneous job.
    #[must_use]
    pub fn separates_components(&self) -> bool {
        matches!(self.words[0].text.as_str(), "hetjob" | "packjob")
    }
}

/// A part of a script: line from 1, byte from 0, length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// First byte within the line.
    pub column: usize,
    /// Bytes.
    pub length: usize,
}

/// The directives of a script: every line that begins with `#SBATCH`, up to the first command.
///
/// # Errors
/// The place of a quote that is not closed, and which it is.
pub fn read(script: &[u8]) -> Result<Vec<Directive>, (Place, Unmatched)> {
    const MARK: &str = "#SBATCH";
    let text = String::from_utf8_lossy(script);
    let mut directives = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if let Some(rest) = line.strip_prefix(MARK) {
            let mut words = split(rest).map_err(|unmatched| {
                (Place { line: number, column: MARK.len() + unmatched.at, length: 1 }, unmatched)
            })?;
            for word in &mut words {
                word.start += MARK.len();
                word.end += MARK.len();
            }
            if !words.is_empty() {
                directives.push(Directive { line: number, words });
            }
        } else if !line.trim_start().is_empty() && !line.trim_start().starts_with('#') {
            break;
        }
    }
    Ok(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        let directives = read(script.as_bytes()).unwrap();
        directives.into_iter().flat_map(|d| d.words).map(|w| w.text).collect()
    }

    #[test]
    fn only_marked_lines_before_the_first_command_count() {
        let script = "#!/bin/bash\n#SBATCH -n 1\n\n# text\n##SBATCH -n 2\n # SBATCH -n 3\n#SBATCH--mem=1\n#sbatch -n 4\necho\n#SBATCH -n 5\n";
        assert_eq!(words(script), ["-n", "1", "--mem=1"]);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let directives = read(b"#!/bin/sh\n#SBATCH --ntasks=8\n").unwrap();
        assert_eq!((directives[0].line, directives[0].words[0].start), (2, 8));
    }

    #[test]
    fn what_is_no_script_is_said() {
        for (bytes, expected) in [
            (&b""[..], NotAScript::Empty),
            (b" \n\t", NotAScript::Blank),
            (b"echo\n", NotAScript::NoInterpreter),
            (b"#!/bin/sh\n\0", NotAScript::Nul),
            (b"#!/bin/sh\r\n", NotAScript::DosLineBreaks),
        ] {
            assert_eq!(check(bytes), Err(expected));
        }
        assert_eq!(check(b"#!/bin/sh"), Ok(()));
    }
}
