//! `--hosts`: whom ssh is to reach, and what the nodes are called.

use crate::script::hostlist::{self, HostlistError};

/// A host to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// As ssh is given it: `[USER@]HOST`, or a name of its configuration.
    pub login: String,
    /// The node's name.
    pub name: String,
    /// CPUs to be given to jobs; those of the machine where it is not said.
    pub cpus: Option<u32>,
}

/// What is wrong with a list.
#[derive(Debug, thiserror::Error)]
pub enum HostListError {
    /// Its brackets, or its length.
    #[error(transparent)]
    List(#[from] HostlistError),
    /// One entry.
    #[error("`{0}` is no host: `[USER@]HOST[:CPUS]` is, as `ada@node1:4`")]
    Host(String),
    /// Two nodes would have one name.
    #[error("`{0}` is named twice: more than one node a host is for `prun up --local`")]
    Twice(String),
    /// Nobody.
    #[error("no host is named")]
    None,
}

/// Reads `a,b,c`, `node[1-3]`, `ada@node1:4`; in this order, each once.
///
/// # Errors
/// [`HostListError`].
pub fn parse(text: &str) -> Result<Vec<Host>, HostListError> {
    let mut hosts: Vec<Host> = Vec::new();
    for item in split(text) {
        let wrong = || HostListError::Host(item.to_owned());
        // Between blanks, as hostlists have it too, it would not be clear whose user is meant.
        if item.contains(char::is_whitespace) {
            return Err(wrong());
        }
        let (place, cpus) = match item.rsplit_once(':') {
            None => (item, None),
            Some((place, cpus)) => {
                (place, Some(cpus.parse().ok().filter(|&cpus| cpus > 0).ok_or_else(wrong)?))
            }
        };
        let (user, names) = match place.rsplit_once('@') {
            None => ("", place),
            Some((user, names)) if hostlist::is_name(user) => (user, names),
            Some(_) => return Err(wrong()),
        };
        for name in hostlist::expand(names)? {
            if !hostlist::is_name(&name) {
                return Err(wrong());
            }
            if hosts.iter().any(|known| known.name == name) {
                return Err(HostListError::Twice(name));
            }
            let login = if user.is_empty() { name.clone() } else { format!("{user}@{name}") };
            hosts.push(Host { login, name, cpus });
        }
    }
    if hosts.is_empty() { Err(HostListError::None) } else { Ok(hosts) }
}

/// The entries between commas that stand outside of brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |c| {
        inside = (inside || c == '[') && c != ']';
        c == ',' && !inside
    })
    .map(str::trim)
    .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_in_order() {
        let of =
            |login: &str, name: &str, cpus| Host { login: login.to_owned(), name: name.to_owned(), cpus };
        assert_eq!(
            parse("b, a,ada@n[1,3]:4").unwrap(),
            [
                of("b", "b", None),
                of("a", "a", None),
                of("ada@n1", "n1", Some(4)),
                of("ada@n3", "n3", Some(4))
            ]
        );
        assert_eq!(parse("10.0.0.7").unwrap()[0].login, "10.0.0.7");
    }

    #[test]
    fn what_could_be_an_option_of_ssh_or_no_name_is_refused() {
        for wrong in [
            "",
            ",",
            "-oProxyCommand=x",
            "a:0",
            "a:x",
            "a b",
            "@a",
            "-l@a",
            "a,a",
            "n[1-2],n2",
            "a;b",
            "$(x)",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
