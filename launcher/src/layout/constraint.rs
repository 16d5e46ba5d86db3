//! `--constraint`: features that nodes must have (`sbatch(1)`, "constraint").
//!
//! `a&b` both, `a|b` one of them (from left to right, without precedence, with parentheses); `a*2` on at least two of
//! the job's nodes; `[a|b]` one of them, the same on every node.

/// Parentheses within parentheses: what a person writes stays far below.
const DEPTH_MAX: u32 = 16;

/// Choices of all brackets multiplied: each is one more look at all nodes.
const ALTERNATIVES_MAX: usize = 64;

/// What nodes must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Features {
    /// On every node.
    every: Option<Expression>,
    /// On so many nodes.
    some: Vec<(Expression, u32)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Feature(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    fn holds(&self, features: &[String]) -> bool {
        match self {
            Self::Feature(name) => features.contains(name),
            Self::All(parts) => parts.iter().all(|part| part.holds(features)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(features)),
        }
    }

    fn names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Feature(name) => names.push(name),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.names(names)),
        }
    }
}

impl Features {
    /// Whether a node with these features may take part.
    pub(super) fn allow(&self, features: &[String]) -> bool {
        self.every.as_ref().is_none_or(|every| every.holds(features))
    }

    /// For each feature that is asked for on a number of nodes: that number, and whether this node counts.
    pub(super) fn counted<'a>(&'a self, features: &'a [String]) -> impl Iterator<Item = (u32, bool)> + 'a {
        self.some.iter().map(|(part, count)| (*count, part.holds(features)))
    }

    /// Whether features are asked for on a number of nodes.
    pub(super) fn has_counts(&self) -> bool {
        !self.some.is_empty()
    }

    /// Every name in it.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.every
            .iter()
            .chain(self.some.iter().map(|(part, _)| part))
            .for_each(|part| part.names(&mut names));
        names
    }

    fn and(mut self, other: Self) -> Self {
        self.every = match (self.every, other.every) {
            (Some(one), Some(two)) => Some(Expression::All(vec![one, two])),
            (one, two) => one.or(two),
        };
        self.some.extend(other.some);
        self
    }
}

/// Reads a constraint. Nodes must satisfy one of the alternatives, all of them the same; there is always one.
/// `None`: it is not well formed.
pub(super) fn read(text: &str) -> Option<Vec<Features>> {
    let mut reader = Reader { rest: text.trim() };
    let alternatives = reader.alternatives()?;
    reader.rest.is_empty().then_some(alternatives)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Terms and `[a|b]` groups, joined by `&`.
    fn alternatives(&mut self) -> Option<Vec<Features>> {
        let mut alternatives = vec![Features::default()];
        loop {
            let group = if self.take('[') { self.choices()? } else { vec![self.features(false, DEPTH_MAX)?] };
            if alternatives.len() * group.len() > ALTERNATIVES_MAX {
                return None;
            }
            alternatives = alternatives
                .iter()
                .flat_map(|known| group.iter().map(|choice| known.clone().and(choice.clone())))
                .collect();
            if !self.take('&') {
                return Some(alternatives);
            }
        }
    }

    fn choices(&mut self) -> Option<Vec<Features>> {
        let mut choices = vec![self.features(true, DEPTH_MAX)?];
        while self.take('|') {
            choices.push(self.features(true, DEPTH_MAX)?);
        }
        self.take(']').then_some(choices)
    }

    /// Terms up to a bracket; within brackets up to the `|` between two choices.
    fn features(&mut self, in_brackets: bool, depth: u32) -> Option<Features> {
        let mut features = Features::default();
        let mut or = false;
        loop {
            let term = self.term(depth)?;
            if let Some(count) = self.count()? {
                features.some.push((term, count));
            } else {
                features.every = Some(match features.every.take() {
                    None => term,
                    Some(before) if or => Expression::Any(vec![before, term]),
                    Some(before) => Expression::All(vec![before, term]),
                });
            }
            let joined = self.rest.starts_with('&') && !self.rest.starts_with("&[")
                || self.rest.starts_with('|') && !in_brackets;
            if !joined {
                return Some(features);
            }
            or = self.take('|') || !self.take('&');
        }
    }

    fn term(&mut self, depth: u32) -> Option<Expression> {
        if self.take('(') {
            let inside = self.features(false, depth.checked_sub(1)?)?;
            return (self.take(')') && inside.some.is_empty()).then_some(inside.every).flatten();
        }
        let end =
            self.rest.find(|c: char| "&|*()[],".contains(c) || c.is_whitespace()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| Expression::Feature(name.to_owned()))
    }

    /// `*N` after a term; `Some(None)` where there is none.
    fn count(&mut self) -> Option<Option<u32>> {
        if !self.take('*') {
            return Some(None);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok().map(Some)
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(constraint: &str, node: &str) -> bool {
        let features: Vec<String> = node.split_whitespace().map(str::to_owned).collect();
        read(constraint).unwrap().iter().any(|alternative| alternative.allow(&features))
    }

    #[test]
    fn operators_join_from_left_to_right() {
        assert!(allows("a&b", "a b") && !allows("a&b", "a"));
        assert!(allows("a|b", "b") && !allows("a|b", "c"));
        assert!(allows("a|b&c", "a c") && !allows("a|b&c", "a"));
        assert!(allows("a|(b&c)", "a"));
        assert!(allows("[a|b]&c", "b c") && !allows("[a|b]&c", "b"));
        assert!(allows("c&[a|b]", "a c"));
    }

    #[test]
    fn counts_do_not_choose_nodes() {
        let alternatives = read("gpu*2&ib").unwrap();
        let features = ["ib".to_owned()];
        assert!(alternatives[0].allow(&features));
        assert_eq!(alternatives[0].counted(&features).collect::<Vec<_>>(), [(2, false)]);
        assert_eq!(alternatives[0].names(), ["ib", "gpu"]);
    }

    #[test]
    fn brackets_are_alternatives() {
        assert_eq!(read("[a|b|c]").unwrap().len(), 3);
        assert_eq!(read("[a*2|b*4]").unwrap().len(), 2);
        assert_eq!(read(&"[a|b]&".repeat(7)), None);
        assert_eq!(read(&["[a|b]"; 7].join("&")), None);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in ["", "a&", "|a", "(a", "a)", "[a", "a b", "a*", "a*x", "a**2", "()"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"(".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ab&|*()\\[\\]0-9 ]{0,40}") {
            let _ = read(&text);
        }
    }
}
