//! `--mem` and its kin: sizes in MiB.

/// A size: a whole number with K, M, G or T, in any case, with or without `b`; MiB without. KiB round up.
///
/// `None` for anything else (`sbatch(1)`, `--mem`).
#[must_use]
pub fn parse_mb(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].to_ascii_lowercase();
    match unit.strip_suffix('b').filter(|unit| !unit.is_empty()).unwrap_or(&unit) {
        "k" => Some(number.div_ceil(1024)),
        "" | "m" => Some(number),
        "g" => number.checked_mul(1 << 10),
        "t" => number.checked_mul(1 << 20),
        _ => None,
    }
}

/// A size as `scontrol` writes it: the largest unit that leaves a whole number or a half.
#[must_use]
pub fn format_mb(mb: u64) -> String {
    format_in(mb, &["M", "G", "T", "P"])
}

/// A size in the first of these units, each 1024 times the one before, written in the largest that leaves a whole
/// number or a half. None is `0`.
#[must_use]
pub fn format_in(value: u64, units: &[&str]) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    // Counted in halves, so that nothing is lost.
    let (mut halves, mut unit) = (u128::from(value) * 2, 0);
    while unit + 1 < units.len() && halves >= 2048 && halves % 1024 == 0 {
        (halves, unit) = (halves / 1024, unit + 1);
    }
    let fraction = if halves % 2 == 0 { "" } else { ".50" };
    format!("{}{fraction}{}", halves / 2, units.get(unit).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_in_any_case() {
        for (text, mb) in
            [("300M", 300), ("1g", 1024), ("8GB", 8192), ("4000", 4000), ("0", 0), ("1T", 1 << 20), ("1K", 1)]
        {
            assert_eq!(parse_mb(text), Some(mb), "{text}");
        }
        for text in ["", "G", "1.5G", "abc", "-1", "5B", "1GG", "99999999999999999999G"] {
            assert_eq!(parse_mb(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_short() {
        for (mb, text) in [
            (0, "0"),
            (300, "300M"),
            (8192, "8G"),
            (1536, "1.50G"),
            (64000, "62.50G"),
            (4000, "4000M"),
            (1 << 20, "1T"),
            (1_572_864, "1.50T"),
            (u64::MAX, "18446744073709551615M"),
        ] {
            assert_eq!(format_mb(mb), text, "{mb}");
        }
        assert_eq!(format_in(6977, &["", "K"]), "6977");
        assert_eq!(format_in(1536, &["", "K", "M"]), "1.50K");
    }
}
