//! What an executable is linked with: the few fields of an ELF file that say so (`elf(5)`).
//!
//! Of 64-bit little-endian files, which every machine that prun runs on has. Anything else, or anything odd, is not
//! looked at further: it was a hint only.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Shared objects and where they are searched first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Linked {
    /// Names as linked: `libmpi.so.40`.
    pub(super) needed: Vec<String>,
    /// Directories, with `$ORIGIN` put in.
    pub(super) run_path: Vec<PathBuf>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// Program headers, bytes of the dynamic section, bytes of its names: of real programs a hundredth of it.
const HEADERS_MAX: usize = 128;
const DYNAMIC_BYTES_MAX: u64 = 64 << 10;
const NAMES_BYTES_MAX: u64 = 4 << 20;

struct Header {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// Reads what a file is linked with; `None` for anything but a dynamically linked executable or library.
pub(super) fn linked(path: &Path) -> Option<Linked> {
    let file = File::open(path).ok()?;
    let headers = headers(&file)?;
    let dynamic = headers.iter().find(|header| header.kind == PT_DYNAMIC)?;
    let entries = read(&file, dynamic.offset, dynamic.size.min(DYNAMIC_BYTES_MAX))?;
    let entries: Vec<(u64, u64)> =
        entries.chunks_exact(16).filter_map(|entry| Some((u64_at(entry, 0)?, u64_at(entry, 8)?))).collect();
    let value = |tag| entries.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value);
    let names = read(&file, offset_of(&headers, value(DT_STRTAB)?)?, value(DT_STRSZ)?.min(NAMES_BYTES_MAX))?;
    let name = |at: u64| {
        let rest = names.get(usize::try_from(at).ok()?..)?;
        let end = rest.iter().position(|&b| b == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    };
    let of = |tags: &'static [u64]| {
        entries.iter().filter(move |(tag, _)| tags.contains(tag)).filter_map(|(_, at)| name(*at))
    };
    let origin = path.canonicalize().ok()?.parent()?.to_string_lossy().into_owned();
    let place = |text: &str| PathBuf::from(text.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin));
    Some(Linked {
        needed: of(&[DT_NEEDED]).collect(),
        run_path: of(&[DT_RPATH, DT_RUNPATH])
            .flat_map(|list| list.split(':').map(place).collect::<Vec<_>>())
            .collect(),
    })
}

fn headers(file: &File) -> Option<Vec<Header>> {
    let start = read(file, 0, 64)?;
    if !start.starts_with(&[0x7f, b'E', b'L', b'F', 2, 1]) {
        return None;
    }
    let (table, size) = (u64_at(&start, 32)?, usize::from(u16_at(&start, 54)?));
    let count = usize::from(u16_at(&start, 56)?).min(HEADERS_MAX);
    let bytes = read(file, table, (size * count) as u64)?;
    let header = |bytes: &[u8]| {
        Some(Header {
            kind: u32::from_le_bytes(bytes.first_chunk().copied()?),
            offset: u64_at(bytes, 8)?,
            address: u64_at(bytes, 16)?,
            size: u64_at(bytes, 32)?,
        })
    };
    if size == 0 { None } else { bytes.chunks_exact(size).map(header).collect() }
}

/// Where in the file an address of memory comes from.
fn offset_of(headers: &[Header], address: u64) -> Option<u64> {
    let holds = |header: &&Header| {
        header.kind == PT_LOAD
            && address.checked_sub(header.address).is_some_and(|within| within < header.size)
    };
    let header = headers.iter().find(holds)?;
    (address - header.address).checked_add(header.offset)
}

fn read(file: &File, offset: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_the_c_library() {
        let own = linked(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.needed.iter().any(|name| name.starts_with("libc.so")), "{own:?}");
    }

    #[test]
    fn what_is_no_executable_is_not_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let mut real = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        real.truncate(200);
        for (name, content) in [("empty", Vec::new()), ("text", b"#!/bin/sh\n".to_vec()), ("cut", real)] {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            assert_eq!(linked(&path), None, "{name}");
        }
    }
}
