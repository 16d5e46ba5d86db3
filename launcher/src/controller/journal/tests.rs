//! A journal on a real disk.

use prun_runtime::ids::JobId;

use super::*;
use crate::controller::api::{Call, Request};
use crate::controller::core::config::PartitionConfig;
use crate::controller::core::event::{ClientId, Peer};

fn record(request: Request) -> Record {
    let peer = Peer { uid: 0, user: "root".to_owned() };
    let call = Box::new(Call { id: 1, request });
    Record { now: 1.0, event: Event::Call { client: ClientId(7), peer, call }, secrets: Vec::new() }
}

fn partition_update() -> Record {
    let changes = vec![("maxtime".to_owned(), "30".to_owned())];
    record(Request::UpdatePartition { partition: "slurmpar".to_owned(), changes })
}

#[test]
fn every_batch_waits_for_the_disk() {
    /// `FULL`, in SQLite's numbers.
    const FULL: i64 = 2;
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("journal")).unwrap();
    let set = journal.database().query_row("PRAGMA synchronous", [], |row| row.get(0));
    assert_eq!(set, Ok(FULL));
}

#[test]
fn what_was_kept_is_there_after_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::open(&path).unwrap();
    journal.append([partition_update(), record(Request::Script { job: JobId(1) })].iter()).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    let cluster = journal.recover(Config::default()).unwrap();
    assert_eq!(cluster.last_correspondent(), 7);
    drop(journal);
    // Now out of the image.
    let mut journal = Journal::open(&path).unwrap();
    let cluster = journal.recover(Config::default()).unwrap();
    assert_eq!((journal.events(), cluster.last_correspondent()), (0, 7));
}

#[test]
fn what_happened_before_a_restart_happened_under_its_own_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let of = |name: &str, first_job| Config {
        partitions: vec![PartitionConfig::of_all_nodes(name)],
        first_job,
        ..Config::default()
    };
    let mut journal = Journal::open(&path).unwrap();
    let first = journal.recover(of("slurmpar", Some(50))).unwrap();
    journal.append([partition_update()].iter()).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    let second = journal.recover(of("other", None)).unwrap();
    let number = |cluster: &Cluster| cluster.next_job();
    assert_eq!((number(&first), number(&second)), (JobId(50), JobId(50)));
    let view = second.image().partitions().to_vec();
    assert_eq!(view, of("other", None).partitions);
}

#[test]
fn a_file_that_is_no_journal_and_one_of_another_version_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("text");
    std::fs::write(&path, "x".repeat(4096)).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Open { .. })));
    let path = dir.path().join("newer");
    let journal = Journal::open(&path).unwrap();
    journal.database().execute("UPDATE version SET version = 99, writer = 'prun 9.0.0'", []).unwrap();
    drop(journal);
    assert!(matches!(Journal::open(&path), Err(JournalError::Newer { found: 99, .. })));
}

#[test]
fn two_controllers_cannot_have_one_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut first = Journal::open(&path).unwrap();
    first.append([partition_update()].iter()).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::Open { .. })));
}

#[test]
fn on_a_full_disk_nothing_is_kept_by_halves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::open(&path).unwrap();
    journal.append([partition_update()].iter()).unwrap();
    journal.fill_disk();
    let many = vec![partition_update(); 1000];
    assert!(matches!(journal.append(many.iter()), Err(JournalError::Database(_))));
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    let kept: u32 = journal.database().query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}

/// A journal of so many batches of one event, as a loss of power leaves it: the file and its log, copied while it is open.
fn lost_power(batches: usize) -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("open")).unwrap();
    for _ in 0..batches {
        journal.append([partition_update()].iter()).unwrap();
    }
    std::fs::copy(dir.path().join("open"), dir.path().join("journal")).unwrap();
    let log = std::fs::read(dir.path().join("open-wal")).unwrap();
    (dir, log)
}

/// How many events are left with this log.
fn kept(dir: &Path, log: &[u8]) -> u32 {
    let path = dir.join("copy");
    std::fs::copy(dir.join("journal"), &path).unwrap();
    std::fs::write(dir.join("copy-wal"), log).unwrap();
    let journal = Journal::open(&path).unwrap();
    let count = journal.database().query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    journal.reload().unwrap();
    count
}

#[test]
fn a_torn_write_costs_what_was_not_acknowledged_and_nothing_before_it() {
    let (dir, log) = lost_power(5);
    assert_eq!(kept(dir.path(), &log), 5);
    let mut before = 5;
    // From whole to nothing, in steps that are no multiple of anything.
    for length in (0..log.len()).rev().step_by(997) {
        let now = kept(dir.path(), &log[..length]);
        assert!(now <= before, "{now} events of {length} bytes, {before} of more");
        before = now;
    }
    assert_eq!(before, 0);
}

#[test]
fn what_stands_behind_bytes_that_have_changed_is_not_read() {
    let (dir, log) = lost_power(5);
    for at in (32..log.len()).step_by(1499) {
        let mut changed = log.clone();
        changed[at] ^= 0x10;
        assert!(kept(dir.path(), &changed) <= 5);
    }
    let mut last = log.clone();
    *last.last_mut().unwrap() ^= 1;
    assert_eq!(kept(dir.path(), &last), 4);
}

#[test]
fn a_row_that_makes_no_sense_is_damage_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::open(&path).unwrap();
    journal.append([partition_update()].iter()).unwrap();
    journal.database().execute("UPDATE event SET record = x'c1'", []).unwrap();
    let error = journal.recover(Config::default()).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }));
    let text = error.to_string();
    assert!(text.contains("backup") && text.contains(path.to_str().unwrap()), "{text}");
}

#[test]
fn versions_that_cannot_be_read_say_who_can() {
    let dir = tempfile::tempdir().unwrap();
    let of = |version: u32| {
        let path = dir.path().join(version.to_string());
        let journal = Journal::open(&path).unwrap();
        let sign = format!("UPDATE version SET version = {version}, writer = 'prun 9.1.0'");
        journal.database().execute(&sign, []).unwrap();
        drop(journal);
        Journal::open(&path).unwrap_err().to_string()
    };
    let newer = of(99);
    assert!(newer.contains("version 99, written by prun 9.1.0"), "{newer}");
    let older = of(2);
    assert!(older.contains("version 2") && older.contains("move it away"), "{older}");
}

#[test]
fn a_backup_is_a_journal_that_only_its_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    let mut journal = Journal::open(&dir.path().join("journal")).unwrap();
    journal.append([partition_update()].iter()).unwrap();
    journal.back_up(&copy).unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    // It goes on meanwhile, and nobody's file is written over.
    journal.append([partition_update()].iter()).unwrap();
    assert!(matches!(journal.back_up(&copy), Err(JournalError::Backup { .. })));
    let copied = Journal::open(&copy).unwrap();
    assert_eq!(copied.reload().unwrap().last_correspondent(), 7);
    let nowhere = dir.path().join("nowhere/copy");
    assert!(matches!(journal.back_up(&nowhere), Err(JournalError::Backup { .. })));
}
