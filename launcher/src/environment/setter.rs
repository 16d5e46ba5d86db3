//! A list of variables as it grows, and the short forms of counts by node.

use serde_bytes::ByteBuf;

/// Names and values, later ones win.
pub type Variables = Vec<(ByteBuf, ByteBuf)>;

/// Collects variables.
#[derive(Debug, Default)]
pub(super) struct Setter {
    pub(super) variables: Variables,
}

impl Setter {
    pub(super) fn set(&mut self, name: &str, value: impl ToString) {
        self.set_bytes(name, value.to_string().as_bytes());
    }

    pub(super) fn set_bytes(&mut self, name: &str, value: &[u8]) {
        self.variables.push((ByteBuf::from(name.as_bytes()), ByteBuf::from(value)));
    }

    /// Sets it where there is a value.
    pub(super) fn set_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

/// The value of a variable, the last one of its name.
pub(super) fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a [u8]> {
    variables
        .iter()
        .rev()
        .find(|(known, _)| known.as_slice() == name.as_bytes())
        .map(|(_, value)| value.as_slice())
}

/// `2(x3),1`: counts of node after node in Slurm's short form.
pub(crate) fn by_node(counts: impl Iterator<Item = usize>) -> String {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for count in counts {
        match groups.last_mut() {
            Some((last, times)) if *last == count => *times += 1,
            _ => groups.push((count, 1)),
        }
    }
    let group = |&(count, times): &(usize, usize)| match times {
        1 => count.to_string(),
        _ => format!("{count}(x{times})"),
    };
    groups.iter().map(group).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counts_stand_together() {
        for (counts, short) in [
            (&[2, 2, 2][..], "2(x3)"),
            (&[2, 1], "2,1"),
            (&[2, 1, 1], "2,1(x2)"),
            (&[1, 2, 1], "1,2,1"),
            (&[4], "4"),
            (&[], ""),
        ] {
            assert_eq!(by_node(counts.iter().copied()), short);
        }
    }

    #[test]
    fn the_last_value_counts() {
        let mut setter = Setter::default();
        setter.set("A", 1);
        setter.set_if("B", None::<u32>);
        setter.set("A", "two");
        assert_eq!(value(&setter.variables, "A"), Some(&b"two"[..]));
        assert_eq!(value(&setter.variables, "B"), None);
    }
}
