//! Any bytes as a job script: read, or refused with a text that can be shown; never a panic, never much memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prun::script::options::Command;
use prun::script::{read_batch, read_batch_line};

fuzz_target!(|script: &[u8]| {
    let Ok(line) = read_batch_line(Command::Prun, &["job.sh".to_owned()]) else { return };
    if let Err(mistake) = read_batch(Command::Prun, &line, &|_| None, script) {
        assert!(!mistake.slurm.is_empty() && mistake.exit_code != 0);
        assert!(!mistake.render("job.sh", script, false).is_empty());
    }
});
