//! Names, accounts, mail, and what the commands themselves do.

use super::values::{count, without_effect};
use crate::script::begin;

use super::{A, ALL, B, Bad, R, Request, Row, Takes, row, unheeded};

pub(super) const ROWS: &[Row] = &[
    row("job-name", Some('J'), Takes::Value, ALL, "JOB_NAME", "name of the job", |r, v| {
        r.job.name = Some(v.to_owned());
        Ok(())
    }),
    row("account", Some('A'), Takes::Value, ALL, "ACCOUNT", "account", |r, v| {
        r.job.account = Some(v.to_owned());
        Ok(())
    }),
    row("qos", Some('q'), Takes::Value, ALL, "QOS", "quality of service", |r, v| {
        r.job.qos = Some(v.to_owned());
        Ok(())
    }),
    row("reservation", None, Takes::Value, ALL, "RESERVATION", "reservation", |r, v| {
        r.job.reservation = Some(v.to_owned()).filter(|name| !name.is_empty());
        Ok(())
    }),
    row("comment", None, Takes::Value, ALL, "COMMENT", "comment", |r, v| {
        r.job.comment = Some(v.to_owned());
        Ok(())
    }),
    row("wckey", None, Takes::Value, ALL, "WCKEY", "accounting key", |r, v| {
        r.job.wckey = Some(v.to_owned());
        Ok(())
    }),
    row("mail-type", None, Takes::Value, ALL, "", "when to send mail", |r, v| {
        // One that is known is enough.
        let words: Vec<&str> = v.split(',').map(str::trim).collect();
        let end =
            words.iter().position(|word| word.eq_ignore_ascii_case("none")).map_or(words.len(), |at| at + 1);
        let known: Vec<bool> = words[..end].iter().map(|word| mail_type(r, word)).collect();
        if known.contains(&true) { Ok(()) } else { Err(Bad::Specification) }
    }),
    row("mail-user", None, Takes::Value, ALL, "", "to whom to send mail", |r, v| {
        r.job.mail_user = Some(v.to_owned());
        Ok(())
    }),
    row("begin", Some('b'), Takes::Value, ALL, "", "not before this time", |r, v| {
        r.flags.begin = Some(point_in_time(v)?);
        Ok(())
    }),
    row("deadline", None, Takes::Value, ALL, "", "not after this time", |r, v| {
        r.flags.deadline = Some(point_in_time(v)?);
        Ok(())
    }),
    row("wrap", None, Takes::Value, B, "", "a command line as the script", |r, v| {
        r.flags.wrap = Some(v.to_owned());
        Ok(())
    }),
    row("parsable", None, Takes::Nothing, B, "", "print only the job's number", |r, _| {
        r.flags.parsable = true;
        Ok(())
    }),
    row("wait", Some('W'), Takes::Nothing, B, "WAIT", "wait for the job's end", |r, _| {
        r.flags.wait = true;
        Ok(())
    }),
    row("test-only", None, Takes::Nothing, B | R, "TEST_ONLY", "say when it would start", |r, _| {
        r.flags.test_only = true;
        Ok(())
    }),
    row("clusters", Some('M'), Takes::Value, ALL, "CLUSTERS", "other clusters", |r, v| {
        r.flags.clusters = Some(v.to_owned());
        Ok(())
    }),
    row("no-shell", None, Takes::Nothing, A, "", "allocate and return", |r, _| {
        r.flags.no_shell = true;
        Ok(())
    }),
    row("kill-command", Some('K'), Takes::Maybe, A, "KILL_CMD", "end the command with the job", |r, v| {
        r.flags.kill_command = Some(if v.is_empty() { "TERM" } else { v }.to_owned());
        Ok(())
    }),
    row("bell", None, Takes::Nothing, A, "BELL", "ring when allocated", |r, _| {
        r.flags.bell = Some(true);
        Ok(())
    }),
    row("no-bell", None, Takes::Nothing, A, "NO_BELL", "do not ring", |r, _| {
        r.flags.bell = Some(false);
        Ok(())
    }),
    row("quiet", Some('Q'), Takes::Nothing, ALL, "", "only errors", |r, _| {
        r.flags.quiet = true;
        Ok(())
    }),
    row("verbose", Some('v'), Takes::Nothing, ALL, "", "say more; repeat for more", |r, _| {
        r.flags.verbose = r.flags.verbose.saturating_add(1);
        Ok(())
    }),
    row("help", Some('h'), Takes::Nothing, ALL, "", "this text", |r, _| {
        r.flags.help = true;
        Ok(())
    }),
    row("usage", None, Takes::Nothing, ALL, "", "a short text", |r, _| {
        r.flags.usage = true;
        Ok(())
    }),
    row("version", Some('V'), Takes::Nothing, ALL, "", "the version", |r, _| {
        r.flags.version = true;
        Ok(())
    }),
    row(
        "ignore-pbs",
        None,
        Takes::Nothing,
        B,
        "IGNORE_PBS",
        "accepted; #PBS lines are never read",
        |_, _| Ok(()),
    ),
    row("bb", None, Takes::Value, ALL, "BURST_BUFFER", "burst buffer", |r, v| note(r, "bb", v)),
    row("bbf", None, Takes::Value, ALL, "", "burst buffer file", |r, v| note(r, "bbf", v)),
    row("mcs-label", None, Takes::Value, ALL, "", "security label", |r, v| note(r, "mcs-label", v)),
    row("profile", None, Takes::Value, ALL, "PROFILE", "profiling", |r, v| {
        unheeded::profile(v)?;
        note(r, "profile", v)
    }),
    row("acctg-freq", None, Takes::Value, ALL, "ACCTG_FREQ", "sampling interval", |r, v| {
        unheeded::accounting_interval(v)?;
        note(r, "acctg-freq", v)
    }),
    row("power", None, Takes::Value, ALL, "POWER", "power management", |r, v| note(r, "power", v)),
    row("batch", None, Takes::Value, B, "BATCH", "features of the first node", |r, v| note(r, "batch", v)),
    row("container-id", None, Takes::Value, ALL, "CONTAINER_ID", "container's name", |r, v| {
        note(r, "container-id", v)
    }),
    row("extra", None, Takes::Value, ALL, "", "text for the nodes' filter", |r, v| note(r, "extra", v)),
    row("segment", None, Takes::Value, ALL, "SEGMENT_SIZE", "size of blocks of nodes", |r, v| {
        count(v).map_err(|_| Bad::Specification)?;
        note(r, "segment", v)
    }),
    row("stepmgr", None, Takes::Nothing, B | A, "STEPMGR", "steps managed on the node", |r, v| {
        note(r, "stepmgr", v)
    }),
    row("bcast-exclude", None, Takes::Value, R, "BCAST_EXCLUDE", "paths left out of --bcast", |r, v| {
        note(r, "bcast-exclude", v)
    }),
    row("treewidth", None, Takes::Value, R, "TREE_WIDTH", "width of the launch tree", |r, v| {
        note(r, "treewidth", v)
    }),
    row("uid", None, Takes::Value, B | A, "", "run as this user", |r, v| note(r, "uid", v)),
    row("gid", None, Takes::Value, B | A, "", "run as this group", |r, v| note(r, "gid", v)),
    row("tres-per-task", None, Takes::Value, ALL, "TRES_PER_TASK", "resources of each task", |r, v| {
        note(r, "tres-per-task", v)
    }),
    row("tres-bind", None, Takes::Value, ALL, "TRES_BIND", "binding of resources", |r, v| {
        note(r, "tres-bind", v)
    }),
    row("oom-kill-step", None, Takes::Maybe, ALL, "OOM_KILL_STEP", "end the step without memory", |r, v| {
        if !["", "0", "1"].contains(&v) {
            return Err(Bad::Specification);
        }
        note(r, "oom-kill-step", v)
    }),
    row("accel-bind", None, Takes::Value, R, "ACCEL_BIND", "binding of accelerators", |r, v| {
        note(r, "accel-bind", v)
    }),
];

/// Whether it is one does not depend on the clock; which one does, and is worked out by the submitting command.
fn point_in_time(text: &str) -> Result<String, Bad> {
    let some_time = jiff::ZonedDateTime::default();
    begin::parse(text, &some_time).map(|_| text.to_owned()).map_err(Bad::Time)
}

fn note(request: &mut Request, option: &str, value: &str) -> Result<(), Bad> {
    without_effect(request, option, value);
    Ok(())
}

/// Kinds of mail in the order in which Slurm shows them.
const MAIL_TYPES: &[&str] = &[
    "INVALID_DEPEND",
    "BEGIN",
    "END",
    "FAIL",
    "REQUEUE",
    "STAGE_OUT",
    "TIME_LIMIT_50",
    "TIME_LIMIT_80",
    "TIME_LIMIT_90",
    "TIME_LIMIT",
    "ARRAY_TASKS",
];

/// Kinds accumulate over options; `NONE` takes all back. Gives whether it is one.
fn mail_type(request: &mut Request, word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let kinds = &mut request.job.mail_type;
    match word.as_str() {
        "NONE" => kinds.clear(),
        "ALL" => {
            kinds.extend(
                ["INVALID_DEPEND", "BEGIN", "END", "FAIL", "REQUEUE", "STAGE_OUT"].map(str::to_owned),
            );
        }
        known if MAIL_TYPES.contains(&known) => kinds.push(word.clone()),
        _ => return false,
    }
    kinds.sort_by_key(|kind| MAIL_TYPES.iter().position(|known| known == kind));
    kinds.dedup();
    true
}
