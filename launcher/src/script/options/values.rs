//! Values that several options read alike.

use super::{Bad, Request};

/// A count of at least 1.
///
/// # Errors
/// [`Bad::Number`].
pub fn positive(text: &str) -> Result<u32, Bad> {
    text.parse::<i32>().ok().filter(|&n| n > 0).map(i32::cast_unsigned).ok_or(Bad::Number)
}

/// A count of at least 0.
///
/// # Errors
/// [`Bad::Number`].
pub fn count(text: &str) -> Result<u32, Bad> {
    text.parse::<i32>().ok().filter(|&n| n >= 0).map(i32::cast_unsigned).ok_or(Bad::Number)
}

/// `N`, `MIN-MAX`, with `k` or `m` behind a number; at least 1 (`verify_node_count` of Slurm).
///
/// # Errors
/// The line that Slurm writes.
pub fn node_range(text: &str) -> Result<(u32, u32), Bad> {
    let bad = || Bad::Line(format!("\"{text}\" is not a valid node count"), 255);
    let number = |text: &str| -> Option<u32> {
        let (digits, factor) = match text.as_bytes().last()? {
            b'k' | b'K' => (&text[..text.len() - 1], 1024),
            b'm' | b'M' => (&text[..text.len() - 1], 1024 * 1024),
            _ => (text, 1),
        };
        let number: u32 =
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
        number.checked_mul(factor)
    };
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (number(low).ok_or_else(bad)?, number(high).ok_or_else(bad)?);
    if low == 0 || high == 0 {
        return Err(bad());
    }
    if low > high {
        return Err(Bad::Line(format!("\"{text}\" is not a valid node count"), 255));
    }
    Ok((low, high))
}

/// Minutes of a time limit.
///
/// # Errors
/// [`Bad::Specification`].
pub fn limit(text: &str) -> Result<Option<u32>, Bad> {
    crate::script::time::parse_limit(text).ok_or(Bad::Specification)
}

/// MiB.
///
/// # Errors
/// [`Bad::Specification`].
pub fn memory(text: &str) -> Result<u64, Bad> {
    crate::script::memory::parse_mb(text).ok_or(Bad::Specification)
}

/// A signal's number, by number or by name with or without `SIG`.
#[must_use]
pub fn signal(text: &str) -> Option<i32> {
    const NAMES: &[(&str, i32)] = &[
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
        ("STKFLT", 16),
        ("CHLD", 17),
        ("CONT", 18),
        ("STOP", 19),
        ("TSTP", 20),
        ("TTIN", 21),
        ("TTOU", 22),
        ("URG", 23),
        ("XCPU", 24),
        ("XFSZ", 25),
        ("VTALRM", 26),
        ("PROF", 27),
        ("WINCH", 28),
        ("IO", 29),
        ("PWR", 30),
        ("SYS", 31),
    ];
    if let Ok(number) = text.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Notes an option that is known and left without effect.
pub fn without_effect(request: &mut Request, option: &str, value: &str) {
    request.job.without_effect.retain(|(known, _)| known != option);
    request.job.without_effect.push((option.to_owned(), value.to_owned()));
}
