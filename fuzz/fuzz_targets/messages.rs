//! Any bytes as each message of each link: read or refused; what is read can be written, and is the same then.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prun::controller::api::{Answer, Call};
use prun::controller::journal::Record;
use prun_runtime::wire::frame::{decode, encode};
use prun_runtime::wire::{file, launch, node, preamble, rank, step, stepd};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn check<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(message) = decode::<T>(bytes) else { return };
    let written = encode(&message).expect("what was read can be written");
    let again: T = decode(&written).expect("what was written can be read");
    assert_eq!(encode(&again).expect("as before"), written);
}

const LINKS: &[fn(&[u8])] = &[
    check::<preamble::Preamble>,
    check::<launch::StepLaunch>,
    check::<node::ToNode>,
    check::<node::FromNode>,
    check::<step::ToStep>,
    check::<step::FromStep>,
    check::<stepd::ToStepd>,
    check::<stepd::FromStepd>,
    check::<file::ToFile>,
    check::<file::FromFile>,
    check::<rank::ToServer>,
    check::<rank::FromServer>,
    check::<Call>,
    check::<Answer>,
    check::<Record>,
];

fuzz_target!(|input: (u8, &[u8])| {
    let (link, bytes) = input;
    LINKS[usize::from(link) % LINKS.len()](bytes);
});
