//! What `sbatch`, `salloc` and `srun` settle by themselves before they ask for a job, and what they say about it.

use crate::layout::demand::{Demand, each_once, per_node_ignored, too_many_named};
use crate::layout::is_arbitrary;
use crate::script::mistake::Mistake;
use crate::script::options::{Command, Request};

/// Settles a request; gives the lines that the user should read, without warnings where they are not wanted.
///
/// # Errors
/// A [`Mistake`] in Slurm's words: nodes that contradict one another.
pub fn settle(command: Command, request: &mut Request) -> Result<Vec<String>, Mistake> {
    let name = command.name();
    let job = &mut request.job;
    if is_arbitrary(job) && job.nodelist.is_empty() {
        let text =
            "With Arbitrary distribution you need to specify a nodelist or hostfile with the -w option";
        return Err(Mistake::line(command, text, 1));
    }
    let mut said = Vec::new();
    if command == Command::Srun {
        let named = each_once(&job.nodelist);
        if let Some((_, most)) = job.nodes.filter(|(_, most)| named.len() as u64 > u64::from(*most)) {
            said.push(format!("{name}: error: {}", too_many_named(named.len() as u32, most)));
            job.nodelist = named.into_iter().take(most as usize).collect();
        }
        if let (Some((nodes, _)), Some(tasks), Some(per_node)) = (job.nodes, job.ntasks, job.ntasks_per_node)
            && per_node != tasks / nodes.max(1)
        {
            if tasks > per_node {
                said.push(format!("{name}: warning: {}", per_node_ignored(per_node, tasks, nodes)));
            }
            job.ntasks_per_node = None;
        }
    }
    // What is wrong with the components before it, the controller says.
    let earlier =
        request.earlier.iter().filter_map(|job| Demand::of(job).ok()).flat_map(|demand| demand.warnings);
    said.extend(earlier.map(|line| format!("{name}: warning: {line}")));
    let demand = Demand::of(job).map_err(|refusal| Mistake::line(command, &refusal.detail.join(" "), 1))?;
    said.extend(demand.warnings.iter().map(|line| format!("{name}: warning: {line}")));
    said.retain(|line| !request.flags.quiet || line.contains(": error: "));
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::read_line;

    fn settled(command: Command, line: &str) -> Result<(Request, Vec<String>), Mistake> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut request, _) = read_line(command, &words, &|_| None)?;
        let said = settle(command, &mut request)?;
        Ok((request, said))
    }

    #[test]
    fn fewer_nodes_than_asked_for_are_told_of() {
        for (command, name) in
            [(Command::Sbatch, "sbatch"), (Command::Salloc, "salloc"), (Command::Srun, "srun")]
        {
            let (_, said) = settled(command, "-N 3 -n 2").unwrap();
            let line = format!("{name}: warning: can't run 2 processes on 3 nodes, setting nnodes to 2");
            assert_eq!(said, [line]);
        }
        assert!(settled(Command::Srun, "-N 2 -n 3").unwrap().1.is_empty());
        assert!(settled(Command::Srun, "-Q -N 3 -n 2").unwrap().1.is_empty());
    }

    #[test]
    fn srun_goes_on_where_sbatch_refuses() {
        let (request, said) = settled(Command::Srun, "-w b,a -N 1").unwrap();
        assert_eq!(request.job.nodelist, ["b"]);
        assert!(said[0].starts_with("srun: error: Required nodelist includes more nodes"), "{said:?}");
        let mistake = settled(Command::Sbatch, "-w b,a -N 1").unwrap_err();
        assert_eq!(mistake.slurm, ["sbatch: error: invalid number of nodes (-N 2-1)"]);
    }

    #[test]
    fn srun_counts_tasks_a_node_only_where_they_fit_the_number() {
        let (request, said) = settled(Command::Srun, "-N 2 -n 3 --ntasks-per-node=2").unwrap();
        assert_eq!((request.job.ntasks_per_node, said.len()), (None, 1));
        let (request, said) = settled(Command::Srun, "-N 2 -n 4 --ntasks-per-node=2").unwrap();
        assert_eq!((request.job.ntasks_per_node, said.len()), (Some(2), 0));
        let (request, said) = settled(Command::Sbatch, "-N 2 -n 3 --ntasks-per-node=2").unwrap();
        assert_eq!((request.job.ntasks_per_node, said.len()), (Some(2), 0));
    }

    #[test]
    fn an_arbitrary_distribution_needs_places() {
        let mistake = settled(Command::Srun, "-n 2 -m arbitrary").unwrap_err();
        assert!(mistake.slurm[0].starts_with("srun: error: With Arbitrary distribution"));
        assert_eq!(mistake.exit_code, 1);
    }
}
