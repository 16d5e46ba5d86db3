//! Any text as a hostlist: what expands is bounded, and comes back from its short form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prun::script::hostlist::{compress, expand};
use prun::script::pattern;

/// The bound that the reader promises (`prun_runtime::limits::NODES_MAX`).
const NODES_MAX: usize = 65_536;

fuzz_target!(|text: &str| {
    if let Ok(names) = expand(text) {
        assert!(names.len() <= NODES_MAX);
        if names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric())) {
            assert_eq!(expand(&compress(&names)), Ok(names));
        }
    }
    let _ = pattern::expand(text, &pattern::Letters::default());
});
