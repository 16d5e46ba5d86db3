//! Which journals can be read: those of this version, and older ones, which are brought up to it.
//!
//! Fields that are new in a record or an image have defaults, and need no new version. A new version is for what they cannot
//! do; it comes with a row in [`MIGRATIONS`] and a file in `golden/`.

use rusqlite::{Connection, OptionalExtension, params};

/// Version of the tables and of what stands in them.
pub const VERSION: u32 = 4;

/// The oldest that can be read. Versions 1 and 2 were gone before the first release.
pub(super) const OLDEST: u32 = 3;

/// What makes the next version of each older one.
const MIGRATIONS: &[(u32, &str)] = &[
    // A message about a version that is too new says who wrote it.
    (3, "ALTER TABLE version ADD COLUMN writer TEXT NOT NULL DEFAULT 'prun 0.1.0'"),
];

/// Version 4, for a file in which there is nothing yet.
const TABLES: &str = "
    CREATE TABLE version (version INTEGER NOT NULL, writer TEXT NOT NULL DEFAULT 'prun 0.1.0');
    CREATE TABLE image (last INTEGER NOT NULL, state BLOB NOT NULL);
    CREATE TABLE probe (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL);
";

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A journal of this version, now.
    Current,
    /// One that only a newer prun can read.
    Newer { found: u32, writer: String },
    /// One that no prun reads any more.
    Older { found: u32 },
}

/// Makes a journal of a new file, and of an older journal one of this version: all of it or, where that fails, nothing.
pub(super) fn bring_up(database: &mut Connection) -> Result<Found, rusqlite::Error> {
    let transaction = database.transaction()?;
    let Some(found) = version(&transaction)? else {
        transaction.execute_batch(TABLES)?;
        sign(&transaction)?;
        transaction.commit()?;
        return Ok(Found::Current);
    };
    match found {
        VERSION => return Ok(Found::Current),
        _ if found > VERSION => return Ok(Found::Newer { found, writer: writer(&transaction) }),
        _ if found < OLDEST => return Ok(Found::Older { found }),
        _ => {}
    }
    for (_, migration) in MIGRATIONS.iter().filter(|(from, _)| *from >= found) {
        transaction.execute_batch(migration)?;
    }
    sign(&transaction)?;
    transaction.commit()?;
    tracing::info!(from = found, to = VERSION, "the journal has a new version");
    Ok(Found::Current)
}

/// The version of a file; `None`: there is nothing in it.
fn version(database: &Connection) -> Result<Option<u32>, rusqlite::Error> {
    let tables: u32 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(None);
    }
    database.query_row("SELECT version FROM version", [], |row| row.get(0)).optional()
}

/// Who wrote a file, as far as it says so.
fn writer(database: &Connection) -> String {
    let writer = database.query_row("SELECT writer FROM version", [], |row| row.get(0));
    writer.unwrap_or_else(|_| "another prun".to_owned())
}

fn sign(database: &Connection) -> Result<(), rusqlite::Error> {
    let writer = concat!("prun ", env!("CARGO_PKG_VERSION"));
    database.execute("DELETE FROM version", [])?;
    database.execute("INSERT INTO version (version, writer) VALUES (?1, ?2)", params![VERSION, writer])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_older_version_has_its_way_up() {
        let from: Vec<u32> = MIGRATIONS.iter().map(|(from, _)| *from).collect();
        assert_eq!(from, (OLDEST..VERSION).collect::<Vec<u32>>());
    }

    #[test]
    fn a_journal_that_was_brought_up_has_the_tables_of_a_new_one() {
        let schema = |database: &Connection| -> Vec<String> {
            let mut statement = database.prepare("SELECT name FROM pragma_table_info('version')").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let mut new = Connection::open_in_memory().unwrap();
        assert_eq!(bring_up(&mut new), Ok(Found::Current));
        let mut old = Connection::open_in_memory().unwrap();
        old.execute_batch("CREATE TABLE version (version INTEGER NOT NULL); INSERT INTO version VALUES (3);")
            .unwrap();
        assert_eq!(bring_up(&mut old), Ok(Found::Current));
        assert_eq!(schema(&old), schema(&new));
        assert_eq!(version(&old), Ok(Some(VERSION)));
    }
}
