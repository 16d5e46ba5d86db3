//! `sbcast --send-libs`: the shared objects that a program is linked with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_bytes::ByteBuf;

/// Shared objects of a program, but for those below the excluded directories. A program without any (a script, a
/// static one) has none.
pub(super) fn of(program: &Path, exclude: &[PathBuf]) -> Vec<PathBuf> {
    let whole = std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
    let output = Command::new("ldd").arg(whole).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    listed(&String::from_utf8_lossy(&text), exclude)
}

/// Paths in the output of `ldd(1)`: `libx.so.1 => /opt/x/libx.so.1 (0x…)`.
fn listed(text: &str, exclude: &[PathBuf]) -> Vec<PathBuf> {
    let path = |line: &str| {
        let (_, found) = line.split_once(" => ")?;
        let path = PathBuf::from(found.split_once(" (").map_or(found, |(path, _)| path).trim());
        path.is_absolute().then_some(path)
    };
    let wanted = |path: &PathBuf| !exclude.iter().any(|directory| path.starts_with(directory));
    text.lines().filter_map(path).filter(wanted).collect()
}

/// Where a shared object of the file at `destination` goes: `DEST_libs/NAME`.
pub(super) fn destination(destination: &ByteBuf, library: &Path) -> ByteBuf {
    let name = library.file_name().unwrap_or_default().as_encoded_bytes();
    ByteBuf::from([destination.as_slice(), b"_libs/", name].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_outside_of_the_system_are_sent_beside_the_program() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibx.so.1 => /opt/x/libx.so.1 (0x2)\n\tlibc.so.6 => /lib/libc.so.6 (0x3)\n\tliby.so => not found\n";
        let libraries = listed(text, &[PathBuf::from("/lib")]);
        assert_eq!(libraries, [PathBuf::from("/opt/x/libx.so.1")]);
        let place = destination(&ByteBuf::from("/tmp/prog"), &libraries[0]);
        assert_eq!(place, ByteBuf::from("/tmp/prog_libs/libx.so.1"));
    }
}
