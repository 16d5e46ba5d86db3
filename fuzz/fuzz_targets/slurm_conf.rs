//! Any text as a configuration file, including itself: it is read or refused, and every message can be written.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use prun::controller::config_file::{Source, read};
use prun::controller::core::config::Config;

fuzz_target!(|text: &str| {
    let mut file = |_: &Path| Ok(text.to_owned());
    let Ok(source) = Source::load(Path::new("slurm.conf"), &mut file) else { return };
    match read(&source, Config::default()) {
        Ok((_, warnings)) => warnings.iter().for_each(|warning| drop(warning.line(&source))),
        Err(mistakes) => mistakes.iter().for_each(|mistake| drop(mistake.render(&source))),
    }
});
