//! Values that several options read alike.

use super::{Bad, Request};

/// A count of at least 1.
///
/// # Errors
/// [`Bad::Number`], [`Bad::TooLarge`].
pub fn positive(text: &str) -> Result<u32, Bad> {
    count(text).and_then(|n| if n > 0 { Ok(n) } else { Err(Bad::Number) })
}

/// A count of at least 0.
///
/// # Errors
/// [`Bad::Number`], [`Bad::TooLarge`].
pub fn count(text: &str) -> Result<u32, Bad> {
    use std::num::IntErrorKind;
    match text.parse::<i32>() {
        Ok(n) => u32::try_from(n).map_err(|_| Bad::Number),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(Bad::TooLarge),
        Err(_) => Err(Bad::Number),
    }
}

/// `N`, `MIN-MAX`, `-MAX`, with `k` or `m` behind a number (`verify_node_count` of Slurm). 0 is taken, and is 1 here.
///
/// # Errors
/// The line that Slurm writes.
pub fn node_range(text: &str) -> Result<(u32, u32), Bad> {
    let bad = |text: &str| Bad::Line(format!("\"{text}\" is not a valid node count"), 255);
    // Blanks and a sign are read over, as `strtol` does.
    let number = |text: &str| -> Result<u32, Bad> {
        let trimmed = text.trim();
        let (digits, factor) = match trimmed.as_bytes().last() {
            Some(b'k' | b'K') => (&trimmed[..trimmed.len() - 1], 1024),
            Some(b'm' | b'M') => (&trimmed[..trimmed.len() - 1], 1024 * 1024),
            _ => (trimmed, 1),
        };
        let number = digits.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
        number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| bad(text))
    };
    let (low, high) = match text.split_once('-') {
        None => (number(text)?, number(text)?),
        Some((low, high)) => {
            let low = if low.is_empty() { 1 } else { number(low)? };
            if high.is_empty() {
                return Err(too_few("-1", low));
            }
            (low, number(high)?)
        }
    };
    if low > high && high != 0 {
        return Err(too_few(&high.to_string(), low));
    }
    Ok((low.max(1), if high == 0 { low.max(1) } else { high }))
}

fn too_few(most: &str, least: u32) -> Bad {
    Bad::Line(format!("Maximum node count {most} is less than minimum node count {least}"), 255)
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
