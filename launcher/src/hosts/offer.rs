//! What a rank server is told that was started over ssh or srun: one line on its input.

use std::fmt;

use prun_runtime::net::key::Key;
use serde::{Deserialize, Serialize};

/// The line, as JSON. Its `Debug` form does not show the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The cluster's key, as its file would hold it.
    key: String,
    /// The controller's address.
    pub controller: String,
    /// The node's name; where it is not said, the one that Slurm has for it.
    pub name: Option<String>,
    /// CPUs to be given to jobs; those of the machine where it is not said.
    pub cpus: Option<u32>,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offer({:?} at {}, …)", self.name, self.controller)
    }
}

impl Offer {
    /// Invites a rank server to a controller.
    #[must_use]
    pub fn new(key: &Key, controller: String, name: Option<String>, cpus: Option<u32>) -> Self {
        Self { key: key.text().to_string(), controller, name, cpus }
    }

    /// The line, with its end.
    #[must_use]
    pub fn line(&self) -> String {
        // A value made of plain texts always has a text of its own.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads the line; `None` where it is none.
    #[must_use]
    pub fn read(line: &str) -> Option<(Self, Key)> {
        let offer: Self = serde_json::from_str(line).ok()?;
        let key = Key::parse(&offer.key)?;
        Some((offer, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_comes_back_and_keeps_its_secret() {
        let key = Key::random().unwrap();
        let offer = Offer::new(&key, "tcp://10.0.0.1:5".to_owned(), Some("n1".to_owned()), Some(2));
        let (read, again) = Offer::read(&offer.line()).unwrap();
        assert_eq!((read.name.as_deref(), read.cpus), (Some("n1"), Some(2)));
        assert!(again == key);
        assert!(!format!("{offer:?}").contains(key.text().as_str()));
        assert!(Offer::read("{}").is_none() && Offer::read("").is_none());
    }
}
