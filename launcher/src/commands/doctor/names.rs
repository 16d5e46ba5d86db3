//! Host names: this machine's own, and those of nodes, which some programs look up (JAX, `torchrun`).

use std::net::ToSocketAddrs;

use super::finding::Finding;
use crate::controller::api::NodeView;
use crate::script::hostlist;

/// Looks them up. Blocks.
pub(super) fn look(nodes: &[NodeView]) -> Vec<Finding> {
    let own = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let names: Vec<String> = nodes.iter().map(|node| node.facts.name.clone()).collect();
    judge(&own, &names, &|name| (name, 0).to_socket_addrs().is_ok_and(|mut found| found.next().is_some()))
}

fn judge(own: &str, nodes: &[String], resolves: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(if resolves(own) {
        Finding::good("host name", format!("`{own}` resolves"))
    } else {
        Finding::note(
            "host name",
            format!("this machine's own name, `{own}`, does not resolve: some MPI libraries want it"),
            format!("as root: echo '127.0.1.1 {own}' >>/etc/hosts"),
        )
    });
    let unknown: Vec<String> = nodes.iter().filter(|name| !resolves(name)).cloned().collect();
    if !unknown.is_empty() {
        let list = hostlist::compress(&unknown);
        let text = format!(
            "`{list}` do not resolve: prun needs no names, but programs that look up the first node do (JAX, torchrun)"
        );
        let cure = "for nodes of this machine, as root: echo '127.0.0.1 NAME …' >>/etc/hosts";
        findings.push(Finding::note("nodes' names", text, cure));
    } else if !nodes.is_empty() {
        findings.push(Finding::good("nodes' names", "all resolve"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn names_that_do_not_resolve_are_told() {
        let nodes = ["n1", "n2", "n3"].map(str::to_owned);
        let states = |resolves: &dyn Fn(&str) -> bool| {
            judge("vm", &nodes, resolves).iter().map(|finding| finding.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&|_| true), [State::Good, State::Good]);
        assert_eq!(states(&|name| name == "vm"), [State::Good, State::Note]);
        assert_eq!(states(&|_| false), [State::Note, State::Note]);
        assert!(judge("vm", &nodes, &|name| name == "n2")[1].text.starts_with("`n[1,3]` do not"));
        assert_eq!(judge("vm", &[], &|_| true).len(), 1);
    }
}
