//! `sshare`: shares of accounts and users (`sshare(1)`). All are equal, and nothing is weighed by what was used before.

use std::ffi::OsString;
use std::process::ExitCode;

use super::accounts::{Accounts, ROOT};
use super::ask::Asking;
use super::columns::widths::{Rows, parse as columns};
use super::ending::{Ending, finish};
use super::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use super::{users, utf8_words, version};

/// `sshare(1)`, options.
const TABLE: &[Switch] = &[
    switch("accounts", Some('A'), Value::Needed, "only these accounts"),
    switch("all", Some('a'), Value::None, "all users"),
    switch("clusters", Some('M'), Value::Needed, "clusters to ask"),
    switch("format", Some('o'), Value::Needed, "columns: NAME[%WIDTH],…"),
    switch("helpformat", Some('e'), Value::None, "list the columns"),
    switch("long", Some('l'), Value::None, "more columns"),
    switch("noheader", Some('n'), Value::None, "no line of heads"),
    switch("noheader", Some('h'), Value::None, ""),
    switch("parsable", Some('p'), Value::None, "bars between fields, and after the last"),
    switch("parsable2", Some('P'), Value::None, "bars between fields"),
    switch("partition", Some('m'), Value::None, "accepted"),
    switch("users", Some('u'), Value::Needed, "only these users"),
    switch("uid", None, Value::Needed, ""),
    switch("Users", Some('U'), Value::None, "no accounts of their own"),
];

/// One account, or one user in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    account: String,
    user: String,
    cluster: String,
}

impl Row {
    fn is_root(&self) -> bool {
        self.account == ROOT && self.user.is_empty()
    }
}

/// Name, width, text.
type Field = (&'static str, i32, fn(&Row) -> String);

const FIELDS: &[Field] = &[
    ("Account", -20, |r| r.account.clone()),
    ("Cluster", 10, |r| r.cluster.clone()),
    ("EffectvUsage", 13, |_| "0.000000".to_owned()),
    ("FairShare", 10, |r| if r.user.is_empty() { String::new() } else { "0.000000".to_owned() }),
    ("GrpTRESMins", 30, |_| String::new()),
    ("GrpTRESRaw", 30, |_| "cpu=0,mem=0,energy=0,node=0,billing=0".to_owned()),
    ("ID", 6, |_| "0".to_owned()),
    ("LevelFS", 10, |_| "0.000000".to_owned()),
    ("NormShares", 11, |_| String::new()),
    ("NormUsage", 11, |_| String::new()),
    ("Partition", 12, |_| String::new()),
    ("RawShares", 10, |r| if r.is_root() { String::new() } else { "1".to_owned() }),
    ("RawUsage", 11, |_| "0".to_owned()),
    ("TRESRunMins", 30, |_| "cpu=0,mem=0,energy=0,node=0,billing=0".to_owned()),
    ("User", 10, |r| r.user.clone()),
];

const DEFAULT: &str = "Account,User,RawShares,NormShares,RawUsage,EffectvUsage,FairShare";
const LONG: &str = "Account,User,RawShares,NormShares,RawUsage,NormUsage,EffectvUsage,FairShare,LevelFS,GrpTRESMins,TRESRunMins";

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(read(&utf8_words(words)).and_then(|words| {
        let mut asking = Asking::connect("sshare")?;
        let config = asking.config()?;
        let cluster = super::clusters::check("sshare", words.value("clusters").unwrap_or("all"), &config)?;
        let uid = rustix::process::getuid().as_raw();
        let me = users::name_of(uid).unwrap_or_else(|| uid.to_string());
        show(&words, &Accounts::of(&asking.jobs(true)?, &me), &me, &cluster)
    }))
}

fn read(words: &[String]) -> Result<Words, Ending> {
    let words = parse(&[TABLE, COMMON], words).map_err(|error| {
        let mut ending = Ending::error(format!("sshare: {error}"), 1);
        ending.stderr.push("Try \"sshare --help\" for more information".to_owned());
        ending
    })?;
    let text = match () {
        () if words.has("version") => version(),
        () if words.has("help") || words.has("usage") => help("sshare [OPTIONS]", &[TABLE, COMMON]),
        () if words.has("helpformat") => {
            let lines = FIELDS.chunks(4).map(|four| {
                let names: Vec<String> = four.iter().map(|(name, ..)| format!("{name:<17}")).collect();
                names.join(" ") + "\n"
            });
            lines.collect()
        }
        () => return Ok(words),
    };
    Err(Ending::text(text))
}

/// What is printed.
fn show(words: &Words, accounts: &Accounts, me: &str, cluster: &str) -> Result<Ending, Ending> {
    let list = |option: &str| -> Vec<String> {
        words.values(option).flat_map(|text| text.split(',')).map(str::to_owned).collect()
    };
    let (wanted_users, wanted_accounts) = ([list("users"), list("uid")].concat(), list("accounts"));
    let is_wanted = |user: &String| match wanted_users.as_slice() {
        [] => words.has("all") || user == me,
        users => users.contains(user),
    };
    let mut rows = Vec::new();
    for (account, users) in accounts.each() {
        if !wanted_accounts.is_empty() && !wanted_accounts.iter().any(|wanted| wanted == account) {
            continue;
        }
        // Accounts stand below the root account, users below theirs; each level has a blank more before it.
        let depth = usize::from(account != ROOT);
        let indent = |depth: usize| if words.has("Users") { String::new() } else { " ".repeat(depth) };
        let row = |depth, user: &str| Row {
            account: indent(depth) + account,
            user: user.to_owned(),
            cluster: cluster.to_owned(),
        };
        if !words.has("Users") {
            rows.push(row(depth, ""));
        }
        rows.extend(users.iter().filter(|user| is_wanted(user)).map(|user| row(depth + 1, user)));
    }
    table(words, &rows)
}

fn table(words: &Words, rows: &[Row]) -> Result<Ending, Ending> {
    let named = words.values("format").collect::<Vec<_>>().join(",");
    let text = match (named.is_empty(), words.has("long")) {
        (false, _) => named.as_str(),
        (true, true) => LONG,
        (true, false) => DEFAULT,
    };
    let mut fields = Vec::new();
    for column in columns(text) {
        let lower = column.name.to_ascii_lowercase();
        let field = FIELDS.iter().find(|(name, ..)| name.to_ascii_lowercase().starts_with(&lower));
        let unknown =
            || Ending::error(format!("sshare: error: Invalid field requested: \"{}\"", column.name), 1);
        let (name, width, value) = field.ok_or_else(unknown)?;
        fields.push((*name, column.width.unwrap_or(*width), *value));
    }
    let bar = "|".to_owned();
    let form = match (words.has("parsable2"), words.has("parsable")) {
        (true, _) => Rows::Open(bar),
        (false, true) => Rows::Closed(bar),
        (false, false) => Rows::Columns,
    };
    let mut lines = Vec::new();
    if !words.has("noheader") {
        let heads: Vec<_> = fields.iter().map(|(name, width, _)| ((*name).to_owned(), *width)).collect();
        lines.extend(form.head(&heads));
    }
    lines.extend(rows.iter().map(|row| {
        form.row(&fields.iter().map(|(_, width, value)| (value(row), *width)).collect::<Vec<_>>())
    }));
    Ok(Ending::text(lines.into_iter().map(|line| line + "\n").collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn shown(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut job = samples::running(1);
        job.account = "physics".to_owned();
        job.submitter.user = "eve".to_owned();
        show(&read(&words).unwrap(), &Accounts::of(&[job], "ada"), "ada", "c").unwrap().stdout
    }

    #[test]
    fn accounts_have_their_users_below() {
        assert_eq!(shown("-nP -o account,user"), "root|\n ada|\n  ada|ada\n physics|\n");
        assert_eq!(shown("-a -nPU -o account,user"), "ada|ada\nphysics|eve\n");
        let expected = " physics||1||0|0.000000||\n  physics|eve|1||0|0.000000|0.000000|\n";
        assert_eq!(shown("-np -A physics -u eve"), expected);
        let head =
            "Account                    User  RawShares  NormShares    RawUsage  EffectvUsage  FairShare \n";
        assert!(shown("").starts_with(head));
    }
}
