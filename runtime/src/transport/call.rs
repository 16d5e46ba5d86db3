//! Calls of this library in a program, as people are told of them.

use std::fmt;
use std::panic::Location;

use super::mailbox::Wanted;
use crate::ids::Rank;

/// A call of this library in a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it stands.
    pub(crate) place: &'static Location<'static>,
}

/// `` `recv` at src/main.rs:12 ``
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}:{}", self.name, self.place.file(), self.place.line())
    }
}

/// A message that is waited for: `a message of rank 1 with tag 7`.
pub(crate) fn message(wanted: &Wanted) -> String {
    let from = wanted.from.map_or_else(|| "any rank".to_owned(), |from| format!("rank {from}"));
    let tag = wanted.tag.map_or_else(|| "any tag".to_owned(), |tag| format!("tag {tag}"));
    if is_collective(wanted.context) {
        return format!("{from}{}", space(wanted.context));
    }
    format!("a message of {from} with {tag}{}", space(wanted.context))
}

/// A receiver that is waited for: `rank 1 to receive a message with tag 7`.
pub(crate) fn receiver(to: Rank, context: u32, tag: i32) -> String {
    if is_collective(context) {
        return format!("rank {to}{}", space(context));
    }
    format!("rank {to} to receive a message with tag {tag}{}", space(context))
}

/// Ranks that are waited for: `ranks 1, 2, 5`.
pub(crate) fn ranks(ranks: &[Rank], context: u32) -> String {
    /// More are counted only.
    const NAMED_MAX: usize = 8;
    let named: Vec<String> = ranks.iter().take(NAMED_MAX).map(Rank::to_string).collect();
    let more = ranks.len().saturating_sub(NAMED_MAX);
    let noun = if ranks.len() == 1 { "rank" } else { "ranks" };
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{noun} {}{rest}{}", named.join(", "), space(context))
}

/// Collectives have the second message space of their communicator; what they put into tags is nothing for people.
fn is_collective(context: u32) -> bool {
    !context.is_multiple_of(2)
}

/// The communicator, by its number among those that its ranks have made; that of all ranks is not named.
fn space(context: u32) -> String {
    match context / 2 {
        0 => String::new(),
        number => format!(" (communicator {number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_told_in_words() {
        let wanted = |from: Option<u32>, context, tag| Wanted { from: from.map(Rank), context, tag };
        assert_eq!(message(&wanted(Some(1), 0, Some(7))), "a message of rank 1 with tag 7");
        assert_eq!(message(&wanted(None, 4, None)), "a message of any rank with any tag (communicator 2)");
        assert_eq!(message(&wanted(Some(3), 1, Some(99))), "rank 3");
        assert_eq!(receiver(Rank(2), 0, 5), "rank 2 to receive a message with tag 5");
        assert_eq!(receiver(Rank(2), 3, 5), "rank 2 (communicator 1)");
        assert_eq!(ranks(&[Rank(4)], 1), "rank 4");
        let many: Vec<Rank> = (0..10).map(Rank).collect();
        assert_eq!(ranks(&many, 0), "ranks 0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
    }
}
