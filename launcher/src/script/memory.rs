//! `--mem` and its kin: sizes in MiB.

/// A size: a whole number with K, M, G or T, in any case, with or without `b`; MiB without. KiB round up.
///
/// `None` for anything else (`sbatch(1)`, `--mem`).
#[must_use]
pub fn parse_mb(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].to_ascii_lowercase();
    match unit.strip_suffix('b').unwrap_or(&unit) {
        "k" => Some(number.div_ceil(1024)),
        "" | "m" => Some(number),
        "g" => number.checked_mul(1 << 10),
        "t" => number.checked_mul(1 << 20),
        _ => None,
    }
}

/// A size as `scontrol` writes it: the largest unit that leaves a whole number.
#[must_use]
pub fn format_mb(mb: u64) -> String {
    match mb {
        0 => "0".to_owned(),
        mb if mb % (1 << 20) == 0 => format!("{}T", mb >> 20),
        mb if mb % (1 << 10) == 0 => format!("{}G", mb >> 10),
        mb => format!("{mb}M"),
    }
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
        for text in ["", "G", "1.5G", "abc", "-1", "1GG", "99999999999999999999G"] {
            assert_eq!(parse_mb(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_short() {
        assert_eq!(format_mb(8192), "8G");
        assert_eq!(format_mb(300), "300M");
    }
}
