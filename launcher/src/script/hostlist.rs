//! Hostlists: `slurmnode[1-3,7]` and the names that it stands for (`scontrol(1)`, show hostnames).

use prun_runtime::limits::NODES_MAX;

/// What is wrong with a hostlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostlistError {
    /// A bracket without its partner, or something after one that cannot be there.
    #[error("`{0}` has unbalanced brackets")]
    Brackets(String),
    /// Not a number or a range that goes up.
    #[error("`{0}` is not a range of numbers")]
    Range(String),
    /// More names than a cluster may have nodes.
    #[error("more than {NODES_MAX} names")]
    TooMany,
}

/// The names of a hostlist in the order written, repeated ones too.
///
/// # Errors
/// [`HostlistError`]. Never makes more than [`NODES_MAX`] names.
pub fn expand(text: &str) -> Result<Vec<String>, HostlistError> {
    let mut names = Vec::new();
    for item in split_outside_brackets(text)? {
        names.extend(expand_one(item, NODES_MAX - names.len())?);
    }
    Ok(names)
}

/// Whether a node may be called so: names go into hostlists and paths.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(allowed) && !name.starts_with(['.', '-'])
}

/// The items between commas, blanks and line ends that stand outside of brackets.
fn split_outside_brackets(text: &str) -> Result<Vec<&str>, HostlistError> {
    let unbalanced = || HostlistError::Brackets(text.to_owned());
    let (mut items, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' if inside => return Err(unbalanced()),
            b']' if !inside => return Err(unbalanced()),
            b'[' | b']' => inside = byte == b'[',
            b',' | b' ' | b'\t' | b'\n' if !inside => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err(unbalanced());
    }
    items.push(&text[start..]);
    items.retain(|item| !item.is_empty());
    Ok(items)
}

/// One item, with any number of bracketed parts: `r[1-2]n[1-2]` counts the last one fastest.
fn expand_one(item: &str, room: usize) -> Result<Vec<String>, HostlistError> {
    let mut names = vec![String::new()];
    let mut rest = item;
    while let Some((before, after)) = rest.split_once('[') {
        let (ranges, tail) = after.split_once(']').ok_or_else(|| HostlistError::Brackets(item.to_owned()))?;
        let numbers = numbers(ranges, room / names.len().max(1))?;
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{before}{number}")))
            .collect();
        rest = tail;
    }
    names.iter_mut().for_each(|name| name.push_str(rest));
    if names.len() > room { Err(HostlistError::TooMany) } else { Ok(names) }
}

/// `1-3,07` as texts, zero padding kept.
fn numbers(ranges: &str, room: usize) -> Result<Vec<String>, HostlistError> {
    let mut numbers = Vec::new();
    for range in ranges.split(',') {
        let bad = || HostlistError::Range(range.to_owned());
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let digits =
            |text: &str| (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(());
        digits(low).and(digits(high)).ok_or_else(bad)?;
        let (from, to): (u64, u64) = (low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?);
        let count = to.checked_sub(from).ok_or_else(bad)?;
        if count >= room.saturating_sub(numbers.len()) as u64 {
            return Err(HostlistError::TooMany);
        }
        let width = low.len();
        numbers.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Ok(numbers)
}

/// A name as prefix, number and the number's written width.
struct Numbered<'a> {
    prefix: &'a str,
    number: u64,
    width: usize,
}

impl<'a> Numbered<'a> {
    /// The trailing digits, as far as they fit a number.
    fn of(name: &'a str) -> Option<Self> {
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &name[prefix.len()..];
        let number = digits.parse().ok()?;
        Some(Self { prefix, number, width: digits.len() })
    }

    /// Whether this is the name after `last`, to be written in one range with it.
    fn follows(&self, last: &Self) -> bool {
        let width_fits = self.width == last.width || (!last.padded() && !self.padded());
        self.prefix == last.prefix && self.number == last.number.wrapping_add(1) && width_fits
    }

    fn padded(&self) -> bool {
        self.width > 1 && self.number.checked_ilog10().map_or(1, |digits| digits as usize + 1) < self.width
    }
}

/// Sorts names by their text, and those of one prefix by number.
pub fn sort(names: &mut [String]) {
    fn natural(name: &str) -> (&str, u64, usize) {
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &name[prefix.len()..];
        (prefix, digits.parse().unwrap_or(0), digits.len())
    }
    names.sort_by(|a, b| natural(a).cmp(&natural(b)));
}

/// Names in order, each once.
#[must_use]
pub fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    sort(&mut names);
    names.dedup();
    names
}

/// Names as a hostlist: neighbours of one prefix share brackets, order and repeated names stay.
#[must_use]
pub fn compress(names: &[String]) -> String {
    let mut groups: Vec<(Option<&str>, Vec<String>)> = Vec::new();
    let mut at = 0;
    while at < names.len() {
        let Some(first) = Numbered::of(&names[at]) else {
            groups.push((None, vec![names[at].clone()]));
            at += 1;
            continue;
        };
        let prefix = first.prefix;
        let (mut end, mut last) = (at + 1, first);
        while let Some(next) = names.get(end).and_then(|name| Numbered::of(name)).filter(|n| n.follows(&last))
        {
            last = next;
            end += 1;
        }
        let low = &names[at][prefix.len()..];
        let high = &names[end - 1][prefix.len()..];
        let range = if end - at == 1 { low.to_owned() } else { format!("{low}-{high}") };
        match groups.last_mut() {
            Some((Some(open), ranges)) if *open == prefix => ranges.push(range),
            _ => groups.push((Some(prefix), vec![range])),
        }
        at = end;
    }
    let texts: Vec<String> = groups.into_iter().map(|(prefix, ranges)| group_text(prefix, &ranges)).collect();
    texts.join(",")
}

/// A name without a number stands for itself, whatever is in it.
fn group_text(prefix: Option<&str>, ranges: &[String]) -> String {
    match (prefix, ranges) {
        (None, names) => names.concat(),
        (Some(prefix), [single]) if !single.contains('-') => format!("{prefix}{single}"),
        (Some(prefix), many) => format!("{prefix}[{}]", many.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn lists_are_expanded_in_order() {
        for (list, expected) in [
            ("n1", "n1"),
            ("n[1-3]", "n1 n2 n3"),
            ("n[3,1-2],m", "n3 n1 n2 m"),
            ("n[08-11]", "n08 n09 n10 n11"),
            ("r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2"),
            ("a,a", "a a"),
            ("n[1-2]-ib", "n1-ib n2-ib"),
            ("", ""),
        ] {
            assert_eq!(expand(list), Ok(names(expected)), "{list}");
        }
    }

    #[test]
    fn mistakes_are_named_and_huge_ranges_cost_nothing() {
        assert!(matches!(expand("n[1-2"), Err(HostlistError::Brackets(_))));
        assert!(matches!(expand("n1]"), Err(HostlistError::Brackets(_))));
        assert!(matches!(expand("n[3-1]"), Err(HostlistError::Range(_))));
        assert!(matches!(expand("n[a]"), Err(HostlistError::Range(_))));
        assert_eq!(expand("slurmnode[1-1000000000]"), Err(HostlistError::TooMany));
        assert_eq!(expand("n[1-65536][1-65536]"), Err(HostlistError::TooMany));
        assert!(expand(&format!("n[1-{NODES_MAX}]")).is_ok());
        assert_eq!(expand(&format!("n[0-{NODES_MAX}]")), Err(HostlistError::TooMany));
    }

    #[test]
    fn neighbours_share_brackets() {
        for (list, expected) in [
            ("n1 n2 n3", "n[1-3]"),
            ("n1 n3 n4", "n[1,3-4]"),
            ("n1", "n1"),
            ("n2 n1", "n[2,1]"),
            ("n09 n10", "n[09-10]"),
            ("n9 n10", "n[9-10]"),
            ("a b1 b2", "a,b[1-2]"),
            ("71 72 x", "[71-72],x"),
            ("node-a", "node-a"),
            ("n1 n1", "n[1,1]"),
        ] {
            assert_eq!(compress(&names(list)), expected, "{list}");
        }
    }

    proptest! {
        #[test]
        fn what_was_compressed_expands_to_the_same(names in prop::collection::vec("[a-c]{1,2}[0-9]{0,3}", 0..40)) {
            prop_assert_eq!(expand(&compress(&names)), Ok(names));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = expand(&text);
        }
    }
}
