//! Lines of `scontrol show job` that are there only for what was asked for, in the order of 24.11.

use super::record::Record;
use crate::commands::facts;
use crate::controller::api::JobView;
use crate::script::spec::GresPer;
use crate::script::time::{format_secs, parse_limit};

/// The value of an option that is known and left without effect.
pub(super) fn unheeded<'a>(job: &'a JobView, option: &str) -> Option<&'a str> {
    job.spec.without_effect.iter().find(|(name, _)| name == option).map(|(_, value)| value.as_str())
}

/// `--delay-boot` as `scontrol` writes it.
#[must_use]
pub(super) fn delay_boot(job: &JobView) -> String {
    let minutes = unheeded(job, "delay-boot").and_then(parse_limit).flatten();
    format_secs(u64::from(minutes.unwrap_or(0)) * 60)
}

/// What stands behind the paths of a script's streams.
pub(super) fn lines(record: &mut Record, job: &JobView) {
    if let Some(switches) = unheeded(job, "switches") {
        record.line(format!("Switches={}@00:05:00", switches.split('@').next().unwrap_or_default()));
    }
    if let Some(buffer) = unheeded(job, "bb") {
        record.line(format!("BurstBuffer={buffer}"));
    }
    if let Some(asked) = &job.spec.cpu_freq {
        record.line(cpu_frequency(asked));
    }
    let flags = flags(job);
    if !flags.is_empty() {
        record.line(flags.join(","));
    }
    if let Some(kill) = unheeded(job, "oom-kill-step") {
        record.line(format!("OOMKillStep={}", if kill == "0" { 0 } else { 1 }));
    }
    if let Some(binding) = unheeded(job, "gpu-bind") {
        record.line(format!("TresBind=gres/gpu:{binding}"));
    }
    if let Some(frequency) = unheeded(job, "gpu-freq") {
        record.line(format!("TresFreq=gpu:{frequency}"));
    }
    for (name, per) in [("Job", GresPer::Job), ("Node", GresPer::Node), ("Socket", GresPer::Socket)] {
        if let Some(gres) = facts::gres_per(job, per) {
            record.line(format!("TresPer{name}={gres}"));
        }
    }
    if let Some(tres) = per_task(job) {
        record.line(format!("TresPerTask={tres}"));
    }
    if !job.spec.mail_type.is_empty() {
        let to = job.spec.mail_user.as_deref().unwrap_or(&job.submitter.user);
        record.line(format!("MailUser={to} MailType={}", job.spec.mail_type.join(",")));
    }
    let (container, id) = (unheeded(job, "container"), unheeded(job, "container-id"));
    if container.is_some() || id.is_some() {
        record.line(format!("Container={} ContainerID={}", facts::or_null(container), facts::or_null(id)));
    }
}

/// CPUs and devices of each task, where they were asked for.
fn per_task(job: &JobView) -> Option<String> {
    let cpus = job.spec.cpus_per_task.map(|cpus| format!("cpu={cpus}"));
    let parts: Vec<String> = cpus.into_iter().chain(facts::gres_per(job, GresPer::Task)).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn flags(job: &JobView) -> Vec<String> {
    let gres = unheeded(job, "gres-flags").unwrap_or_default();
    let bound = [("enforce-binding", "Yes"), ("disable-binding", "No")];
    let bound = bound.into_iter().find(|(flag, _)| gres.split(',').any(|word| word == *flag));
    let mut flags: Vec<String> =
        bound.map(|(_, word)| format!("GresEnforceBind={word}")).into_iter().collect();
    if let Some(kill) = job.spec.kill_on_invalid_dep {
        // So it is spelt.
        flags.push(format!("KillOInInvalidDependent={}", if kill { "Yes" } else { "No" }));
    }
    if job.spec.spread {
        flags.push("SpreadJob=Yes".to_owned());
    }
    flags
}

/// `P1[-P2[:GOVERNOR]]` in Slurm's words: a speed alone is the highest, under the user's own governor.
fn cpu_frequency(asked: &str) -> String {
    const GOVERNORS: [&str; 6] =
        ["Conservative", "OnDemand", "Performance", "PowerSave", "SchedUtil", "UserSpace"];
    let governor = |text: &str| GOVERNORS.into_iter().find(|known| known.eq_ignore_ascii_case(text));
    let capital = |text: &str| {
        let (first, rest) = text.split_at(text.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    };
    if let Some(governor) = governor(asked) {
        return format!("Governor={governor}");
    }
    let (speed, last) = asked.split_once(':').unwrap_or((asked, "UserSpace"));
    let last = governor(last).unwrap_or("UserSpace");
    match speed.split_once('-') {
        Some((least, most)) => {
            format!("CPU_min_freq={} CPU_max_freq={} Governor={last}", capital(least), capital(most))
        }
        None => format!("CPU_max_freq={} Governor={last}", capital(speed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_read_as_in_slurm() {
        for (asked, shown) in [
            ("highm1", "CPU_max_freq=Highm1 Governor=UserSpace"),
            ("2000", "CPU_max_freq=2000 Governor=UserSpace"),
            ("performance", "Governor=Performance"),
            ("1000-2000:ondemand", "CPU_min_freq=1000 CPU_max_freq=2000 Governor=OnDemand"),
        ] {
            assert_eq!(cpu_frequency(asked), shown);
        }
    }
}
