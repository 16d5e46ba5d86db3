//! Keys of the whole cluster.

use prun_runtime::limits::JOBS_MAX;

use super::known::Line;
use super::mistake::Mistake;
use super::reading::Reading;
use super::scan::Word;
use crate::controller::core::config::{Config, EnforceLimits};
use crate::script::spec::Memory;

/// Highest number of a first job (Slurm: 26 bits).
const FIRST_JOB_MAX: u32 = 0x03ff_ffff;

/// Largest `MaxArraySize` of Slurm.
const ARRAY_MAX: u32 = 4_000_001;

/// One word of the file.
pub(super) fn word(reading: &mut Reading, word: &Word) {
    match word.lower().as_str() {
        "maxjobcount" => max_jobs(reading, word),
        "slurmctldhost" | "controlmachine" => host(reading, word),
        key => {
            let applied = apply(&mut reading.config, key, word);
            match applied {
                Some(Ok(())) => {}
                Some(Err(mistake)) => reading.refuse(mistake),
                None => reading.other(word, Line::Global),
            }
        }
    }
}

/// `None` for a key that is not here.
fn apply(config: &mut Config, key: &str, word: &Word) -> Option<Result<(), Mistake>> {
    let any = || word.number(0..=u32::MAX);
    let result = match key {
        "clustername" => name(word).map(|name| config.cluster = name),
        "killwait" => any().map(|seconds| config.kill_wait_secs = seconds),
        "minjobage" => any().map(|seconds| config.min_job_age_secs = seconds),
        "slurmdtimeout" => any().map(|seconds| config.node_timeout_secs = seconds),
        "maxarraysize" => word.number(0..=ARRAY_MAX).map(|size| config.max_array_size = size),
        "firstjobid" => word.number(1..=FIRST_JOB_MAX).map(|job| config.first_job = Some(job)),
        "jobrequeue" => word.number(0..=1).map(|requeue| config.job_requeue = requeue == 1),
        "defmempercpu" => {
            word.megabytes_limit().map(|memory| config.default_memory = memory.map(Memory::PerCpu))
        }
        "defmempernode" => {
            word.megabytes_limit().map(|memory| config.default_memory = memory.map(Memory::PerNode))
        }
        "maxmempercpu" => word.megabytes_limit().map(|memory| config.max_memory = memory.map(Memory::PerCpu)),
        "maxmempernode" => {
            word.megabytes_limit().map(|memory| config.max_memory = memory.map(Memory::PerNode))
        }
        "grestypes" => {
            config.gres_types = word.list();
            Ok(())
        }
        "enforcepartlimits" => enforce(word).map(|enforce| config.enforce_limits = enforce),
        _ => return None,
    };
    Some(result)
}

fn name(word: &Word) -> Result<String, Mistake> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !word.value.is_empty() && word.value.len() <= 40 && word.value.chars().all(allowed) {
        // Slurm writes it in lower case too.
        Ok(word.value.to_ascii_lowercase())
    } else {
        Err(word.wrong("names are up to 40 letters, digits, `-`, `_` and `.`"))
    }
}

fn enforce(word: &Word) -> Result<EnforceLimits, Mistake> {
    word.choose(&[
        ("NO", EnforceLimits::No),
        ("ANY", EnforceLimits::Any),
        ("ALL", EnforceLimits::All),
        ("YES", EnforceLimits::All),
    ])
}

/// `NAME` or `NAME(ADDRESS)`.
fn host(reading: &mut Reading, word: &Word) {
    let name = word.value.split('(').next().unwrap_or_default();
    if std::mem::replace(&mut reading.host_given, true) {
        return reading.warn(word, format!("`{}`: prun has no backup controllers; passed over", word.key));
    }
    name.clone_into(&mut reading.config.host);
}

fn max_jobs(reading: &mut Reading, word: &Word) {
    let Some(jobs) = reading.take(word.number(1..=u32::MAX)) else { return };
    reading.config.max_jobs = (jobs as usize).min(JOBS_MAX);
    if jobs as usize > JOBS_MAX {
        reading.warn(word, format!("`{}` is taken as {JOBS_MAX}, the most that prun keeps", word.key));
    }
}
