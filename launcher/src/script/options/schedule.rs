//! When: limits, arrays, dependencies, holds, priorities, signals.

use super::values::{count, limit, signal, without_effect};
use super::{A, ALL, B, Bad, R, Request, Row, Takes, row};
use crate::script::spec::{ArraySpec, Dependency, DependencyCondition, DependencyKind, SignalSpec};

pub(super) const ROWS: &[Row] = &[
    row("time", Some('t'), Takes::Value, ALL, "TIMELIMIT", "time limit", |r, v| {
        r.job.time_limit = Some(limit(v)?);
        Ok(())
    }),
    row("time-min", None, Takes::Value, ALL, "", "least time limit", |r, v| {
        let refused = "Batch job submission failed: Invalid time-min specification (exceeds job's time or other limits)";
        let minutes = limit(v)?.ok_or_else(|| Bad::Line(refused.to_owned(), 1));
        later(r, minutes, |r, minutes| r.job.time_min = Some(minutes))
    }),
    row("array", Some('a'), Takes::Value, B, "ARRAY_INX", "array elements: 0-9, 1,3-7:2%4", |r, v| match v {
        "" => Ok(()),
        v => later(r, array(v), |r, array| r.job.array = Some(array)),
    }),
    row("dependency", Some('d'), Takes::Value, ALL, "DEPENDENCY", "wait for jobs: afterok:ID", |r, v| {
        r.job.dependency = dependency(v);
        Ok(())
    }),
    row("kill-on-invalid-dep", None, Takes::Value, B, "KILL_ON_INVALID_DEP", "yes or no", |r, v| {
        r.job.kill_on_invalid_dep = Some(match v.to_ascii_lowercase().as_str() {
            "yes" => true,
            "no" => false,
            _ => return Err(Bad::Specification),
        });
        Ok(())
    }),
    row("hold", Some('H'), Takes::Nothing, ALL, "", "submit held", |r, _| {
        r.job.hold = true;
        Ok(())
    }),
    row("nice", None, Takes::Maybe, ALL, "NICE", "lower priority", |r, v| {
        r.job.nice = nice(v)?;
        Ok(())
    }),
    row("priority", None, Takes::Value, ALL, "PRIORITY", "priority", |r, v| {
        r.job.priority = Some(priority(v)?);
        Ok(())
    }),
    row("requeue", None, Takes::Nothing, B, "REQUEUE", "may be requeued", |r, _| {
        r.job.requeue = Some(true);
        Ok(())
    }),
    row("no-requeue", None, Takes::Nothing, B, "NO_REQUEUE", "may not be requeued", |r, _| {
        r.job.requeue = Some(false);
        Ok(())
    }),
    row("immediate", Some('I'), Takes::Maybe, R | A, "IMMEDIATE", "give up when not free at once", |r, v| {
        // A second is no wait: Slurm has one number for both.
        let bad = |_| Bad::Line(format!("Invalid numeric value \"{v}\" for immediate."), 1);
        let secs = if v.is_empty() { 0 } else { count(v).map_err(bad)? };
        r.job.immediate = Some(if secs == 1 { 0 } else { secs });
        Ok(())
    }),
    row("no-kill", Some('k'), Takes::Maybe, ALL, "NO_KILL", "go on when a node fails", |r, v| {
        r.job.no_kill = match v.to_ascii_lowercase().as_str() {
            "" | "set" => true,
            "off" | "no" => false,
            _ => return Err(Bad::Specification),
        };
        Ok(())
    }),
    row("reboot", None, Takes::Nothing, ALL, "", "reboot nodes first", |r, _| {
        r.job.reboot = true;
        Ok(())
    }),
    row("signal", None, Takes::Value, ALL, "SIGNAL", "[R][B:]SIGNAL[@SECONDS] before the limit", |r, v| {
        r.job.signal = Some(signal_spec(v)?);
        Ok(())
    }),
    row("wait-all-nodes", None, Takes::Value, B | A, "WAIT_ALL_NODES", "wait for all nodes", |r, v| {
        if !v.is_empty() && count(v)? > 1 {
            return Err(Bad::Specification);
        }
        without_effect(r, "wait-all-nodes", v);
        Ok(())
    }),
    row("delay-boot", None, Takes::Value, ALL, "DELAY_BOOT", "wait for features", |r, v| {
        limit(v)?;
        without_effect(r, "delay-boot", v);
        Ok(())
    }),
];

/// `TOP`, or a number as `strtoll` reads it, by whom a word is 0.
fn priority(text: &str) -> Result<u32, Bad> {
    const PRIORITY_END: u32 = u32::MAX - 1;
    let text = text.trim_start();
    if text.eq_ignore_ascii_case("top") {
        return Ok(PRIORITY_END);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let out_of_range = |why: String| Bad::Line(format!("Priority must be {why}"), 255);
    match &text[..end] {
        "" if text.starts_with('-') && leading_number(&text[1..]) > Some(0) => {
            Err(out_of_range(">= 0".to_owned()))
        }
        "" => Ok(0),
        digits => {
            let number = digits.parse().ok().filter(|&number: &u32| number < PRIORITY_END);
            number.ok_or_else(|| out_of_range(format!("< {PRIORITY_END}")))
        }
    }
}

/// Read as `strtoll` does, by whom a word is 0.
fn nice(text: &str) -> Result<i32, Bad> {
    const NICE_MAX: i32 = i32::MAX - 2;
    if text.is_empty() {
        return Ok(100);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
    let value = if digits.is_empty() { Some(0) } else { digits.parse::<i32>().ok() };
    let bad = || Bad::Line(format!("Invalid --nice value, out of range (+/- {NICE_MAX})"), 255);
    value.filter(|value| *value <= NICE_MAX).map(|value| sign * value).ok_or_else(bad)
}

/// What only the controller refuses: sbatch goes on reading, so that other mistakes come first.
fn later<T>(
    request: &mut Request,
    value: Result<T, Bad>,
    set: impl FnOnce(&mut Request, T),
) -> Result<(), Bad> {
    match value {
        Ok(value) => set(request, value),
        Err(bad) => {
            request.refused.get_or_insert(bad);
        }
    }
    Ok(())
}

/// `1,3-7:2%4`.
fn array(text: &str) -> Result<ArraySpec, Bad> {
    /// Slurm's `MaxArraySize` bounds the numbers; this only bounds the work until the controller has looked.
    const NUMBER_MAX: u32 = 4_000_000;
    let invalid = || Bad::Line("Batch job submission failed: Invalid job array specification".to_owned(), 1);
    // Slurm reads the limit with `strtol`: what follows the number does not count, and without one there is none.
    let (list, limit) = match text.split_once('%') {
        Some((list, limit)) => (list, leading_number(limit)),
        None => (text, None),
    };
    let inner = list.strip_prefix('[').and_then(|l| l.strip_suffix(']')).unwrap_or(list);
    let mut elements = std::collections::BTreeSet::new();
    for item in inner.split(',').filter(|item| !item.is_empty()) {
        let (range, step) = match item.split_once(':') {
            Some((range, step)) if range.contains('-') => {
                (range, step.parse::<u32>().ok().filter(|&s| s > 0).ok_or_else(invalid)?)
            }
            Some(_) => return Err(invalid()),
            None => (item, 1),
        };
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u32>().ok().filter(|&n| n <= NUMBER_MAX).ok_or_else(invalid);
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(invalid());
        }
        elements.extend((low..=high).step_by(step as usize));
    }
    if elements.is_empty() {
        return Err(invalid());
    }
    Ok(ArraySpec {
        elements: elements.into_iter().collect(),
        limit: limit.filter(|&l| l > 0),
        text: inner.to_owned(),
    })
}

fn leading_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    text[..text.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
}

/// `afterok:1:2,afterany:3+5`, `singleton`; `?` for any. Empty or `0` for none. What cannot be read becomes a condition
/// on job 0, which there never is: the controller refuses it when it comes to look at dependencies.
fn dependency(text: &str) -> Option<Dependency> {
    if text.is_empty() || text == "0" {
        return None;
    }
    let any = text.contains('?');
    let conditions = if any && text.contains(',') { None } else { conditions(text) };
    // Each is waited for once.
    let conditions = conditions.map(|conditions| {
        let mut each: Vec<DependencyCondition> = Vec::new();
        conditions.into_iter().for_each(|c| each.extend((!each.contains(&c)).then_some(c)));
        each
    });
    let unreadable = || {
        vec![DependencyCondition { kind: DependencyKind::AfterAny, job: 0, element: None, after_minutes: 0 }]
    };
    Some(Dependency { any, conditions: conditions.unwrap_or_else(unreadable) })
}

fn conditions(text: &str) -> Option<Vec<DependencyCondition>> {
    let mut conditions = Vec::new();
    for item in text.split([',', '?']) {
        let mut parts = item.split(':');
        let kind = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "after" => DependencyKind::After,
            "afterany" => DependencyKind::AfterAny,
            "afterok" => DependencyKind::AfterOk,
            "afternotok" => DependencyKind::AfterNotOk,
            "aftercorr" => DependencyKind::AfterCorr,
            "afterburstbuffer" => DependencyKind::AfterBurstBuffer,
            "singleton" => DependencyKind::Singleton,
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                conditions.push(condition(DependencyKind::AfterAny, number)?);
                continue;
            }
            _ => return None,
        };
        let mut jobs = parts.map(|job| condition(kind, job)).collect::<Option<Vec<_>>>()?;
        match (kind, jobs.is_empty()) {
            (DependencyKind::Singleton, true) => {
                conditions.push(DependencyCondition { kind, job: 0, element: None, after_minutes: 0 });
            }
            (DependencyKind::Singleton, false) | (_, true) => return None,
            (_, false) => conditions.append(&mut jobs),
        }
    }
    Some(conditions)
}

/// `JOB[_ELEMENT][+MINUTES]`.
fn condition(kind: DependencyKind, text: &str) -> Option<DependencyCondition> {
    let (job, after_minutes) = match text.split_once('+') {
        Some((job, minutes)) => (job, minutes.parse().ok()?),
        None => (text, 0),
    };
    let (job, element) = match job.split_once('_') {
        Some((job, "*")) => (job, None),
        Some((job, element)) => (job, Some(element.parse().ok()?)),
        None => (job, None),
    };
    Some(DependencyCondition { kind, job: job.parse().ok().filter(|&job| job > 0)?, element, after_minutes })
}

/// `[{R|B|RB}:]SIGNAL[@SECONDS]`.
fn signal_spec(text: &str) -> Result<SignalSpec, Bad> {
    let (flags, rest) = text.split_once(':').unwrap_or(("", text));
    let (name, seconds) = rest.split_once('@').unwrap_or((rest, "60"));
    let number = |text: &str| text.parse::<i32>().ok().filter(|n| (0..=0xffff).contains(n));
    if !flags.chars().all(|c| matches!(c, 'R' | 'B' | 'r' | 'b')) {
        return Err(Bad::Specification);
    }
    Ok(SignalSpec {
        batch_only: flags.contains(['B', 'b']),
        reservation: flags.contains(['R', 'r']),
        // Any number is one here; it is the system that does not know it.
        signal: signal(name).or_else(|| number(name).filter(|&n| n > 0)).ok_or(Bad::Specification)?,
        before_secs: match seconds {
            "" => 0,
            seconds => number(seconds).map(i32::cast_unsigned).ok_or(Bad::Specification)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_leniently_as_slurm_does() {
        let read = |text: &str| array(text).ok().map(|array| (array.elements, array.limit));
        for (text, elements, limit) in [
            ("1-3,7", &[1, 2, 3, 7][..], None),
            ("[0-6:3]%2", &[0, 3, 6], Some(2)),
            ("1,", &[1], None),
            (",1", &[1], None),
            ("1-2% 2", &[1, 2], Some(2)),
            ("1-2%3:2", &[1, 2], Some(3)),
            ("1-2%x", &[1, 2], None),
            ("1-2%-1", &[1, 2], None),
            ("1-2%0", &[1, 2], None),
        ] {
            assert_eq!(read(text), Some((elements.to_vec(), limit)), "{text}");
        }
        for text in ["1 - 3", "1-", "-1", "5-1", "1-5:0", "1:3", "x", "1;2", ","] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn nice_values_are_read_leniently_and_have_a_range() {
        for (text, value) in [("", 100), ("5", 5), ("-5", -5), ("+7", 7), ("abc", 0), ("3x", 3)] {
            assert_eq!(nice(text), Ok(value), "{text}");
        }
        let text = "Invalid --nice value, out of range (+/- 2147483645)";
        assert_eq!(nice("99999999999"), Err(Bad::Line(text.to_owned(), 255)));
        assert!(nice("2147483646").is_err());
    }

    #[test]
    fn dependencies_are_read_or_name_job_0() {
        let read = |text: &str| {
            let conditions = dependency(text).unwrap().conditions;
            conditions.iter().map(|c| (c.kind, c.job, c.element)).collect::<Vec<_>>()
        };
        use DependencyKind::{AfterAny, AfterOk, Singleton};
        assert_eq!(dependency("0"), None);
        assert_eq!(read("singleton"), [(Singleton, 0, None)]);
        assert_eq!(read("afterok:3:3,afterok:3"), [(AfterOk, 3, None)]);
        assert_eq!(read("afterok:3:4_2,5"), [(AfterOk, 3, None), (AfterOk, 4, Some(2)), (AfterAny, 5, None)]);
        for text in
            ["foo", "afterok", "afterok:x", "afterok:1,", "singleton:3", "afterok:1,afterok:2?afterok:3"]
        {
            assert_eq!(read(text), [(AfterAny, 0, None)], "{text}");
        }
    }
}
