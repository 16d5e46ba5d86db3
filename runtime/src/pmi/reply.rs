//! What a rank's library is answered, in its version's words.

use super::frame::{Dialect, framed};
use crate::limits::{PMI_KEY_BYTES_MAX, PMI_VALUE_BYTES_MAX};

/// Bytes of a space's name, as libraries are told.
const SPACE_NAME_BYTES_MAX: usize = 256;

/// The universal "it worked": old libraries end where it is missing.
const OK: (&str, &[u8]) = ("rc", b"0");

/// An answer that is being written.
#[derive(Debug)]
pub(super) struct Reply {
    dialect: Dialect,
    text: Vec<u8>,
}

impl Reply {
    /// An answer of this name, with the thread's mark of a version 2 request.
    pub(super) fn new(dialect: Dialect, name: &str, thread: Option<&[u8]>) -> Self {
        let mut reply = Self { dialect, text: format!("cmd={name}").into_bytes() };
        if let Some(thread) = thread {
            reply = reply.with("thrid", thread);
        }
        reply
    }

    /// One pair more.
    pub(super) fn with(mut self, key: &str, value: &[u8]) -> Self {
        self.text.push(if self.dialect == Dialect::V1 { b' ' } else { b';' });
        self.text.extend_from_slice(key.as_bytes());
        self.text.push(b'=');
        self.text.extend_from_slice(value);
        self
    }

    /// One pair more, a number.
    pub(super) fn number(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.with(key, value.to_string().as_bytes())
    }

    /// It worked.
    pub(super) fn ok(self) -> Self {
        self.with(OK.0, OK.1)
    }

    /// It did not, and why. The text holds no space, which version 1 could not say.
    pub(super) fn failed(self, why: &str) -> Self {
        let key = if self.dialect == Dialect::V1 { "msg" } else { "errmsg" };
        self.with("rc", b"-1").with(key, why.as_bytes())
    }

    /// As it is sent.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        if self.dialect == Dialect::V2 {
            self.text.push(b';');
        }
        framed(self.dialect, self.text)
    }
}

/// The opening line's answer, a line in both versions.
pub(super) fn init(version: u32, subversion: u32) -> Vec<u8> {
    let reply = Reply::new(Dialect::V1, "response_to_init", None);
    reply.number("pmi_version", version).number("pmi_subversion", subversion).ok().bytes()
}

/// Version 1's bounds.
pub(super) fn maxes() -> Vec<u8> {
    Reply::new(Dialect::V1, "maxes", None)
        .number("kvsname_max", SPACE_NAME_BYTES_MAX)
        .number("keylen_max", PMI_KEY_BYTES_MAX)
        .number("vallen_max", PMI_VALUE_BYTES_MAX)
        .ok()
        .bytes()
}

/// A value that was looked for, by version 2's name of the answer.
pub(super) fn value(
    dialect: Dialect,
    name: &str,
    thread: Option<&[u8]>,
    key: &[u8],
    found: Option<&[u8]>,
) -> Vec<u8> {
    let reply = Reply::new(dialect, name, thread);
    match (dialect, found) {
        (Dialect::V1, Some(value)) => reply.ok().with("msg", b"success").with("value", value),
        (Dialect::V1, None) => {
            let missing = [b"key_", key, b"_not_found"].concat();
            reply.with("rc", b"1").with("msg", &missing).with("value", b"unknown")
        }
        (Dialect::V2, Some(value)) => reply.with("found", b"TRUE").with("value", value).ok(),
        (Dialect::V2, None) => reply.with("found", b"FALSE").ok(),
    }
    .bytes()
}
