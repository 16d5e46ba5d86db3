//! What `squeue` says about itself.

use super::options::TABLE;
use super::{fields, step_fields};
use crate::commands::ending::Ending;
use crate::commands::states;
use crate::commands::switches::{COMMON, Words, help};
use crate::commands::version;

/// `--usage`.
pub const USAGE: &str = "\
Usage: squeue [-A account] [--clusters names] [-i seconds] [--job jobid]
              [-n name] [-o format] [-p partitions] [--qos qos]
              [--reservation reservation] [--sort fields] [--start]
              [--step step_id] [-t states] [-u user_name] [--usage]
              [-L licenses] [-w nodes] [-ahjlrsv]";

/// The answer to `--help` and its kin, if that is what is asked.
#[must_use]
pub fn answer(words: &Words) -> Option<Ending> {
    let text = match () {
        () if words.has("version") => version(),
        () if words.has("help") => help("squeue [OPTIONS]", &[TABLE, COMMON]),
        () if words.has("usage") => format!("{USAGE}\n"),
        () if words.has("helpstate") => states::list().replace(',', "\n") + "\n",
        () if words.has("helpFormat") => {
            let names = if words.has("steps") {
                step_fields::FIELDS.iter().map(|field| field.name).collect::<Vec<_>>()
            } else {
                fields::FIELDS.iter().map(|field| field.name).collect()
            };
            names.join("\n") + "\n"
        }
        () if words.has("yaml") => {
            return Some(Ending::error("squeue: error: --yaml is not supported, --json is", 1));
        }
        () => return None,
    };
    Some(Ending::text(text))
}
