//! Any bytes from any rank of a step: the PMI server answers no more than it is asked and keeps its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prun_runtime::ids::Rank;
use prun_runtime::pmi::server::{Effect, Facts, Served, Server};

fuzz_target!(|pieces: Vec<(u8, Vec<u8>)>| {
    let served: Vec<Served> = (0..3).map(|rank| Served { rank: Rank(rank), node: rank / 2 }).collect();
    let mut server = Server::new(Facts { size: 3, space_name: "kvs".into(), mapping: None }, &served);
    let asked: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut answers = 0;
    for (at, bytes) in pieces {
        let at = usize::from(at % 3);
        if bytes.is_empty() {
            server.closed(at);
        }
        server.hear(at, &bytes);
        while let Some(effect) = server.next_effect() {
            match effect {
                Effect::Send { .. } => answers += 1,
                Effect::Fence { pairs } => server.fenced(pairs),
                Effect::Refused { .. } | Effect::End { .. } => {}
            }
        }
    }
    assert!(answers <= asked);
});
