//! Which configuration a cluster comes up with, and its copy in the cluster's directory: whoever starts the cluster
//! again has the same one.

use std::io;
use std::path::{Path, PathBuf};

use crate::commands::ending::say;
use crate::controller::config_file::{self, LoadError};
use crate::controller::core::config::Config;
use crate::daemon::home::Home;
use crate::embedded::shape::Shape;
use crate::script::hostlist;

/// What the user wants the cluster to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// What a file says.
    File(&'a Path),
    /// Nodes of one shape.
    Shape(Shape),
    /// Nodes of other hosts, which join.
    Hosts,
    /// What it was before; a new one has one node of all CPUs of the machine.
    AsBefore,
}

/// Why a cluster cannot be what is wanted.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    /// The file is no configuration.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file names no nodes.
    #[error("`{}` names no nodes: add a line as `NodeName=node[1-3] CPUs=2 RealMemory=1000`", .0.display())]
    NoNodes(PathBuf),
    /// So many processes are more than one machine takes.
    #[error("`{}` names {count} nodes, but one machine takes at most {}", path.display(), Shape::NODES_MAX)]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Its nodes.
        count: usize,
    },
    /// The daemons know the old one.
    #[error(
        "the cluster runs with another configuration, `{}`: end it with `prun down{}` first",
        copy.display(),
        dir_option(copy)
    )]
    Runs {
        /// The cluster's copy.
        copy: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot {verb} `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Settles what the cluster is, keeps a copy, and says what the user should know. Blocks.
pub(super) fn settle(wanted: Wanted<'_>, home: &Home) -> Result<Config, ConfigurationError> {
    let copy = home.config();
    let text = match wanted {
        Wanted::File(path) => {
            let loaded = config_file::load(path, Config::of_this_machine())?;
            let warning = |text: &String| format!("prun up: warning: {text}");
            say(&loaded.warnings.iter().map(warning).collect::<Vec<_>>());
            check(&loaded.config, path)?;
            Some(loaded.text)
        }
        Wanted::Shape(shape) => Some(text_of(shape)),
        Wanted::Hosts => Some(format!("# Written by `prun up --hosts`: nodes join.\n{PARTITION}")),
        Wanted::AsBefore if copy.exists() => None,
        Wanted::AsBefore => Some(text_of(Shape::of_this_machine())),
    };
    if let Some(text) = text {
        keep(&text, home)?;
    }
    let config = config_file::load(&copy, Config::of_this_machine())?.config;
    if !matches!(wanted, Wanted::Hosts) {
        check(&config, &copy)?;
    }
    Ok(config)
}

fn check(config: &Config, path: &Path) -> Result<(), ConfigurationError> {
    match config.nodes.len() {
        0 => Err(ConfigurationError::NoNodes(path.to_owned())),
        count if count > Shape::NODES_MAX as usize => {
            Err(ConfigurationError::TooMany { path: path.to_owned(), count })
        }
        _ => Ok(()),
    }
}

/// Makes a text the cluster's configuration, if it is not that already.
fn keep(text: &str, home: &Home) -> Result<(), ConfigurationError> {
    let copy = home.config();
    if std::fs::read_to_string(&copy).is_ok_and(|known| known == text) {
        return Ok(());
    }
    if home.runs() {
        return Err(ConfigurationError::Runs { copy });
    }
    // Places of nodes that there may be no longer.
    let old = home.path().join("nodes");
    if copy.exists() && old.exists() {
        let removed = std::fs::remove_dir_all(&old);
        removed.map_err(|source| ConfigurationError::File { verb: "remove", path: old, source })?;
    }
    // Never half of one, whatever happens meanwhile.
    let new = copy.with_extension("conf.new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &copy));
    written.map_err(|source| ConfigurationError::File { verb: "write", path: copy, source })
}

/// One partition of all nodes.
const PARTITION: &str = "PartitionName=slurmpar Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n";

/// The configuration of nodes of one shape.
fn text_of(shape: Shape) -> String {
    let nodes = shape.nodes("");
    let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let memory = nodes.first().map_or(1, |node| node.memory_mb);
    format!(
        "# Written by `prun up --local`. What may stand here is in slurm.conf(5); \
         changes hold from the next start on.\n\
         NodeName={} CPUs={} RealMemory={memory}\n{PARTITION}",
        hostlist::compress(&names),
        shape.cpus,
    )
}

/// What `prun down` needs to find a cluster by its copy.
fn dir_option(copy: &Path) -> String {
    copy.parent().map_or_else(String::new, |dir| format!(" --dir {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_written_as_a_configuration_that_gives_it_back() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::find(Some(directory.path())).unwrap();
        let shape = "3x2:1000".parse::<Shape>().unwrap();
        let config = settle(Wanted::Shape(shape), &home).unwrap();
        let nodes: Vec<_> = config.nodes.iter().map(|n| (n.name.as_str(), n.cpus, n.memory_mb)).collect();
        assert_eq!(
            nodes,
            [1, 2, 3].map(|n| (["slurmnode1", "slurmnode2", "slurmnode3"][n - 1], 2, Some(1000)))
        );
        assert_eq!(config.nodes[0].topology, shape.nodes("")[0].topology);
        let again = settle(Wanted::AsBefore, &home).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn a_file_is_copied_with_what_it_includes() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::find(Some(directory.path())).unwrap();
        let file = directory.path().join("mine.conf");
        std::fs::write(&file, "ClusterName=x\nInclude nodes.conf\nPartitionName=p Nodes=ALL").unwrap();
        std::fs::write(directory.path().join("nodes.conf"), "NodeName=n[1-2] CPUs=4").unwrap();
        settle(Wanted::File(&file), &home).unwrap();
        let copy = std::fs::read_to_string(home.config()).unwrap();
        assert_eq!(copy, "ClusterName=x\nNodeName=n[1-2] CPUs=4\n\nPartitionName=p Nodes=ALL\n");
        std::fs::remove_file(&file).unwrap();
        let config = settle(Wanted::AsBefore, &home).unwrap();
        assert_eq!((config.nodes.len(), config.cluster.as_str()), (2, "x"));
    }

    #[test]
    fn a_file_without_nodes_starts_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::find(Some(directory.path())).unwrap();
        let file = directory.path().join("mine.conf");
        std::fs::write(&file, "ClusterName=x\n").unwrap();
        assert!(matches!(settle(Wanted::File(&file), &home), Err(ConfigurationError::NoNodes(_))));
        assert!(!home.config().exists());
    }
}
