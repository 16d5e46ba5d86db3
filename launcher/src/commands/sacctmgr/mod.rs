//! `sacctmgr show|list ENTITY …`: what accounting knows beside jobs (`sacctmgr(1)`). There is one cluster, its user's
//! own: accounts and users are those that jobs show, nobody has limits, and nothing can be changed.
//!
//! [`mod@line`] reads the command line, [`entities`] makes records of what the controller says, [`fields`] says what can
//! stand in a column.

pub mod entities;
pub mod fields;
pub mod line;

use std::ffi::OsString;
use std::process::ExitCode;

use super::accounts::Accounts;
use super::ask::Asking;
use super::ending::{Ending, finish};
use super::{users, utf8_words};
use crate::controller::api::JobView;
use entities::{Entity, Known, Record};
use line::Query;

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    finish(Query::read(&utf8_words(words)).and_then(|query| {
        let mut asking = Asking::connect("sacctmgr")?;
        let config = asking.config()?;
        let jobs: Vec<JobView> = asking.jobs(true)?;
        let value = |key: &str| config.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let uid = rustix::process::getuid().as_raw();
        let me = users::name_of(uid).unwrap_or_else(|| uid.to_string());
        let known = Known {
            cluster: value("ClusterName").unwrap_or_default(),
            host: value("SlurmctldHost[0]").unwrap_or_default(),
            accounts: Accounts::of(&jobs, &me),
        };
        Ok(show(&query, &known))
    }))
}

/// What is printed.
fn show(query: &Query, known: &Known) -> Ending {
    if query.entity == Entity::Runaway {
        return Ending::text(format!("Runaway Jobs: No runaway jobs found on cluster {}\n", known.cluster));
    }
    let columns = &query.columns;
    let mut lines = Vec::new();
    if query.header {
        let heads: Vec<_> = columns.iter().map(|(field, width)| (field.header.to_owned(), *width)).collect();
        lines.extend(query.rows.head(&heads));
    }
    let records = entities::records(query.entity, query.with_associations, known);
    let row = |record: &Record| {
        let cells: Vec<_> = columns.iter().map(|(field, width)| (field.value(record), *width)).collect();
        query.rows.row(&cells)
    };
    lines.extend(records.iter().filter(|record| query.wants(record)).map(row));
    Ending::text(lines.into_iter().map(|line| line + "\n").collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    fn shown(line: &str) -> Result<String, Ending> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut job = samples::running(1);
        job.account = "physics".to_owned();
        job.submitter.user = "eve".to_owned();
        let accounts = Accounts::of(&[job], "ada");
        let known = Known { cluster: "lab".to_owned(), host: "h1".to_owned(), accounts };
        Ok(show(&Query::read(&words)?, &known).stdout)
    }

    #[test]
    fn entities_are_shown_as_slurm_shows_them() {
        for (line, expected) in [
            (
                "show cluster -P",
                "Cluster|ControlHost|ControlPort|RPC|Share|GrpJobs|GrpTRES|GrpSubmit|MaxJobs|MaxTRES|MaxSubmit|\
                 MaxWall|QOS|Def QOS\nlab|h1|0|10752|1||||||||normal|\n",
            ),
            ("-nP list user", "ada|ada|Administrator\neve|physics|None\n"),
            ("-n -P show account format=account,org", "root|root\nada|ada\nphysics|physics\n"),
            (
                "-nP show assoc format=cluster,account,user",
                "lab|root|\nlab|ada|\nlab|ada|ada\nlab|physics|\nlab|physics|eve\n",
            ),
            ("-nP show assoc where user=eve format=account,user,qos,share", "physics|eve|normal|1\n"),
            ("-nP -s list user ada format=user,account", "ada|ada\n"),
            ("-n show user format=user%-6,def%3", "ada    ada \neve    ph+ \n"),
            ("show qos format=name,priority -p", "Name|Priority|\nnormal|0|\n"),
            ("-nP show user nosuch", ""),
            ("show event format=cluster", "   Cluster \n---------- \n"),
            ("show runaway", "Runaway Jobs: No runaway jobs found on cluster lab\n"),
            (
                "-nP show tres format=type,name,id",
                "cpu||1\nmem||2\nenergy||3\nnode||4\nbilling||5\nfs|disk|6\nvmem||7\npages||8\n",
            ),
        ] {
            assert_eq!(shown(line).unwrap(), expected, "{line}");
        }
        assert!(shown("show users").unwrap().starts_with("      User   Def Acct     Admin \n---------- "));
        let account = "-n -s list user ada format=account%20";
        assert_eq!(shown(account).unwrap(), format!("{:>20} \n", "ada"));
    }

    #[test]
    fn mistakes_are_said_as_slurm_says_them() {
        for (line, text) in [
            ("show foo", "No valid entity in list command"),
            ("show", "No valid entity in list command"),
            ("foo", "invalid keyword: foo"),
            ("show cluster format=foo", "Unknown field 'foo'"),
            ("show user foo=bar", " Unknown condition: foo=bar"),
            ("--foo", "sacctmgr: unrecognized option '--foo'"),
            (
                "-i add account x",
                "sacctmgr: error: `add` is not supported by prun: a cluster is its user's own",
            ),
        ] {
            let ending = shown(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
    }
}
