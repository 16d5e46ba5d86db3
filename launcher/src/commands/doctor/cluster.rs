//! The cluster: its controller, its key, its nodes and their clocks.

use std::env;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use prun_runtime::env::{CONTROLLER, KEY};
use prun_runtime::net::address::Address;
use prun_runtime::net::key::Key;

use super::finding::Finding;
use crate::commands::http::said;
use crate::commands::states::node_flags;
use crate::controller::api::{NodeView, Reply, Request};
use crate::controller::client::{self, Client, ClientError};
use crate::daemon::home::Home;

/// Seconds that clocks may differ before times of jobs look wrong to people.
const CLOCK_SECS_MAX: f64 = 2.0;

/// Its nodes, as far as there are any: what the other rooms look at. Blocks.
pub(super) fn look(home: &Home, named: bool, findings: &mut Vec<Finding>) -> Vec<NodeView> {
    let address = if named { Ok(home.controller().address()) } else { client::address() };
    let address = match address {
        Ok(address) => address,
        Err(ClientError::NoController) => {
            let text = "no cluster is configured: `prun job.sh` needs none, `sbatch` and the like outside of a job do";
            findings.push(Finding::note("controller", text, "eval \"$(prun up)\" starts one"));
            return Vec::new();
        }
        Err(error) => {
            findings.push(Finding::bad("controller", said(&error), error.help()));
            return Vec::new();
        }
    };
    findings.extend(key(&address, home));
    let asked = Client::connect_to(&address).and_then(|mut client| {
        let pong = client.call(Request::Ping)?;
        Ok((pong, client.call(Request::Nodes)?))
    });
    match asked {
        Ok((Reply::Pong { host }, Reply::Nodes(nodes))) => {
            findings.push(Finding::good("controller", format!("answers at `{address}` on {host}")));
            findings.push(of_nodes(&nodes));
            findings.extend(clocks(&nodes, &address));
            nodes
        }
        Ok(_) => {
            let cure = "is it of this version of prun?";
            findings.push(Finding::bad("controller", "it answers something else than was asked", cure));
            Vec::new()
        }
        Err(error) => {
            findings.push(Finding::bad("controller", said(&error), error.help()));
            Vec::new()
        }
    }
}

/// The key that links over the network need; without a network only a broken one is told of.
fn key(address: &Address, home: &Home) -> Option<Finding> {
    let path = env::var_os(KEY).map_or_else(|| home.key(), Into::into);
    let networked = matches!(address, Address::Tcp { .. });
    match Key::read(&path) {
        Ok(_) => Some(Finding::good("key", format!("`{}` is yours alone", path.display()))),
        Err(error) if error.is_missing() && !networked => None,
        Err(error) => {
            let cure = format!(
                "copy the file `key` of the controller's directory to `{0}` and `chmod 600 {0}`; `{KEY}` names another place",
                path.display()
            );
            Some(Finding::bad("key", said(&error), cure))
        }
    }
}

fn of_nodes(nodes: &[NodeView]) -> Finding {
    let away: Vec<String> = nodes
        .iter()
        .filter(|node| !node.up || node.down)
        .map(|node| format!("{} ({})", node.facts.name, node_flags(node)))
        .collect();
    match (nodes.len(), away.len()) {
        (0, _) => Finding::bad(
            "nodes",
            "the cluster has none",
            format!(
                "`prun node --controller ADDRESS --listen 0.0.0.0:6818` on a host lets it join; is `{CONTROLLER}` right?"
            ),
        ),
        (all, 0) => Finding::good("nodes", format!("{all} up")),
        (all, gone) => Finding::bad(
            "nodes",
            format!("{gone} of {all} are down: {}", away.join(", ")),
            "`prun up` starts those of this machine that do not run; their `log` says why; `scontrol update nodename=N \
             state=resume` takes back what was set",
        ),
    }
}

/// Nodes of other hosts are asked for their time by a step on all of them, which waits for nobody.
fn clocks(nodes: &[NodeView], controller: &Address) -> Option<Finding> {
    let up = nodes.iter().filter(|node| node.up && !node.down && !node.drain);
    let far = up.filter(|node| node.facts.address.starts_with("tcp://")).count();
    if far == 0 {
        // All of them live on this machine's clock.
        return None;
    }
    let mut command = Command::new(env::current_exe().ok()?);
    command.args(["srun", "--immediate=1", "--overcommit", "--label", "--ntasks-per-node=1"]);
    command.arg(format!("--nodes={far}")).args(["date", "+%s.%N"]).env(CONTROLLER, controller.to_string());
    command.env_remove(prun_runtime::env::SOCKET).stdin(Stdio::null()).stderr(Stdio::null());
    let before = now();
    let output = command.output().ok()?;
    let after = now();
    if !output.status.success() {
        let text = "not compared: the nodes are busy, or a step on all of them fails";
        return Some(Finding::note("clocks", text, "ask again when `squeue` is empty"));
    }
    Some(judge(&String::from_utf8_lossy(&output.stdout), before, after))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// What labelled times say that were taken between two moments of this machine.
fn judge(output: &str, before: f64, after: f64) -> Finding {
    let times = output.lines().filter_map(|line| {
        let (rank, time) = line.split_once(':')?;
        Some((rank.trim().to_owned(), time.trim().parse::<f64>().ok()?))
    });
    let off = |time: f64| (before - time).max(time - after).max(0.0);
    let worst = times.map(|(rank, time)| (rank, off(time))).max_by(|a, b| a.1.total_cmp(&b.1));
    match worst {
        Some((rank, off)) if off > CLOCK_SECS_MAX => Finding::bad(
            "clocks",
            format!(
                "the clock of a node (rank {rank} of a step on all) is off by {off:.0} s: times of jobs are wrong"
            ),
            "run a time service on every host (chrony, systemd-timesyncd)",
        ),
        Some(_) => Finding::good("clocks", "nodes agree with this machine"),
        None => Finding::note("clocks", "not compared: nodes have no `date`", "compare them by hand"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use crate::commands::samples;

    #[test]
    fn clocks_are_compared_with_the_time_that_the_question_took() {
        assert_eq!(judge("0: 100.5\n1: 101.0\n", 100.0, 102.0).state, State::Good);
        assert_eq!(judge("0: 99.0\n", 100.0, 102.0).state, State::Good);
        let off = judge("0: 101.0\n1: 170.0\n", 100.0, 102.0);
        assert_eq!(off.state, State::Bad);
        assert!(off.text.contains("rank 1") && off.text.contains("68 s"), "{}", off.text);
        assert_eq!(judge("", 1.0, 2.0).state, State::Note);
    }

    #[test]
    fn nodes_that_are_down_are_named() {
        let mut nodes = vec![samples::node(1), samples::node(2)];
        assert_eq!(of_nodes(&nodes).state, State::Good);
        nodes[1].up = false;
        let found = of_nodes(&nodes);
        assert_eq!(found.state, State::Bad);
        assert!(found.text.contains("1 of 2 are down: slurmnode2"), "{}", found.text);
        assert_eq!(of_nodes(&[]).state, State::Bad);
    }
}
