//! The command line of `sacctmgr`: options, a verb, an entity, and what is wanted of it.

use super::entities::{Entity, Record};
use super::fields::{self, Field};
use crate::commands::columns::widths::{Rows, parse as columns};
use crate::commands::ending::Ending;
use crate::commands::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use crate::commands::version;

/// `sacctmgr(1)`, options.
const TABLE: &[Switch] = &[
    switch("associations", Some('s'), Value::None, "with associations"),
    switch("help", Some('h'), Value::None, "show this text"),
    switch("immediate", Some('i'), Value::None, "accepted; nothing is changed"),
    switch("noheader", Some('n'), Value::None, "no line of heads"),
    switch("oneliner", Some('o'), Value::None, "accepted"),
    switch("parsable", Some('p'), Value::None, "bars between fields, and after the last"),
    switch("parsable2", Some('P'), Value::None, "bars between fields"),
    switch("quiet", Some('Q'), Value::None, "accepted"),
    switch("readonly", Some('r'), Value::None, "accepted; nothing is changed"),
];

const USAGE: &str = "sacctmgr [OPTIONS] show|list ENTITY [WHERE] [format=NAME[%WIDTH],…]";

/// Verbs that would change something.
const CHANGES: &[&str] = &[
    "add",
    "archive",
    "clear",
    "create",
    "delete",
    "dump",
    "load",
    "modify",
    "reconfigure",
    "remove",
    "shutdown",
];

/// What is asked.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is shown.
    pub entity: Entity,
    /// Users and accounts with their associations.
    pub with_associations: bool,
    /// Columns with their widths.
    pub columns: Vec<(&'static Field, i32)>,
    /// How rows are written.
    pub rows: Rows,
    /// A line of heads.
    pub header: bool,
    /// What a record must have: a column, and one of these values in it.
    conditions: Vec<(&'static str, Vec<String>)>,
}

impl Query {
    /// Reads the words after `sacctmgr`.
    ///
    /// # Errors
    /// What the command ends with: help too.
    pub fn read(words: &[String]) -> Result<Self, Ending> {
        let words = parse(&[TABLE, COMMON], words).map_err(|error| {
            let mut ending = Ending::error(format!("sacctmgr: {error}"), 1);
            ending.stderr.push("Try \"sacctmgr --help\" for more information".to_owned());
            ending
        })?;
        let (verb, rest) = words.operands.split_first().map_or(("help", &[][..]), |(v, rest)| (v, rest));
        if words.has("version") || verb == "version" {
            return Err(Ending::text(version()));
        }
        if verb == "help" || words.has("help") || words.has("usage") {
            return Err(Ending::text(help(USAGE, &[TABLE, COMMON])));
        }
        check_verb(verb)?;
        let (entity, rest) = entity(rest)?;
        Self::of(entity, rest, &words)
    }

    fn of(entity: Entity, rest: &[String], words: &Words) -> Result<Self, Ending> {
        let mut with_associations = words.has("associations");
        let (mut conditions, mut format) = (Vec::new(), Vec::new());
        for word in rest {
            match word.split_once('=') {
                Some((key, value)) if is(key, "format", 3) => format.push(value.to_owned()),
                Some((key, value)) => {
                    let column = condition(entity, key).ok_or_else(|| unknown_condition(word))?;
                    conditions.push((column, values(value)));
                }
                None if is(word, "where", 5) || is(word, "tree", 4) => {}
                None if is(word, "withassociations", 5) => with_associations = true,
                // Other words about what is left out or taken along: there is nothing of it.
                None if word.to_ascii_lowercase().starts_with("wo") || is_with(word) => {}
                None => conditions.push((entity.key(), values(word))),
            }
        }
        let bar = "|".to_owned();
        Ok(Self {
            entity,
            with_associations,
            columns: chosen(entity, with_associations, &format)?,
            rows: match (words.has("parsable2"), words.has("parsable")) {
                (true, _) => Rows::Open(bar),
                (false, true) => Rows::Closed(bar),
                (false, false) => Rows::Columns,
            },
            header: !words.has("noheader"),
            conditions,
        })
    }

    /// Whether a record meets all conditions.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        self.conditions.iter().all(|(column, values)| values.iter().any(|value| record.get(column) == value))
    }
}

/// A word in any case, at least its first letters.
fn is(word: &str, full: &str, least: usize) -> bool {
    word.len() >= least && full.starts_with(&word.to_ascii_lowercase())
}

fn is_with(word: &str) -> bool {
    word.to_ascii_lowercase().starts_with("with")
}

fn check_verb(verb: &str) -> Result<(), Ending> {
    if is(verb, "show", 1) || is(verb, "list", 1) {
        return Ok(());
    }
    Err(match CHANGES.iter().find(|known| is(verb, known, 2)) {
        Some(known) => {
            let why = "is not supported by prun: a cluster is its user's own";
            Ending::error(format!("sacctmgr: error: `{known}` {why}"), 1)
        }
        None => Ending::error(format!("invalid keyword: {verb}"), 1),
    })
}

fn entity(words: &[String]) -> Result<(Entity, &[String]), Ending> {
    let found = words.split_first().and_then(|(word, rest)| Entity::find(word).map(|entity| (entity, rest)));
    found.ok_or_else(|| {
        let mut ending = Ending::error("No valid entity in list command", 1);
        ending.stderr.extend([
            "Input line must include \"Account\", \"Association\", \"Cluster\",".to_owned(),
            "\"Event\", \"Federation\", \"Problem\", \"QOS\", \"Resource\", \"Reservation\",".to_owned(),
            "\"RunAwayJobs\", \"Transaction\", \"TRES\", \"User\", or \"WCKey\"".to_owned(),
        ]);
        ending
    })
}

fn unknown_condition(word: &str) -> Ending {
    let mut ending = Ending::error(format!(" Unknown condition: {word}"), 1);
    ending.stderr.push(" Use keyword 'set' to modify value".to_owned());
    ending
}

/// The column that a condition is about.
fn condition(entity: Entity, key: &str) -> Option<&'static str> {
    const KEYS: &[(&str, usize, &str)] = &[
        ("accounts", 2, "Account"),
        ("clusters", 1, "Cluster"),
        ("defaultaccounts", 8, "Def Acct"),
        ("ids", 1, "ID"),
        ("partitions", 4, "Partition"),
        ("qoslevel", 1, "QOS"),
        ("users", 1, "User"),
    ];
    if is(key, "names", 1) {
        return Some(entity.key());
    }
    KEYS.iter().find(|(full, least, _)| is(key, full, *least)).map(|(.., column)| *column)
}

fn values(list: &str) -> Vec<String> {
    list.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// Columns of `format=`, or those that the entity has without.
fn chosen(
    entity: Entity,
    with_associations: bool,
    format: &[String],
) -> Result<Vec<(&'static Field, i32)>, Ending> {
    if format.is_empty() {
        let headers = entity.columns(with_associations);
        return Ok(headers.filter_map(fields::with_header).map(|field| (field, field.width)).collect());
    }
    let unknown = |name: &str| Ending::error(format!("Unknown field '{name}'"), 1);
    let wanted = columns(&format.join(","));
    let found = wanted.iter().map(|column| {
        let field = fields::find(&column.name).ok_or_else(|| unknown(&column.name))?;
        Ok((field, column.width.unwrap_or(field.width)))
    });
    found.collect()
}
