//! Generic resources of a node as written: `gpu:2`, `gpu:a100:2` (`slurm.conf(5)`, Gres).

/// What is wrong with a list of generic resources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form NAME[:TYPE][:COUNT], as in `gpu:2` or `gpu:a100:2`")]
pub struct GresError(String);

/// Pools of devices: each is a name, with its type behind a colon where it has one, and a count.
///
/// # Errors
/// [`GresError`] names the first part that is wrong.
pub fn parse(list: &str) -> Result<Vec<(String, u64)>, GresError> {
    let mut pools: Vec<(String, u64)> = Vec::new();
    for word in list.split(',').filter(|word| !word.is_empty()) {
        let (name, count) = pool(word).ok_or_else(|| GresError(word.to_owned()))?;
        match pools.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => pools.push((name, count)),
        }
    }
    Ok(pools)
}

/// Pools as Slurm writes them.
#[must_use]
pub fn text(pools: &[(String, u64)]) -> String {
    pools.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(",")
}

/// Device numbers of each pool: those of one name are numbered through, whatever their types.
pub fn numbers(pools: &[(String, u64)]) -> impl Iterator<Item = (&str, std::ops::Range<u32>)> {
    pools.iter().enumerate().map(|(at, (pool, count))| {
        let same = |other: &&(String, u64)| base(&other.0) == base(pool);
        let before: u64 = pools[..at].iter().filter(same).map(|(_, count)| count).sum();
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        (pool.as_str(), number(before)..number(before.saturating_add(*count)))
    })
}

/// The name of a pool without its type.
#[must_use]
pub fn base(pool: &str) -> &str {
    pool.split_once(':').map_or(pool, |(name, _)| name)
}

fn pool(word: &str) -> Option<(String, u64)> {
    // `(S:0-1)` says which sockets the devices are near to.
    let word = word.split_once('(').map_or(word, |(word, _)| word);
    let (name, count) = match word.rsplit_once(':') {
        Some((name, last)) => match number(last) {
            Some(count) => (name, count),
            None => (word, 1),
        },
        None => (word, 1),
    };
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(allowed) && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    let good = name.split(':').count() <= 2 && name.split(':').all(part);
    good.then(|| (name.to_owned(), count))
}

/// A count, with K, M or G for 1024 and its powers.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_read_with_type_and_count() {
        for (list, expected) in [
            ("gpu", "gpu:1"),
            ("gpu:2", "gpu:2"),
            ("gpu:a100:2,gpu:v100:4", "gpu:a100:2,gpu:v100:4"),
            ("gpu:a100", "gpu:a100:1"),
            ("gpu:2(S:0-1),nic:1", "gpu:2,nic:1"),
            ("gpu:1,gpu:2", "gpu:3"),
            ("bandwidth:4G", "bandwidth:4294967296"),
            ("", ""),
        ] {
            assert_eq!(text(&parse(list).unwrap()), expected, "{list}");
        }
        for list in ["gpu:", ":2", "gpu:a:b:2", "gpu:2x", "2", "gpu 2"] {
            assert!(parse(list).is_err(), "{list}");
        }
    }

    #[test]
    fn devices_of_one_name_are_numbered_through() {
        let pools = parse("gpu:a:2,nic:1,gpu:b:3").unwrap();
        let numbers: Vec<_> = numbers(&pools).collect();
        assert_eq!(numbers, [("gpu:a", 0..2), ("nic", 0..1), ("gpu:b", 2..5)]);
    }
}
