//! Whole files: what they mean, and what is said of their mistakes.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::controller::core::config::{EnforceLimits, NodeStart, OverSubscribe, PartitionState};
use crate::script::spec::Memory;

fn config(text: &str) -> Config {
    let source = Source::of(text);
    match read(&source, Config::default()) {
        Ok((config, _)) => config,
        Err(mistakes) => panic!("{}", mistakes.iter().map(|m| m.render(&source)).collect::<String>()),
    }
}

fn warnings(text: &str) -> Vec<String> {
    let source = Source::of(text);
    let (_, warnings) = read(&source, Config::default()).unwrap();
    warnings.iter().map(|warning| warning.line(&source)).collect()
}

/// Line, title and help of each.
fn mistakes(text: &str) -> Vec<(usize, String, String)> {
    let source = Source::of(text);
    let mistakes = read(&source, Config::default()).unwrap_err();
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    mistakes.into_iter().map(|m| (line(m.span.start), m.title, m.help)).collect()
}

const WHOLE: &str = r#"# A cluster
clustername=Blue   SlurmctldHost=head(10.0.0.1)   # two words in a line
AuthType=auth/munge
MinJobAge = 60
KillWait=5
FirstJobId=1000
MaxArraySize=5001
JobRequeue=0
EnforcePartLimits=ALL
DefMemPerCPU=100
GresTypes=gpu,nic

NodeName=DEFAULT Sockets=1 CoresPerSocket=4 ThreadsPerCore=2 \
         RealMemory=4000 Feature=all
NODENAME=n[1-2]
NodeName=n3 RealMemory=8000 Features=big,fast Gres=gpu:a100:2,nic Weight=7 TmpDisk=50 State=DOWN Reason="no disk"
NodeName=old CPUs=3 Sockets=3 CoresPerSocket=1 ThreadsPerCore=1

PartitionName=DEFAULT State=UP MaxTime=1-0
PartitionName=all Nodes=ALL Default=YES
PartitionName=big Nodes=n[2-3],n2 MaxTime=INFINITE DefaultTime=30 MinNodes=1 MaxNodes=2 DefMemPerNode=500 \
  MaxMemPerNode=6G PriorityTier=5 OverSubscribe=EXCLUSIVE State=drain
"#;

#[test]
fn a_whole_file_is_read() {
    let config = config(WHOLE);
    assert_eq!((config.cluster.as_str(), config.host.as_str()), ("blue", "head"));
    let numbers = (config.min_job_age_secs, config.kill_wait_secs, config.first_job, config.max_array_size);
    assert_eq!(numbers, (60, 5, Some(1000), 5001));
    assert_eq!((config.job_requeue, config.enforce_limits), (false, EnforceLimits::All));
    let shapes: Vec<_> =
        config.nodes.iter().map(|n| (n.name.as_str(), n.cpus, n.topology, n.memory_mb.unwrap())).collect();
    assert_eq!(
        shapes,
        [
            ("n1", 8, (1, 4, 2), 4000),
            ("n2", 8, (1, 4, 2), 4000),
            ("n3", 8, (1, 4, 2), 8000),
            ("old", 3, (3, 1, 1), 4000)
        ]
    );
    let n3 = &config.nodes[2];
    assert_eq!((n3.features.join(","), n3.weight, n3.tmp_mb), ("big,fast".to_owned(), 7, 50));
    assert_eq!(n3.gres, [("gpu:a100".to_owned(), 2), ("nic".to_owned(), 1)]);
    assert_eq!((n3.start, n3.reason.as_deref()), (NodeStart::Down, Some("no disk")));
    assert_eq!(config.nodes[0].features, ["all"]);
    let [all, big] = config.partitions.as_slice() else { panic!("{:?}", config.partitions) };
    assert_eq!((all.nodes.as_ref(), all.is_default, all.max_time), (None, true, Some(1440)));
    assert_eq!(all.default_memory, Some(Memory::PerCpu(100)));
    assert_eq!(big.nodes.as_deref(), Some(&["n2".to_owned(), "n3".to_owned()][..]));
    assert_eq!((big.max_time, big.default_time, big.min_nodes, big.max_nodes), (None, Some(30), 1, Some(2)));
    assert_eq!(
        (big.default_memory, big.max_memory),
        (Some(Memory::PerNode(500)), Some(Memory::PerNode(6144)))
    );
    assert_eq!((big.state, big.over_subscribe), (PartitionState::Drain, OverSubscribe::Exclusive));
    assert!(warnings(WHOLE).is_empty());
}

#[test]
fn what_the_topology_leaves_out_follows() {
    for (line, cpus, topology) in [
        ("", 1, (1, 1, 1)),
        ("CPUs=6", 6, (6, 1, 1)),
        ("Sockets=2 CoresPerSocket=3", 6, (2, 3, 1)),
        ("CPUs=8 Sockets=2", 8, (2, 4, 1)),
        ("CPUs=8 CoresPerSocket=4", 8, (2, 4, 1)),
        ("CPUs=8 ThreadsPerCore=2", 8, (4, 1, 2)),
        ("Boards=2 SocketsPerBoard=2 CoresPerSocket=4", 16, (4, 4, 1)),
        ("CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=2", 4, (1, 4, 1)),
    ] {
        let config = config(&format!("NodeName=n1 {line}\n"));
        assert_eq!((config.nodes[0].cpus, config.nodes[0].topology), (cpus, topology), "{line}");
    }
}

#[test]
fn every_mistake_says_where_it_is_and_what_to_do() {
    for (text, line, title, help) in [
        ("\nKillWait=soon\n", 2, "`soon` is no value for `KillWait`", "write a whole number from 0 on"),
        ("JobRequeue=2", 1, "`2` is no value for `JobRequeue`", "write a whole number from 0 to 1"),
        ("ClusterName=a/b", 1, "`a/b` is no value for `ClusterName`", "names are up to 40"),
        ("#\n\nNodeName=n[1-x]", 3, "`n[1-x]` is no list of nodes", "lists are written as in"),
        ("NodeName=n1\nNodeName=n1", 2, "the node `n1` is there twice", "name each node once"),
        ("NodeName=.n", 1, "`.n` can be no node's name", "letters, digits"),
        ("NodeName=n1 \\\n CPUs=0", 2, "`0` is no value for `CPUs`", "write a whole number from 1 to 65533"),
        ("NodeName=n1 CPUs=3 Sockets=2", 1, "3 CPUs of `n1` are not 2 sockets of 1 cores", "let `CPUs` be"),
        ("NodeName=n1 RealMemory=lots", 1, "`lots` is no value for `RealMemory`", "sizes are"),
        ("NodeName=n1 Gres=gpu:x:y:z", 1, "`gpu:x:y:z` is not of the form", "several are"),
        ("NodeName=n1 Gres=gpu:1", 1, "`gpu` is not in `GresTypes`", "add a line `GresTypes=gpu`"),
        ("NodeName=n1 State=BUSY", 1, "`BUSY` is no value for `State`", "write `UNKNOWN`"),
        (
            "NodeName=n1\nPartitionName=p Nodes=n[1-2]",
            2,
            "the partition `p` has a node `n2`",
            "add a line `NodeName=n2",
        ),
        ("PartitionName=p\nPartitionName=p", 2, "the partition `p` is there twice", "put all"),
        ("PartitionName=p MaxTime=1:2:3:4", 1, "`1:2:3:4` is no value for `MaxTime`", "times are"),
        ("PartitionName=p State=ON", 1, "`ON` is no value for `State`", "write `UP`, `DOWN`"),
        ("PartitionName=p OverSubscribe=EXCLUSIVE:2", 1, "`EXCLUSIVE:2` is no value", "write `NO`"),
        ("Include", 1, "`Include` without a file", "write `Include PATH`"),
        ("KillWait=5 seconds", 1, "`seconds` is not of the form KEY=VALUE", "a value with blanks"),
        ("NodeName=n1 Reason=\"no\nNodeName=n2", 1, "a quote without its partner", "write `KEY="),
    ] {
        let found = mistakes(text);
        let [(at, what, hint)] = found.as_slice() else { panic!("{text}: {found:?}") };
        assert!(
            *at == line && what.starts_with(title) && hint.starts_with(help),
            "{text}: {at} {what} / {hint}"
        );
    }
}

#[test]
fn mistakes_come_all_at_once_and_point_at_themselves() {
    let text = "KillWait=x\nNodeName=n1 CPUs=y\n";
    assert_eq!(mistakes(text).len(), 2);
    let source = Source::of(text);
    let rendered = read(&source, Config::default()).unwrap_err()[1].render(&source);
    assert!(
        rendered.contains("slurm.conf:2:18") && rendered.contains("help: write a whole number"),
        "{rendered}"
    );
}

#[test]
fn keys_without_effect_are_warned_of_only_where_jobs_would_miss_them() {
    for (text, expected) in [
        ("SlurmctldPort=6817\nSchedulerType=sched/backfill", ""),
        ("\nProlog=/etc/prolog", "slurm.conf:2: `Prolog` is not done by prun; passed over"),
        ("Prolog=none\nOverTimeLimit=0", ""),
        (
            "MinJobage=5\nMinJobAges=5",
            "slurm.conf:2: unknown key `MinJobAges`; passed over (did you mean `MinJobAge`?)",
        ),
        ("NodeName=n1 Colour=blue", "slurm.conf:1: unknown key `Colour`; passed over"),
        ("PartitionName=p AllowGroups=ALL", ""),
        ("PartitionName=p AllowGroups=staff", "slurm.conf:1: `AllowGroups` is not done by prun; passed over"),
        ("NodeName=n1\nNodeName=c[1-2] State=CLOUD", "slurm.conf:2: `c[1-2]` is only to come; passed over"),
        ("MaxJobCount=9000000", "slurm.conf:1: `MaxJobCount` is taken as 100000, the most that prun keeps"),
        ("PartitionName=p Shared=FORCE", "slurm.conf:1: `Shared`: jobs get CPUs of their own all the same"),
    ] {
        assert_eq!(warnings(text).join("\n"), expected, "{text}");
    }
    let two = "PartitionName=a Default=YES\nPartitionName=b Default=YES";
    assert_eq!(warnings(two), ["slurm.conf:2: the default partition is `b`, no longer `a`"]);
    assert_eq!(config(two).partitions.iter().filter(|p| p.is_default).count(), 1);
}

fn disk<'a>(files: &'a [(&'a str, &'a str)]) -> impl FnMut(&Path) -> io::Result<String> + 'a {
    let files: HashMap<PathBuf, &str> =
        files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    move |path: &Path| files.get(path).map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
}

#[test]
fn included_files_stand_in_their_place() {
    let files = [
        ("/etc/slurm.conf", "NodeName=n1\nInclude parts/more # those\nPartitionName=p Nodes=n[1-2]\n"),
        ("/etc/parts/more", "include /etc/last\nNodeName=n2 CPUs=x"),
        ("/etc/last", "KillWait=9"),
    ];
    let source = Source::load(Path::new("/etc/slurm.conf"), &mut disk(&files)).unwrap();
    assert_eq!(
        source.text(),
        "NodeName=n1\nKillWait=9\n\nNodeName=n2 CPUs=x\n # those\nPartitionName=p Nodes=n[1-2]\n"
    );
    let wrong = read(&source, Config::default()).unwrap_err();
    assert!(wrong[0].render(&source).contains("/etc/parts/more:2:18"));
    let missing = Source::load(Path::new("/etc/slurm.conf"), &mut disk(&files[..2])).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the configuration `/etc/last`");
    let circle = [("/a", "Include /a")];
    let error = Source::load(Path::new("/a"), &mut disk(&circle)).unwrap_err();
    assert!(matches!(error, SourceError::TooMany { .. }));
}

#[test]
fn the_file_of_the_conformance_cases_is_read() {
    let text = "ClusterName=conformance\nMinJobAge=300\nKillWait=3\n\
        NodeName=slurmnode[1-3] CPUs=2 Sockets=2 CoresPerSocket=1 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN\n\
        PartitionName=slurmpar Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n\
        PartitionName=debug Nodes=slurmnode1 MaxTime=30:00 State=UP\n";
    let config = config(text);
    assert_eq!(
        (config.nodes.len(), config.partitions.len(), config.partitions[1].max_time),
        (3, 2, Some(30))
    );
    assert!(warnings(text).is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(NodeName|Include|PartitionName|CPUs|Nodes|Gres|[ -~=\\\\\"#\n\té]){0,40}") {
        let mut read_none = |path: &Path| match path.to_str() {
            Some("x") => Ok(text.clone()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        if let Ok(source) = Source::load(Path::new("x"), &mut read_none) {
            match read(&source, Config::default()) {
                Ok((_, warnings)) => warnings.iter().for_each(|warning| drop(warning.line(&source))),
                Err(mistakes) => mistakes.iter().for_each(|mistake| drop(mistake.render(&source))),
            }
        }
    }
}
