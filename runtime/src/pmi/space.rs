//! The key-value space of a step: what was put becomes visible to all at the next fence.

use std::collections::HashMap;

use crate::limits::{PMI_KEY_BYTES_MAX, PMI_SPACE_BYTES_MAX, PMI_VALUE_BYTES_MAX};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Why something cannot be put. The text goes to the library, which knows no spaces there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PutError {
    #[error("invalid_key_length")]
    Key,
    #[error("invalid_value_length")]
    Value,
    #[error("no_room")]
    Full,
}

/// Keys and values as one step process knows them.
#[derive(Debug, Default)]
pub(super) struct Space {
    known: HashMap<Vec<u8>, Vec<u8>>,
    /// By node and key: for the ranks of one node.
    of_nodes: HashMap<(u32, Vec<u8>), Vec<u8>>,
    /// Put here since the last fence.
    fresh: Vec<Pair>,
    bytes: usize,
}

impl Space {
    /// Keeps a pair for the next fence. Ranks of this step process may read it at once, which the protocol allows.
    ///
    /// # Errors
    /// [`PutError`]; nothing is kept.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), PutError> {
        self.check(key, value)?;
        self.fresh.push((key.to_vec(), value.to_vec()));
        self.known.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    /// Keeps a pair for the ranks of one node, which read it at once.
    ///
    /// # Errors
    /// [`PutError`]; nothing is kept.
    pub(super) fn put_for_node(&mut self, node: u32, key: &[u8], value: &[u8]) -> Result<(), PutError> {
        self.check(key, value)?;
        self.of_nodes.insert((node, key.to_vec()), value.to_vec());
        Ok(())
    }

    /// A key's value for the ranks of a node.
    pub(super) fn get_of_node(&self, node: u32, key: &[u8]) -> Option<&[u8]> {
        self.of_nodes.get(&(node, key.to_vec())).map(Vec::as_slice)
    }

    fn check(&mut self, key: &[u8], value: &[u8]) -> Result<(), PutError> {
        if key.is_empty() || key.len() > PMI_KEY_BYTES_MAX {
            return Err(PutError::Key);
        }
        if value.len() > PMI_VALUE_BYTES_MAX {
            return Err(PutError::Value);
        }
        let bytes = self.bytes + key.len() + value.len();
        if bytes > PMI_SPACE_BYTES_MAX {
            return Err(PutError::Full);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// A key's value.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.known.get(key).map(Vec::as_slice)
    }

    /// What goes to the others at a fence.
    pub(super) fn take_fresh(&mut self) -> Vec<Pair> {
        std::mem::take(&mut self.fresh)
    }

    /// What all step processes have put.
    pub(super) fn learn(&mut self, pairs: impl IntoIterator<Item = Pair>) {
        self.known.extend(pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_goes_to_the_others_once() {
        let mut space = Space::default();
        space.put(b"a", b"1").unwrap();
        assert_eq!(space.get(b"a"), Some(&b"1"[..]));
        assert_eq!(space.take_fresh(), [(b"a".to_vec(), b"1".to_vec())]);
        assert!(space.take_fresh().is_empty());
        space.learn([(b"b".to_vec(), b"2".to_vec())]);
        assert_eq!((space.get(b"b"), space.get(b"c")), (Some(&b"2"[..]), None));
    }

    #[test]
    fn bounds_are_kept() {
        let mut space = Space::default();
        assert_eq!(space.put(b"", b"x"), Err(PutError::Key));
        assert_eq!(space.put(&[b'k'; PMI_KEY_BYTES_MAX + 1], b"x"), Err(PutError::Key));
        assert_eq!(space.put(b"k", &[b'v'; PMI_VALUE_BYTES_MAX + 1]), Err(PutError::Value));
        let value = [b'v'; PMI_VALUE_BYTES_MAX];
        for _ in 0..PMI_SPACE_BYTES_MAX / (value.len() + 1) {
            space.put(b"k", &value).unwrap();
            space.take_fresh();
        }
        assert_eq!(space.put(b"k", &value), Err(PutError::Full));
    }
}
