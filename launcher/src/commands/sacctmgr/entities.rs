//! What `sacctmgr` shows: records by the heads of their columns.

use crate::commands::accounts::{Accounts, ROOT};

/// What the controller knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// The cluster's name.
    pub cluster: String,
    /// The controller's host.
    pub host: String,
    /// Accounts and users.
    pub accounts: Accounts,
}

/// One line: values by the heads of their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record(Vec<(&'static str, String)>);

impl Record {
    /// The value of a column; empty where there is none.
    #[must_use]
    pub fn get(&self, header: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == header).map_or("", |(_, value)| value)
    }

    fn of(values: &[(&'static str, &str)]) -> Self {
        Self(values.iter().map(|(header, value)| (*header, (*value).to_owned())).collect())
    }

    fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// Accounts.
    Account,
    /// Which user belongs to which account.
    Association,
    /// The cluster.
    Cluster,
    /// Changes of nodes; none are kept.
    Event,
    /// Federations; there are none.
    Federation,
    /// Users without an account and the like; there are none.
    Problem,
    /// Qualities of service.
    Qos,
    /// Resources of all clusters; there are none.
    Resource,
    /// Reservations; there are none.
    Reservation,
    /// Jobs that accounting has lost; there are none.
    Runaway,
    /// Changes of the other records; there are none.
    Transaction,
    /// Trackable resources.
    Tres,
    /// Users.
    User,
    /// Keys of jobs; none are kept.
    Wckey,
}

/// Each entity: its name, the letters that it takes at least, the column that a bare name is about, its columns, and
/// those of its associations where they are asked for.
type Row = (Entity, &'static str, usize, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    (Entity::Account, "accounts", 2, "Account", "Account,Descr,Org", OF_ACCOUNTS),
    (
        Entity::Association,
        "associations",
        2,
        "Account",
        "Cluster,Account,User,Partition,Share,Priority,GrpJobs,GrpTRES,GrpSubmit,GrpWall,GrpTRESMins,MaxJobs,\
         MaxTRES,MaxTRESPerNode,MaxSubmit,MaxWall,MaxTRESMins,QOS,Def QOS,GrpTRESRunMins",
        "",
    ),
    (
        Entity::Cluster,
        "clusters",
        2,
        "Cluster",
        "Cluster,ControlHost,ControlPort,RPC,Share,GrpJobs,GrpTRES,GrpSubmit,MaxJobs,MaxTRES,MaxSubmit,MaxWall,\
         QOS,Def QOS",
        "",
    ),
    (Entity::Event, "events", 1, "NodeName", "Cluster,NodeName,TimeStart,TimeEnd,State,Reason,User", ""),
    (Entity::Federation, "federations", 1, "Federation", "Federation,Cluster,ID", ""),
    (Entity::Problem, "problems", 1, "Account", "Cluster,Account,User,Problem", ""),
    (
        Entity::Qos,
        "qos",
        1,
        "Name",
        "Name,Priority,GraceTime,Preempt,PreemptExemptTime,PreemptMode,Flags,UsageThres,UsageFactor,GrpTRES,\
         GrpTRESMins,GrpTRESRunMins,GrpJobs,GrpSubmit,GrpWall,MaxTRES,MaxTRESPerNode,MaxTRESMins,MaxWall,MaxTRESPU,\
         MaxJobsPU,MaxSubmitPU,MaxTRESPA,MaxJobsPA,MaxSubmitPA,MinTRES",
        "",
    ),
    (Entity::Resource, "resources", 4, "Name", "Name,Server,Type,Count", ""),
    (Entity::Reservation, "reservations", 4, "Name", "Cluster,Name,TRES,TimeStart,TimeEnd", ""),
    (Entity::Runaway, "runawayjobs", 2, "ID", "", ""),
    (Entity::Transaction, "transactions", 2, "Actor", "Time,Action,Actor,Where,Info", ""),
    (Entity::Tres, "tres", 2, "Type", "Type,Name,ID", ""),
    (Entity::User, "users", 1, "User", "User,Def Acct,Admin", OF_USERS),
    (Entity::Wckey, "wckeys", 1, "WCKey", "WCKey,Cluster,User", ""),
];

const OF_ACCOUNTS: &str = "Cluster,ParentName,User,Share,Priority,GrpJobs,GrpNodes,GrpCPUs,GrpMem,GrpSubmit,GrpWall,\
                           GrpCPUMins,MaxJobs,MaxNodes,MaxCPUs,MaxSubmit,MaxWall,MaxCPUMins,QOS,Def QOS";
const OF_USERS: &str = "Cluster,Account,Partition,Share,Priority,MaxJobs,MaxNodes,MaxCPUs,MaxSubmit,MaxWall,\
                        MaxCPUMins,QOS,Def QOS";

impl Entity {
    /// The entity of this name, in any case and at least its first letters.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        let row = ROWS.iter().find(|(_, name, least, ..)| lower.len() >= *least && name.starts_with(&lower));
        row.map(|(entity, ..)| *entity)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|(entity, ..)| *entity == self).unwrap_or(&ROWS[0])
    }

    /// The column that a bare name is about.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.row().3
    }

    /// Its columns, of users and accounts those of their associations too.
    pub fn columns(self, with_associations: bool) -> impl Iterator<Item = &'static str> {
        let (.., own, also) = *self.row();
        let also = if with_associations { also } else { "" };
        own.split(',').chain(also.split(',')).filter(|header| !header.is_empty())
    }
}

/// The records of an entity.
#[must_use]
pub fn records(entity: Entity, with_associations: bool, known: &Known) -> Vec<Record> {
    let accounts = &known.accounts;
    match entity {
        Entity::Account if with_associations => {
            let all = associations(known).into_iter();
            all.map(|record| account(record.get("Account")).and(record)).collect()
        }
        Entity::Account => accounts.each().map(|(name, _)| account(name)).collect(),
        Entity::Association => associations(known),
        Entity::Cluster => vec![cluster(known)],
        Entity::Qos => vec![qos()],
        Entity::Tres => tres(),
        Entity::User if with_associations => {
            let own = associations(known).into_iter().filter(|record| !record.get("User").is_empty());
            own.map(|record| user(accounts, record.get("User")).and(record)).collect()
        }
        Entity::User => accounts.users().into_iter().map(|name| user(accounts, name)).collect(),
        Entity::Event
        | Entity::Federation
        | Entity::Problem
        | Entity::Resource
        | Entity::Reservation
        | Entity::Runaway
        | Entity::Transaction
        | Entity::Wckey => Vec::new(),
    }
}

fn account(name: &str) -> Record {
    let description = if name == ROOT { "default root account" } else { name };
    Record::of(&[("Account", name), ("Descr", description), ("Org", name)])
}

fn associations(known: &Known) -> Vec<Record> {
    let mut records = Vec::new();
    for (account, users) in known.accounts.each() {
        let of_account = Record::of(&[
            ("Cluster", &known.cluster),
            ("Account", account),
            ("Share", "1"),
            ("QOS", "normal"),
            ("ParentName", if account == ROOT { "" } else { ROOT }),
        ]);
        records.push(of_account.clone());
        records.extend(users.iter().map(|user| of_account.clone().and(Record::of(&[("User", user)]))));
    }
    records
}

fn cluster(known: &Known) -> Record {
    Record::of(&[
        ("Cluster", &known.cluster),
        ("ControlHost", &known.host),
        // There is a socket, and no port; the number of the protocol is that of the Slurm that this is.
        ("ControlPort", "0"),
        ("RPC", "10752"),
        ("Share", "1"),
        ("QOS", "normal"),
    ])
}

fn qos() -> Record {
    Record::of(&[
        ("Name", "normal"),
        ("Priority", "0"),
        ("GraceTime", "00:00:00"),
        ("PreemptMode", "cluster"),
        ("UsageFactor", "1.000000"),
    ])
}

/// Whoever has the cluster may do everything with it; who else there is has come and gone as a job's submitter.
fn user(accounts: &Accounts, name: &str) -> Record {
    let admin = if name == accounts.owner() { "Administrator" } else { "None" };
    Record::of(&[("User", name), ("Def Acct", accounts.default_of(name)), ("Admin", admin)])
}

/// Trackable resources, with Slurm's numbers.
fn tres() -> Vec<Record> {
    let all = [
        ("cpu", "", "1"),
        ("mem", "", "2"),
        ("energy", "", "3"),
        ("node", "", "4"),
        ("billing", "", "5"),
        ("fs", "disk", "6"),
        ("vmem", "", "7"),
        ("pages", "", "8"),
    ];
    all.iter().map(|(kind, name, id)| Record::of(&[("Type", kind), ("Name", name), ("ID", id)])).collect()
}
