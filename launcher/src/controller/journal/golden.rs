//! Journals as each version wrote them, and what they tell.
//!
//! The files stand in `golden/`, one a version. `PRUN_GOLDEN=FILE cargo test -p prun --lib golden::writes -- --ignored` makes
//! that of a new one.

use std::path::{Path, PathBuf};

use super::{Journal, Store, VERSION, versions};
use crate::controller::core::Cluster;
use crate::controller::core::config::Config;
use crate::controller::core::tests::golden::story;

fn file(version: u32) -> PathBuf {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/src/controller/journal/golden");
    Path::new(place).join(format!("version-{version}.journal"))
}

fn states(cluster: &Cluster) -> Vec<String> {
    let glance = |id| cluster.glance(id).map(|glance| format!("{id} {:?} {}", glance.state, glance.reason));
    cluster.ids().into_iter().filter_map(glance).collect()
}

#[test]
fn journals_of_every_version_tell_the_same_cluster() {
    let told = states(&story().cluster);
    assert!(told.len() > 5, "{told:?}");
    for version in versions::OLDEST..=VERSION {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        std::fs::copy(file(version), &path).unwrap();
        for opening in ["first", "second"] {
            let mut journal = Journal::open(&path).unwrap();
            let cluster = journal.recover(Config::default()).unwrap();
            assert_eq!(states(&cluster), told, "version {version}, {opening} opening");
        }
    }
}

#[test]
#[ignore = "writes the file of a new version"]
fn writes_that_of_this_version() {
    let path = PathBuf::from(std::env::var_os("PRUN_GOLDEN").unwrap());
    let story = story();
    let mut journal = Journal::open(&path).unwrap();
    journal.compact(&story.image).unwrap();
    journal.append(story.events.iter()).unwrap();
}
