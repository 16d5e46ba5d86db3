//! Which rank is on which node.

use std::sync::Arc;

/// Ranks and their nodes, the same on every rank of a communicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// By rank.
    node_of: Arc<[u32]>,
    /// By node, in the order of their lowest ranks: its ranks, ascending.
    nodes: Arc<[Arc<[u32]>]>,
    contiguous: bool,
}

impl Topology {
    /// From the node of each rank; the numbers are only compared.
    #[must_use]
    pub fn new(node_of_rank: &[u32]) -> Self {
        let mut number_of = std::collections::HashMap::new();
        let mut nodes: Vec<Vec<u32>> = Vec::new();
        let mut node_of = Vec::with_capacity(node_of_rank.len());
        for (rank, node) in (0..).zip(node_of_rank) {
            let number = *number_of.entry(node).or_insert(nodes.len());
            if number == nodes.len() {
                nodes.push(Vec::new());
            }
            nodes[number].push(rank);
            node_of.push(number as u32);
        }
        let contiguous = node_of.is_sorted();
        Self { node_of: node_of.into(), nodes: nodes.into_iter().map(Arc::from).collect(), contiguous }
    }

    /// `size` ranks that are all on one node.
    #[must_use]
    pub fn one_node(size: u32) -> Self {
        Self::new(&vec![0; size as usize])
    }

    /// How many ranks.
    #[must_use]
    pub fn size(&self) -> usize {
        self.node_of.len()
    }

    /// How many nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The number of a rank's node, in the order of lowest ranks.
    #[must_use]
    pub fn node_of(&self, rank: u32) -> usize {
        self.node_of[rank as usize] as usize
    }

    /// The ranks of a node, ascending.
    #[must_use]
    pub fn ranks_of(&self, node: usize) -> &Arc<[u32]> {
        &self.nodes[node]
    }

    /// Whether every node's ranks follow one another, as Slurm's block distribution has them.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// Whether going inside the node first saves anything: several nodes, and several ranks on one.
    #[must_use]
    pub(super) fn is_layered(&self) -> bool {
        self.nodes() > 1 && self.nodes() < self.size()
    }

    /// One rank a node: `root` for its own, the lowest for others.
    pub(super) fn leaders(&self, root: u32) -> Arc<[u32]> {
        let own = self.node_of(root);
        self.nodes.iter().enumerate().map(|(node, ranks)| if node == own { root } else { ranks[0] }).collect()
    }
}
