//! The words of `scontrol`, which users may shorten (`scontrol(1)`, commands).

/// The word of a table that is written, or begins so and has at least its least number of letters.
fn find<T: Copy>(table: &[(&'static str, usize, T)], written: &str) -> Option<T> {
    let written = written.to_ascii_lowercase();
    let fits = |(name, least, _): &&(&'static str, usize, T)| {
        name.starts_with(&written) && (written.len() >= *least || *name == written)
    };
    table.iter().find(fits).map(|(_, _, meaning)| *meaning)
}

/// What `scontrol` is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// `show ENTITY [ID]`.
    Show,
    /// `update KEY=VALUE …`.
    Update,
    /// `hold`, `release` and their kin.
    Act(crate::controller::api::Action),
    /// `ping`.
    Ping,
    /// `version`.
    Version,
    /// `help`.
    Help,
    /// `wait_job`.
    WaitJob,
    /// `write batch_script`.
    Write,
    /// `token`.
    Token,
    /// `completing`.
    Completing,
    /// `shutdown`.
    Shutdown,
    /// `reconfigure`.
    Reconfigure,
    /// `all`, `details`, `hide`, `oneliner`, `quiet`, `verbose`: settings for what follows.
    Setting,
    /// `exit`, `quit`.
    Exit,
    /// What Slurm has and prun has not.
    Missing(&'static str),
}

impl Keyword {
    /// The keyword meant.
    #[must_use]
    pub fn find(written: &str) -> Option<Self> {
        use crate::controller::api::Action;
        const TABLE: &[(&str, usize, Keyword)] = &[
            ("show", 3, Keyword::Show),
            ("update", 1, Keyword::Update),
            ("hold", 4, Keyword::Act(Action::Hold)),
            ("holdu", 5, Keyword::Act(Action::UserHold)),
            ("uhold", 5, Keyword::Act(Action::UserHold)),
            ("release", 3, Keyword::Act(Action::Release)),
            ("requeue", 3, Keyword::Act(Action::Requeue)),
            ("requeuehold", 8, Keyword::Act(Action::RequeueHold)),
            ("resume", 3, Keyword::Act(Action::Resume)),
            ("suspend", 2, Keyword::Act(Action::Suspend)),
            ("top", 3, Keyword::Act(Action::Top)),
            ("ping", 3, Keyword::Ping),
            ("version", 4, Keyword::Version),
            ("help", 2, Keyword::Help),
            ("wait_job", 2, Keyword::WaitJob),
            ("write", 5, Keyword::Write),
            ("completing", 2, Keyword::Completing),
            ("shutdown", 8, Keyword::Shutdown),
            ("reconfigure", 3, Keyword::Reconfigure),
            ("all", 3, Keyword::Setting),
            ("details", 1, Keyword::Setting),
            ("hide", 2, Keyword::Setting),
            ("oneliner", 1, Keyword::Setting),
            ("quiet", 4, Keyword::Setting),
            ("verbose", 4, Keyword::Setting),
            ("exit", 1, Keyword::Exit),
            ("quit", 4, Keyword::Exit),
            ("abort", 5, Keyword::Missing("abort")),
            ("cancel_reboot", 3, Keyword::Missing("cancel_reboot")),
            ("cluster", 2, Keyword::Missing("cluster")),
            ("create", 2, Keyword::Missing("create")),
            ("delete", 3, Keyword::Missing("delete")),
            ("errnumstr", 2, Keyword::Missing("errnumstr")),
            ("fsdampeningfactor", 3, Keyword::Missing("fsdampeningfactor")),
            ("getaddrs", 4, Keyword::Missing("getaddrs")),
            ("listjobs", 5, Keyword::Missing("listjobs")),
            ("listpids", 5, Keyword::Missing("listpids")),
            ("liststeps", 5, Keyword::Missing("liststeps")),
            ("notify", 1, Keyword::Missing("notify")),
            ("pidinfo", 3, Keyword::Missing("pidinfo")),
            ("power", 3, Keyword::Missing("power")),
            ("reboot", 3, Keyword::Missing("reboot")),
            ("schedloglevel", 3, Keyword::Missing("schedloglevel")),
            ("setdebug", 2, Keyword::Missing("setdebug")),
            ("setdebugflags", 9, Keyword::Missing("setdebugflags")),
            ("takeover", 8, Keyword::Missing("takeover")),
            ("token", 2, Keyword::Token),
        ];
        find(TABLE, written)
    }
}

/// What `scontrol show` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// Jobs.
    Job,
    /// Steps.
    Step,
    /// Nodes.
    Node,
    /// Partitions.
    Partition,
    /// The configuration.
    Config,
    /// A hostlist.
    Hosts(super::show_hosts::Form),
    /// Daemons of this machine.
    Daemons,
    /// There never is one, and this is what Slurm says then.
    None(&'static str),
    /// The same, on stderr.
    Error(&'static str),
    /// What Slurm has and prun has not.
    Missing(&'static str),
}

impl Entity {
    /// The entity meant.
    #[must_use]
    pub fn find(written: &str) -> Option<Self> {
        use super::show_hosts::Form;
        const TABLE: &[(&str, usize, Entity)] = &[
            ("jobs", 1, Entity::Job),
            ("jobid", 4, Entity::Job),
            ("steps", 2, Entity::Step),
            ("nodes", 1, Entity::Node),
            ("nodename", 5, Entity::Node),
            ("partitions", 1, Entity::Partition),
            ("partitionname", 10, Entity::Partition),
            ("config", 1, Entity::Config),
            ("hostnames", 5, Entity::Hosts(Form::Names)),
            ("hostlist", 5, Entity::Hosts(Form::List)),
            ("hostlistsorted", 9, Entity::Hosts(Form::Sorted)),
            ("daemons", 1, Entity::Daemons),
            ("aliases", 1, Entity::None("")),
            ("burstbuffer", 2, Entity::None("")),
            ("bbstat", 2, Entity::None("")),
            ("dwstat", 2, Entity::None("")),
            ("federations", 1, Entity::None("")),
            ("frontends", 2, Entity::None("No nodes in the system\n")),
            ("licenses", 2, Entity::None("No licenses configured in Slurm.\n")),
            ("reservations", 1, Entity::None("No reservations in the system\n")),
            ("topology", 1, Entity::Error("scontrol: error: No topology information available")),
            ("assoc_mgr", 2, Entity::Missing("assoc_mgr")),
            ("slurmd", 2, Entity::Missing("slurmd")),
        ];
        find(TABLE, written)
    }
}

#[cfg(test)]
mod tests {
    use super::super::show_hosts::Form;
    use super::*;
    use crate::controller::api::Action;

    #[test]
    fn words_may_be_shortened() {
        for (written, keyword) in [
            ("show", Keyword::Show),
            ("sho", Keyword::Show),
            ("hold", Keyword::Act(Action::Hold)),
            ("holdu", Keyword::Act(Action::UserHold)),
            ("requeue", Keyword::Act(Action::Requeue)),
            ("requeuehold", Keyword::Act(Action::RequeueHold)),
            ("UPDATE", Keyword::Update),
            ("res", Keyword::Act(Action::Resume)),
        ] {
            assert_eq!(Keyword::find(written), Some(keyword), "{written}");
        }
        assert_eq!(Keyword::find("foo"), None);
        assert_eq!(Keyword::find(""), None);
        for (written, entity) in [
            ("job", Entity::Job),
            ("j", Entity::Job),
            ("node", Entity::Node),
            ("partition", Entity::Partition),
            ("hostname", Entity::Hosts(Form::Names)),
            ("hostn", Entity::Hosts(Form::Names)),
            ("hostlist", Entity::Hosts(Form::List)),
            ("hostlists", Entity::Hosts(Form::Sorted)),
        ] {
            assert_eq!(Entity::find(written), Some(entity), "{written}");
        }
        assert_eq!(Entity::find("h"), None);
    }
}
