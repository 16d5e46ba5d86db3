//! `--clusters`: there is one, and it has a name.

use super::ending::Ending;

/// The cluster's name, if it is among those wanted.
///
/// # Errors
/// What the command ends with, if another one is wanted.
pub fn check(command: &str, wanted: &str, config: &[(String, String)]) -> Result<String, Ending> {
    let own = config.iter().find(|(key, _)| key == "ClusterName").map_or("", |(_, value)| value);
    let other = wanted.split(',').find(|name| !name.eq_ignore_ascii_case("all") && *name != own);
    match other {
        None => Ok(own.to_owned()),
        Some(other) => {
            let mut ending =
                Ending::error(format!("{command}: error: No cluster '{other}' known by database."), 1);
            ending.stderr.push(format!(
                "{command}: error: '{wanted}' can't be reached now, or it is an invalid entry for --cluster.  Use \
                 'sacctmgr list clusters' to see available clusters."
            ));
            Err(ending)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_cluster_and_all_are_known() {
        let config = [("ClusterName".to_owned(), "c".to_owned())];
        assert_eq!(check("squeue", "c", &config), Ok("c".to_owned()));
        assert_eq!(check("squeue", "all", &config), Ok("c".to_owned()));
        let ending = check("squeue", "foo", &config).unwrap_err();
        assert_eq!(ending.stderr[0], "squeue: error: No cluster 'foo' known by database.");
    }
}
