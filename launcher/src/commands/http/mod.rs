//! What the servers of HTTP share, `prun web` and `prun rest`: what they are as processes, connections, and secrets in files.

pub(crate) mod door;
pub(crate) mod service;
pub(crate) mod token;

/// An error with its causes, in one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
