//! Slurm's times: limits in minutes, and how durations are written.

/// A time limit: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`, `UNLIMITED`, `INFINITE`, `-1`.
///
/// Gives minutes, seconds rounded up; `Some(None)` is no limit; `None` is no time at all (`sbatch(1)`, `--time`).
#[must_use]
pub fn parse_limit(text: &str) -> Option<Option<u32>> {
    if ["unlimited", "infinite"].iter().any(|word| text.eq_ignore_ascii_case(word)) || text == "-1" {
        return Some(None);
    }
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (days, clock) = match text.split_once('-') {
        Some((days, "")) => (Some(number(days)?), "0"),
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let parts: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let seconds = match (days, parts.as_slice()) {
        (Some(days), [h]) => (days * 24 + h) * 3600,
        (Some(days), [h, m]) => (days * 24 + h) * 3600 + m * 60,
        (Some(days), [h, m, s]) => (days * 24 + h) * 3600 + m * 60 + s,
        (None, [m]) => m * 60,
        (None, [m, s]) => m * 60 + s,
        (None, [h, m, s]) => h * 3600 + m * 60 + s,
        _ => return None,
    };
    let minutes = u32::try_from(seconds.div_ceil(60)).ok()?;
    Some((minutes > 0).then_some(minutes))
}

/// A duration as `scontrol` writes it: `00:05:00`, `1-00:00:00`.
#[must_use]
pub fn format_secs(seconds: u64) -> String {
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}-{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// A limit as `scontrol` writes it: `02:00:00`, `UNLIMITED`.
#[must_use]
pub fn format_limit(minutes: Option<u32>) -> String {
    minutes.map_or_else(|| "UNLIMITED".to_owned(), |minutes| format_secs(u64::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_are_minutes() {
        for (text, minutes) in [
            ("5", 5),
            ("5:30", 6),
            ("1:00:00", 60),
            ("0:3:0", 3),
            ("1-0", 1440),
            ("1-", 1440),
            ("1-2:30", 1590),
            ("1-2:30:01", 1591),
            ("10080", 10_080),
        ] {
            assert_eq!(parse_limit(text), Some(Some(minutes)), "{text}");
        }
    }

    #[test]
    fn none_and_nonsense_differ() {
        for text in ["UNLIMITED", "infinite", "0", "00:00:00", "-1"] {
            assert_eq!(parse_limit(text), Some(None), "{text}");
        }
        for text in ["", "abc", "1h", "1:2:3:4", "-", "-5", "1.5", "99999999999", "<time>"] {
            assert_eq!(parse_limit(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_with_days() {
        assert_eq!(format_secs(300), "00:05:00");
        assert_eq!(format_secs(90_061), "1-01:01:01");
        assert_eq!(format_limit(None), "UNLIMITED");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-0-9:a-z]{0,30}") {
            let _ = parse_limit(&text);
        }
    }
}
