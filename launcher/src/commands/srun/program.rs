//! Which file a program's name stands for, as srun finds it before its tasks start.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use prun_runtime::limits::SCRIPT_BYTES_MAX;
use serde_bytes::ByteBuf;

use super::line::Component;
use super::refused::Refused;
use crate::controller::api::StepPart;
use crate::fanout::launch::Programs;
use crate::fanout::multi_prog::{MultiProg, MultiProgError};
use crate::layout::plan::Plan;

/// A program's path: `./x` against the tasks' working directory, `a/x` and `/a/x` as written, `x` where it is found
/// on the path; a name that is not found stays, for the node to look for.
pub(super) fn find(name: &ByteBuf, cwd: &Path, path: Option<&OsStr>) -> ByteBuf {
    if name.first() == Some(&b'.') {
        return bytes(cwd.as_os_str().as_bytes().iter().chain(b"/").chain(name.iter()).copied().collect());
    }
    if name.contains(&b'/') || name.is_empty() {
        return name.clone();
    }
    let file = OsStr::from_bytes(name);
    let places = path.map(std::env::split_paths).into_iter().flatten();
    places
        .map(|place| place.join(file))
        .find(|found| {
            let whole = cwd.join(found);
            whole.is_file() && rustix::fs::access(&whole, rustix::fs::Access::EXEC_OK).is_ok()
        })
        .map_or_else(|| name.clone(), |found| bytes(found.into_os_string().into_vec()))
}

fn bytes(bytes: Vec<u8>) -> ByteBuf {
    ByteBuf::from(bytes)
}

/// The file of `--multi-prog`.
pub(super) fn read_multi_prog(argv: &[ByteBuf]) -> Result<MultiProg, Refused> {
    let name = file_name(argv);
    let unreadable = || Refused::error(&format!("Could not open multi_prog config file {name}"));
    let path = PathBuf::from(OsString::from_vec(argv[0].to_vec()));
    let size = std::fs::metadata(&path).map_err(|_| unreadable())?.len();
    if size > SCRIPT_BYTES_MAX as u64 {
        return Err(Refused::error(&format!("multi_prog config file {name} is too large")));
    }
    let text = std::fs::read(&path).map_err(|_| unreadable())?;
    MultiProg::parse(&String::from_utf8_lossy(&text)).map_err(|error| multi_prog_failed(argv, &error))
}

/// What is wrong with the file of `--multi-prog`.
pub(super) fn multi_prog_failed(argv: &[ByteBuf], error: &MultiProgError) -> Refused {
    Refused::errors(&error.lines(&file_name(argv)))
}

/// Programs by rank; words after the file's name are appended to each.
pub(super) fn by_rank(
    file: &MultiProg,
    argv: &[ByteBuf],
    size: u32,
    find: &dyn Fn(&ByteBuf) -> ByteBuf,
) -> Result<Programs, Refused> {
    let programs = file.programs(size).map_err(|error| multi_prog_failed(argv, &error))?;
    let of = |words: Vec<String>| {
        let mut words: Vec<ByteBuf> = words.into_iter().map(ByteBuf::from).collect();
        words[0] = find(&words[0]);
        words.extend(argv[1..].iter().cloned());
        words
    };
    Ok(Programs::ByRank(programs.into_iter().map(of).collect()))
}

/// Programs of components, each for its ranks after those before it.
pub(super) fn side_by_side(
    size: u32,
    first: &[ByteBuf],
    more: &[Component],
    find: &dyn Fn(&ByteBuf) -> ByteBuf,
) -> Programs {
    let of = |argv: &[ByteBuf]| {
        let mut argv = argv.to_vec();
        argv[0] = find(&argv[0]);
        argv
    };
    let behind: u32 = more.iter().map(|part| part.ranks).sum();
    let mut programs = vec![of(first); size.saturating_sub(behind) as usize];
    for part in more {
        programs.extend(vec![of(&part.argv); part.ranks as usize]);
    }
    // A plan has as many ranks as were asked for; one with fewer has no place for the last programs.
    programs.truncate(size as usize);
    Programs::ByRank(programs)
}

/// Programs of a step over several components, each for the ranks of its part.
pub(super) fn of_parts<'a>(
    parts: &[StepPart],
    programs: impl Iterator<Item = &'a [ByteBuf]>,
    find: &dyn Fn(&ByteBuf) -> ByteBuf,
) -> Programs {
    let of_part = |(part, argv): (&StepPart, &[ByteBuf])| {
        let mut argv = argv.to_vec();
        argv[0] = find(&argv[0]);
        vec![argv; part.ranks as usize]
    };
    Programs::ByRank(parts.iter().zip(programs).flat_map(of_part).collect())
}

/// A program that has another path on each node.
pub(super) fn on_nodes(plan: &Plan, argv: &[ByteBuf], paths: &[ByteBuf]) -> Programs {
    let mut by_rank = vec![argv.to_vec(); plan.size() as usize];
    for (node, path) in plan.nodes.iter().zip(paths) {
        node.tasks.iter().for_each(|task| by_rank[task.rank as usize][0].clone_from(path));
    }
    Programs::ByRank(by_rank)
}

fn file_name(argv: &[ByteBuf]) -> String {
    String::from_utf8_lossy(&argv[0]).into_owned()
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::{JobId, StepId, StepKey};

    use super::*;
    use crate::layout::plan::{NodePlan, TaskPlan};

    #[test]
    fn names_are_found_as_srun_does() {
        let cwd = Path::new("/tmp");
        let found = |name: &str, path: &str| {
            let found = find(&ByteBuf::from(name), cwd, Some(OsStr::new(path)));
            String::from_utf8(found.into_vec()).unwrap()
        };
        assert_eq!(found("./x", ""), "/tmp/./x");
        assert_eq!(found("../x", ""), "/tmp/../x");
        assert_eq!(found("d/x", "/bin"), "d/x");
        assert_eq!(found("sh", "/no-such:/bin"), "/bin/sh");
        assert_eq!(found("no-such-program", "/bin"), "no-such-program");
    }

    #[test]
    fn components_follow_one_another() {
        let part = Component { ranks: 2, argv: vec![ByteBuf::from("b")] };
        let programs = side_by_side(3, &[ByteBuf::from("a")], &[part], &ByteBuf::clone);
        let expected = ["a", "b", "b"].map(|word| vec![ByteBuf::from(word)]);
        assert_eq!(programs, Programs::ByRank(expected.to_vec()));
    }

    #[test]
    fn each_part_of_a_step_has_its_program() {
        let key = |job| StepKey { job: JobId(job), step: StepId(0) };
        let parts = [StepPart { key: key(7), ranks: 2 }, StepPart { key: key(8), ranks: 1 }];
        let (a, b) = ([ByteBuf::from("a")], [ByteBuf::from("b"), ByteBuf::from("x")]);
        let programs = of_parts(&parts, [&a[..], &b[..]].into_iter(), &ByteBuf::clone);
        assert_eq!(programs, Programs::ByRank(vec![a.to_vec(), a.to_vec(), b.to_vec()]));
    }

    #[test]
    fn each_node_runs_its_own_copy() {
        let task = |rank| TaskPlan { rank, cpus: Vec::new(), gres: Vec::new() };
        let node = |ranks: &[u32]| NodePlan {
            tasks: ranks.iter().copied().map(task).collect(),
            ..NodePlan::default()
        };
        let plan = Plan { nodes: vec![node(&[0, 2]), node(&[1])] };
        let words = |words: &[&str]| words.iter().map(|word| ByteBuf::from(*word)).collect::<Vec<_>>();
        let Programs::ByRank(programs) = on_nodes(&plan, &words(&["p", "x"]), &words(&["/c_n1", "/c_n2"]))
        else {
            panic!()
        };
        assert_eq!(programs, [words(&["/c_n1", "x"]), words(&["/c_n2", "x"]), words(&["/c_n1", "x"])]);
    }

    #[test]
    fn words_after_the_file_go_to_every_program() {
        let file = MultiProg::parse("0 a\n1 b %t").unwrap();
        let argv = ["file", "x"].map(ByteBuf::from);
        let upper = |name: &ByteBuf| ByteBuf::from(name.to_ascii_uppercase());
        let Ok(Programs::ByRank(programs)) = by_rank(&file, &argv, 2, &upper) else { panic!() };
        assert_eq!(
            programs,
            [vec!["A", "x"], vec!["B", "1", "x"]]
                .map(|p| p.into_iter().map(ByteBuf::from).collect::<Vec<_>>())
        );
    }
}
