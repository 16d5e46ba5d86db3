//! Any text as a time limit, an amount of memory, a begin time, a file pattern: read or refused, and what is read comes
//! back from what is written.
#![no_main]

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use libfuzzer_sys::fuzz_target;
use prun::script::{begin, memory, pattern, time};

/// The longest that a pattern may become: each letter of it one number, padded to ten digits, or one name.
const EXPANDED_BYTES_MAX: usize = 300;

fuzz_target!(|text: &str| {
    if let Some(limit) = time::parse_limit(text) {
        assert_eq!(time::parse_limit(&time::format_limit(limit)), Some(limit));
    }
    if let Some(mb) = memory::parse_mb(text) {
        assert!(!memory::format_mb(mb).is_empty());
    }
    let _ = begin::parse(text, &Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC));
    let expanded = pattern::expand(text, &pattern::Letters::default());
    assert!(expanded.len() <= text.len().max(1) * EXPANDED_BYTES_MAX);
    let _ = pattern::is_per_task(text);
});
