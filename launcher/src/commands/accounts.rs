//! Who is accounted for: users, accounts, and which user belongs to which account, as jobs show it. A cluster is its
//! user's own, and keeps no such list: whoever asks is a user of the account of the same name.

use std::collections::{BTreeMap, BTreeSet};

use crate::controller::api::JobView;

/// The account above all others in Slurm.
pub const ROOT: &str = "root";

/// Accounts with their users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    users_of: BTreeMap<String, BTreeSet<String>>,
    own: String,
}

impl Accounts {
    /// Those of these jobs, and the one of whoever asks.
    #[must_use]
    pub fn of(jobs: &[JobView], me: &str) -> Self {
        let mut users_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        users_of.entry(ROOT.to_owned()).or_default();
        users_of.entry(me.to_owned()).or_default().insert(me.to_owned());
        for job in jobs {
            users_of.entry(job.account.clone()).or_default().insert(job.submitter.user.clone());
        }
        Self { users_of, own: me.to_owned() }
    }

    /// Each account with its users, the root account first.
    pub fn each(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let (root, others): (Vec<_>, Vec<_>) = self.users_of.iter().partition(|(name, _)| *name == ROOT);
        root.into_iter().chain(others).map(|(name, users)| (name.as_str(), users))
    }

    /// Every user, each once.
    #[must_use]
    pub fn users(&self) -> BTreeSet<&str> {
        self.users_of.values().flatten().map(String::as_str).collect()
    }

    /// Whoever asks.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.own
    }

    /// The account of a user's jobs that name none.
    #[must_use]
    pub fn default_of<'a>(&'a self, user: &'a str) -> &'a str {
        let known = |name: &str| self.users_of.get(name).is_some_and(|users| users.contains(user));
        let named = self.users_of.iter().find(|(_, users)| users.contains(user));
        if known(user) { user } else { named.map_or(&self.own, |(account, _)| account) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn accounts_are_those_of_jobs_and_of_who_asks() {
        let mut job = samples::running(1);
        job.account = "physics".to_owned();
        job.submitter.user = "eve".to_owned();
        let accounts = Accounts::of(&[job], "ada");
        let names: Vec<&str> = accounts.each().map(|(name, _)| name).collect();
        assert_eq!(names, ["root", "ada", "physics"]);
        assert_eq!(accounts.users(), BTreeSet::from(["ada", "eve"]));
        assert_eq!((accounts.default_of("ada"), accounts.default_of("eve")), ("ada", "physics"));
    }
}
