//! A file for a node (`sbcast`, `srun --bcast`): sender to rank server and back.
//!
//! The sender says [`ToFile::Start`] and waits for [`FromFile::Ready`]; then come chunks in order, then
//! [`ToFile::End`], which is answered when the whole file stands under its name. [`FromFile::Failed`] may come at any
//! time and is the last word.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Sender to rank server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToFile {
    /// What is coming.
    Start(FileStart),
    /// Part of the file; the data frame with the bytes follows directly.
    Chunk {
        /// Where it belongs: directly behind the part before.
        offset: u64,
        /// CRC-32 (IEEE) of its bytes.
        crc32: u32,
    },
    /// The whole file has been sent.
    End {
        /// CRC-32 (IEEE) of all of its bytes.
        crc32: u32,
    },
}

/// A file that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStart {
    /// Where it is to stand, absolute.
    pub path: ByteBuf,
    /// Replace what stands there.
    pub force: bool,
    /// Make the directories above it.
    #[serde(default)]
    pub make_parents: bool,
    /// Permission bits.
    pub mode: u32,
    /// When it was read and changed last, if that is to be kept.
    pub times: Option<FileTimes>,
    /// Bytes.
    pub size: u64,
}

/// Unix seconds, and nanoseconds beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTimes {
    /// Last access.
    pub accessed: (i64, u32),
    /// Last change.
    pub modified: (i64, u32),
}

/// Rank server to sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromFile {
    /// Send.
    Ready,
    /// The file stands under its name.
    Written,
    /// It does not, and nothing of it is left.
    Failed {
        /// Why, as a system error number.
        errno: i32,
        /// What was tried, for people.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::{decode, encode};

    /// Messages are maps with named fields, as they stand on the wire.
    #[test]
    fn golden_bytes() {
        let start = ToFile::Start(FileStart {
            path: ByteBuf::from("/a"),
            force: true,
            make_parents: false,
            mode: 0o644,
            times: None,
            size: 3,
        });
        let mut expected = b"\x81\xa5Start\x86\xa4path\xc4\x02/a\xa5force\xc3\xacmake_parents\xc2".to_vec();
        expected.extend_from_slice(b"\xa4mode\xcd\x01\xa4\xa5times\xc0\xa4size\x03");
        assert_eq!(encode(&start).unwrap(), expected);
        assert_eq!(decode::<ToFile>(&expected).unwrap(), start);
        let chunk = ToFile::Chunk { offset: 1, crc32: 2 };
        assert_eq!(encode(&chunk).unwrap(), b"\x81\xa5Chunk\x82\xa6offset\x01\xa5crc32\x02");
        assert_eq!(encode(&ToFile::End { crc32: 2 }).unwrap(), b"\x81\xa3End\x81\xa5crc32\x02");
        assert_eq!(encode(&FromFile::Ready).unwrap(), b"\xa5Ready");
        assert_eq!(encode(&FromFile::Written).unwrap(), b"\xa7Written");
        let failed = FromFile::Failed { errno: 17, what: "x".to_owned() };
        assert_eq!(encode(&failed).unwrap(), b"\x81\xa6Failed\x82\xa5errno\x11\xa4what\xa1x");
    }
}
