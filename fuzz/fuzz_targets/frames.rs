//! Any bytes as what a stranger sends first, and as frames: read or refused, without more memory than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prun_runtime::limits::{MESSAGE_BYTES_MAX, PREAMBLE_BYTES_MAX};
use prun_runtime::server::door;
use prun_runtime::wire::frame::{HEADER_BYTES, parse_header, read_message, read_payload};
use prun_runtime::wire::preamble::Preamble;

thread_local! {
    /// For the door's clock.
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(preamble) = read_message::<Preamble>(&mut rest) {
        let (open, _secret) = preamble.target.clone().without_secret();
        assert!(open.clone().without_secret().0 == open);
    }
    if let Some(head) = bytes.first_chunk::<HEADER_BYTES>()
        && let Ok((_, length)) = parse_header(*head, MESSAGE_BYTES_MAX)
    {
        assert!(length < MESSAGE_BYTES_MAX);
        // What comes is no more than was sent, whatever length it says.
        let _ = read_payload(&mut &bytes[HEADER_BYTES..], length as u64);
    }
    let mut rest = bytes;
    RUNTIME.with(|runtime| {
        if runtime.block_on(door::preamble(&mut rest)).is_ok() {
            assert!(bytes.len() - rest.len() <= PREAMBLE_BYTES_MAX + HEADER_BYTES);
        }
    });
});
