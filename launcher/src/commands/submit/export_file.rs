//! `--export-file`: variables from a file or a descriptor, with NUL between them (`sbatch(1)`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_bytes::ByteBuf;

use crate::environment::Variables;

/// Reads the variables; the value is a path, or the number of a descriptor from 3 on.
///
/// # Errors
/// The line that Slurm writes, without prefix.
pub fn read(value: &str, directory: &Path) -> Result<Variables, String> {
    let path = match value.parse::<u32>() {
        Ok(descriptor) if descriptor > 2 => PathBuf::from(format!("/proc/self/fd/{descriptor}")),
        _ => directory.join(value),
    };
    let bytes = fs::read(path).map_err(|_| format!("Could not open user environment file {value}"))?;
    Ok(parse(&bytes))
}

/// `NAME=VALUE` between NULs; what has no `=` is none.
fn parse(bytes: &[u8]) -> Variables {
    let settings = bytes.split(|&byte| byte == 0).filter_map(|setting| {
        let at = setting.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
        Some((ByteBuf::from(&setting[..at]), ByteBuf::from(&setting[at + 1..])))
    });
    settings.collect()
}

/// Variables with others over them.
#[must_use]
pub fn merge(mut under: Variables, over: Variables) -> Variables {
    under.retain(|(name, _)| !over.iter().any(|(known, _)| known == name));
    under.extend(over);
    under
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Variables {
        list.iter().map(|(name, value)| (ByteBuf::from(*name), ByteBuf::from(*value))).collect()
    }

    #[test]
    fn settings_stand_between_nuls() {
        assert_eq!(parse(b"A=1\0B=x\ny=2\0junk\0=z\0"), pairs(&[("A", "1"), ("B", "x\ny=2")]));
        let error = read("/nonexist", Path::new("/")).unwrap_err();
        assert_eq!(error, "Could not open user environment file /nonexist");
    }

    #[test]
    fn later_settings_win() {
        let merged = merge(pairs(&[("A", "1"), ("B", "2")]), pairs(&[("A", "3")]));
        assert_eq!(merged, pairs(&[("B", "2"), ("A", "3")]));
    }
}
