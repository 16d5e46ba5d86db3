//! Values of options that are known and left without effect: what Slurm refuses is refused all the same
//! (`slurm_opt.c`, `cpu_frequency.c`, `proc_args.c` of 24.11).

use super::Bad;

fn line(text: String) -> Bad {
    Bad::Line(text, 255)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether one of these words is meant, in any case.
fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `--profile`: `none`, `all`, or kinds of data.
pub(super) fn profile(text: &str) -> Result<(), Bad> {
    const KINDS: &[&str] = &["none", "all", "energy", "task", "filesystem", "lustre", "network"];
    let known = text.split(',').any(|kind| is_one_of(kind.trim(), KINDS));
    if known { Ok(()) } else { Err(line(format!("invalid --profile={text} option"))) }
}

/// `--acctg-freq`: seconds, for all data or kind by kind.
pub(super) fn accounting_interval(text: &str) -> Result<(), Bad> {
    const KINDS: &[&str] = &["task", "energy", "network", "filesystem"];
    let known = |item: &str| match item.split_once('=') {
        Some((kind, seconds)) => is_one_of(kind, KINDS) && is_number(seconds),
        None => is_number(item),
    };
    let bad = || line(format!("Invalid --acctg-freq specification: {text}"));
    if text.split(',').all(known) { Ok(()) } else { Err(bad()) }
}

/// `--cpu-freq=P1[-P2[:P3]]`.
pub(super) fn cpu_frequency(text: &str) -> Result<(), Bad> {
    const SPEEDS: &[&str] = &["low", "medium", "high", "highm1"];
    const GOVERNORS: &[&str] =
        &["conservative", "ondemand", "performance", "powersave", "schedutil", "userspace"];
    let is_speed = |text: &str| is_number(text) || is_one_of(text, SPEEDS);
    let unrecognised = |text: &str| format!("unrecognized --cpu-freq argument \"{text}\"");
    let (speed, governor) =
        text.split_once(':').map_or((text, None), |(speed, governor)| (speed, Some(governor)));
    let why = match (speed.split_once('-'), governor) {
        (Some(_), None) => Some(
            "You must explicitly choose a governor when defining a range. Please specify only one value for the \
             desired frequency (p1) or choose a specific governor (p3)."
                .to_owned(),
        ),
        (_, Some(governor)) if !is_one_of(governor, GOVERNORS) => {
            Some(format!("illegal governor: {governor} on --cpu-freq"))
        }
        (Some((least, most)), _) => [least, most].into_iter().find(|text| !is_speed(text)).map(unrecognised),
        (None, _) if !is_speed(speed) && !is_one_of(speed, GOVERNORS) => Some(unrecognised(speed)),
        (None, _) => None,
    };
    why.map_or(Ok(()), |why| Err(line(format!("{why}\nInvalid --cpu-freq argument"))))
}

/// `--gpu-freq=[TYPE=]VALUE,…`.
pub(super) fn gpu_frequency(text: &str) -> Result<(), Bad> {
    const SPEEDS: &[&str] = &["low", "medium", "high", "highm1", "verbose"];
    let known = |item: &str| {
        let speed = item.strip_prefix("memory=").or_else(|| item.strip_prefix("graphics=")).unwrap_or(item);
        is_number(speed) || is_one_of(speed, SPEEDS)
    };
    if text.split(',').all(known) {
        Ok(())
    } else {
        Err(line(format!("Invalid --gpu-freq argument: gpu:{text}")))
    }
}

/// `--gpu-bind=[verbose,]TYPE`.
pub(super) fn gpu_binding(text: &str) -> Result<(), Bad> {
    let kind = text.strip_prefix("verbose,").or_else(|| text.strip_prefix("v,")).unwrap_or(text);
    let kind = kind.split_once(':').map_or(kind, |(kind, _)| kind);
    let known =
        is_one_of(kind, &["closest", "none", "single", "per_task", "map_gpu", "mask_gpu", "map", "mask"]);
    if known { Ok(()) } else { Err(line(format!("Invalid --gpu-bind argument: {text}"))) }
}

/// `--mem-bind=TYPE,…`; the lists of `map_mem:` and `mask_mem:` have commas too.
pub(super) fn memory_binding(text: &str) -> Result<(), Bad> {
    const KINDS: &[&str] =
        &["quiet", "q", "verbose", "v", "none", "no", "rank", "local", "prefer", "p", "sort", "nosort"];
    for item in text.split(',') {
        if ["map_mem:", "mask_mem:"].iter().any(|kind| item.starts_with(kind)) {
            break;
        }
        if !is_one_of(item, KINDS) {
            return Err(line(format!("unrecognized --mem-bind argument \"{item}\"")));
        }
    }
    Ok(())
}

/// `--gres-flags=FLAG,…`.
pub(super) fn gres_flags(text: &str) -> Result<(), Bad> {
    const FLAGS: &[&str] =
        &["enforce-binding", "disable-binding", "multiple-tasks-per-sharing", "one-task-per-sharing"];
    match text.split(',').find(|flag| !is_one_of(flag, FLAGS)) {
        Some("allow-task-sharing") => {
            Err(line("--gres-flags=allow-task-sharing is only used with srun.".to_owned()))
        }
        Some(flag) => Err(line(format!("Invalid --gres-flags specification: {flag}"))),
        None => Ok(()),
    }
}

/// `--propagate`: `ALL`, `NONE`, or names of limits.
pub(super) fn limits(text: &str) -> Result<(), Bad> {
    const NAMES: &[&str] =
        &["AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "RSS", "STACK"];
    let known = |name: &str| NAMES.contains(&name.strip_prefix("RLIMIT_").unwrap_or(name));
    match text.split(',').find(|name| !known(name)) {
        Some(_) if ["", "ALL", "NONE"].contains(&text) => Ok(()),
        Some(name) => Err(Bad::Line(format!("Bad rlimit name: {name}\n--propagate={text} is not valid."), 1)),
        None => Ok(()),
    }
}

/// `--get-user-env[=TIMEOUT][MODE]`.
pub(super) fn login_environment(text: &str) -> Result<(), Bad> {
    // What stands behind the mode's letter is not read.
    let mode = text.trim_start_matches(|c: char| c.is_ascii_digit()).chars().next();
    if mode.is_none_or(|mode| "SsLl".contains(mode)) { Ok(()) } else { Err(Bad::Specification) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slurm_takes_is_taken_and_the_rest_refused_in_its_words() {
        type Check = fn(&str) -> Result<(), Bad>;
        type Refused = &'static [(&'static str, &'static str)];
        let cases: &[(Check, &[&str], Refused)] = &[
            (profile, &["all", "task", "none"], &[("x", "invalid --profile=x option")]),
            (
                accounting_interval,
                &["30", "task=30,energy=2"],
                &[
                    ("-1", "Invalid --acctg-freq specification: -1"),
                    ("foo=1", "Invalid --acctg-freq specification: foo=1"),
                ],
            ),
            (
                cpu_frequency,
                &["high", "2000", "performance", "2000-3000:Performance"],
                &[
                    ("x", "unrecognized --cpu-freq argument \"x\"\nInvalid --cpu-freq argument"),
                    ("high:x", "illegal governor: x on --cpu-freq\nInvalid --cpu-freq argument"),
                ],
            ),
            (
                gpu_frequency,
                &["low,memory=high"],
                &[("memory=x", "Invalid --gpu-freq argument: gpu:memory=x")],
            ),
            (gpu_binding, &["verbose,closest", "map_gpu:0,1"], &[("x", "Invalid --gpu-bind argument: x")]),
            (
                memory_binding,
                &["v,local", "map_mem:0,1"],
                &[("local,x", "unrecognized --mem-bind argument \"x\"")],
            ),
            (
                gres_flags,
                &["enforce-binding"],
                &[("enforce-binding,x", "Invalid --gres-flags specification: x")],
            ),
            (
                limits,
                &["ALL", "NONE", "STACK,RLIMIT_CORE", ""],
                &[("stack", "Bad rlimit name: stack\n--propagate=stack is not valid.")],
            ),
        ];
        for (check, good, bad) in cases {
            for text in *good {
                assert_eq!(check(text), Ok(()), "{text}");
            }
            for (text, expected) in *bad {
                let Err(Bad::Line(line, _)) = check(text) else { panic!("{text}") };
                assert_eq!(line, *expected);
            }
        }
        assert_eq!(login_environment("5L"), Ok(()));
        assert_eq!(login_environment("x"), Err(Bad::Specification));
    }
}
