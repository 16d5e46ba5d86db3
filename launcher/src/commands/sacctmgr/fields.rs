//! What `sacctmgr` can show of its entities (`sacctmgr(1)`, list/show options).

use super::entities::Record;

/// One column.
#[derive(Debug)]
pub struct Field {
    /// Its head, by which records know its value too.
    pub header: &'static str,
    /// Its width; negative is to the left.
    pub width: i32,
    /// Its name in `format=`, where that is not its head.
    name: &'static str,
}

impl Field {
    /// Its text: nothing where the record has none.
    #[must_use]
    pub fn value(&self, record: &Record) -> String {
        record.get(self.header).to_owned()
    }

    fn is(&self, name: &str) -> bool {
        let own = if self.name.is_empty() { self.header } else { self.name };
        own.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase())
    }
}

/// The column with this head.
#[must_use]
pub fn with_header(header: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.header == header)
}

/// The column of this name, in any case and at least its first letters.
#[must_use]
pub fn find(name: &str) -> Option<&'static Field> {
    let alias = ALIASES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, header)| *header);
    match alias {
        Some(header) => with_header(header),
        None if name.is_empty() => None,
        None => FIELDS.iter().find(|field| field.is(name)),
    }
}

/// Names that are no beginning of a column's.
const ALIASES: &[(&str, &str)] = &[
    ("acct", "Account"),
    ("description", "Descr"),
    ("organization", "Org"),
    ("fairshare", "Share"),
    ("grpsubmitjobs", "GrpSubmit"),
    ("maxsubmitjobs", "MaxSubmit"),
    ("maxtresperjob", "MaxTRES"),
    ("maxwalldurationperjob", "MaxWall"),
    ("parent", "ParentName"),
];

const fn field(header: &'static str, width: i32) -> Field {
    Field { header, width, name: "" }
}

const fn named(header: &'static str, width: i32, name: &'static str) -> Field {
    Field { header, width, name }
}

static FIELDS: &[Field] = &[
    field("Account", 10),
    field("Action", 20),
    field("Actor", 10),
    named("Admin", 9, "AdminLevel"),
    field("Cluster", 10),
    field("ControlHost", 15),
    field("ControlPort", 12),
    field("Count", 6),
    named("Def Acct", 10, "DefaultAccount"),
    named("Def QOS", 9, "DefaultQOS"),
    named("Def WCKey", 10, "DefaultWCKey"),
    field("Descr", 20),
    field("Federation", 10),
    field("Flags", 40),
    field("GraceTime", 10),
    field("GrpCPUMins", 11),
    field("GrpCPUs", 8),
    field("GrpJobs", 7),
    field("GrpMem", 7),
    field("GrpNodes", 8),
    field("GrpSubmit", 9),
    field("GrpTRES", 13),
    field("GrpTRESMins", 13),
    field("GrpTRESRunMins", 13),
    field("GrpWall", 11),
    field("ID", 6),
    field("Info", 20),
    field("MaxCPUMins", 11),
    field("MaxCPUs", 8),
    field("MaxJobs", 7),
    field("MaxJobsPA", 9),
    field("MaxJobsPU", 9),
    field("MaxNodes", 8),
    field("MaxSubmit", 9),
    field("MaxSubmitPA", 9),
    field("MaxSubmitPU", 9),
    field("MaxTRES", 13),
    field("MaxTRESMins", 13),
    field("MaxTRESPA", 13),
    field("MaxTRESPerNode", 14),
    field("MaxTRESPU", 13),
    field("MaxWall", 11),
    field("MinTRES", 13),
    field("Name", 10),
    field("NodeName", 15),
    field("Org", 20),
    field("ParentName", 10),
    field("Partition", 10),
    field("Preempt", 10),
    field("PreemptExemptTime", 19),
    field("PreemptMode", 11),
    field("Priority", 10),
    field("Problem", 40),
    field("QOS", 20),
    field("Reason", 30),
    field("RPC", 5),
    field("Server", 10),
    field("Share", 9),
    field("State", 6),
    field("Time", 19),
    field("TimeEnd", 19),
    field("TimeStart", 19),
    field("TRES", 30),
    field("Type", 8),
    field("UsageFactor", 11),
    field("UsageThres", 10),
    field("User", 10),
    field("WCKey", 10),
    field("Where", 20),
];

#[cfg(test)]
mod tests {
    use super::super::entities::Entity;
    use super::*;

    #[test]
    fn columns_have_names_beside_their_heads() {
        for (name, header) in [
            ("user", "User"),
            ("DefaultAccount", "Def Acct"),
            ("defaultqos", "Def QOS"),
            ("admin", "Admin"),
            ("descr", "Descr"),
            ("Description", "Descr"),
            ("fairshare", "Share"),
            ("accou", "Account"),
            ("grptresrunm", "GrpTRESRunMins"),
        ] {
            assert_eq!(find(name).map(|field| field.header), Some(header), "{name}");
        }
        for entity in ["user", "account", "assoc", "cluster", "qos", "tres", "event"] {
            let columns = Entity::find(entity).unwrap().columns(true);
            columns.for_each(|header| assert!(with_header(header).is_some(), "{header}"));
        }
        assert!(find("foo").is_none() && find("").is_none());
    }
}
