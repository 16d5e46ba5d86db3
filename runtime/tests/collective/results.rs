//! What comes out of every call, against the model.

use proptest::prelude::*;
use prun_runtime::collective::Topology;

use super::model::Case;

/// Bytes of an element: the second makes every vector a long one.
const ELEMENT_BYTES: [usize; 2] = [8, 1 << 20];

fn every_call(size: usize, block: usize) -> Vec<Case> {
    let elements = block * size;
    let counts: Vec<usize> = (0..size).map(|rank| (rank * 5 + block) % 4).collect();
    let mut cases = vec![
        Case::Barrier,
        Case::AllGather { block },
        Case::AllGatherV { counts: counts.clone() },
        Case::AllToAll { block },
        Case::AllToAllV {
            counts: (0..size).map(|from| (0..size).map(|to| (from * 3 + to) % 3).collect()).collect(),
        },
        Case::Scan { elements },
        Case::ExclusiveScan { elements },
    ];
    for commutes in [false, true] {
        cases.push(Case::AllReduce { elements, commutes });
        cases.push(Case::AllReduce { elements: block, commutes });
        cases.push(Case::ReduceScatter { counts: counts.clone(), commutes });
    }
    for root in [0, size as u32 / 2, size as u32 - 1] {
        cases.push(Case::Broadcast { root, elements });
        cases.push(Case::Scatter { root, block });
        cases.push(Case::ScatterV { root, counts: counts.clone() });
        cases.push(Case::Gather { root, block });
        cases.push(Case::GatherV { root, counts: counts.clone() });
        for commutes in [false, true] {
            cases.push(Case::Reduce { root, elements, commutes });
        }
    }
    cases
}

#[test]
fn every_call_is_right_on_one_to_twenty_ranks_of_one_two_and_many_nodes() {
    for size in 1..=20u32 {
        for ranks_a_node in [size, size.div_ceil(2), 3, 1] {
            let block: Vec<u32> = (0..size).map(|rank| rank / ranks_a_node).collect();
            let cyclic: Vec<u32> = (0..size).map(|rank| rank % size.div_ceil(ranks_a_node)).collect();
            for topology in [block, cyclic].map(|nodes| Topology::new(&nodes)) {
                for case in every_call(size as usize, 1 + size as usize % 3) {
                    for element_bytes in ELEMENT_BYTES {
                        case.verify(&topology, element_bytes, false, 7);
                        case.verify(&topology, element_bytes, true, 8);
                    }
                }
            }
        }
    }
}

#[test]
fn every_call_is_right_on_hundreds_of_ranks() {
    for (size, ranks_a_node) in [(100, 100), (128, 16), (255, 10)] {
        let nodes: Vec<u32> = (0..size).map(|rank| rank / ranks_a_node).collect();
        for case in every_call(size as usize, 1) {
            for element_bytes in ELEMENT_BYTES {
                case.verify(&Topology::new(&nodes), element_bytes, false, 3);
            }
        }
    }
}

#[test]
fn calls_of_few_elements_are_right_on_thousands_of_ranks() {
    for size in [1000u32, 4096] {
        for ranks_a_node in [size, 60] {
            let topology = Topology::new(&(0..size).map(|rank| rank / ranks_a_node).collect::<Vec<_>>());
            let (root, elements, commutes) = (size / 3, 2, false);
            for case in [
                Case::Barrier,
                Case::Broadcast { root, elements },
                Case::Scatter { root, block: 1 },
                Case::Gather { root, block: 1 },
                Case::Reduce { root, elements, commutes },
                Case::AllReduce { elements, commutes },
                Case::Scan { elements },
                Case::ExclusiveScan { elements },
            ] {
                case.verify(&topology, 8, false, 5);
            }
        }
    }
}

fn any_case(size: usize) -> impl Strategy<Value = Case> {
    let (root, elements) = (0..size as u32, 0..40usize);
    let counts = prop::collection::vec(0..5usize, size);
    let matrix = prop::collection::vec(prop::collection::vec(0..4usize, size), size);
    (0..15, root, elements, counts, matrix, any::<bool>()).prop_map(
        |(kind, root, elements, counts, matrix, commutes)| {
            let block = elements % 4;
            match kind {
                0 => Case::Barrier,
                1 => Case::Broadcast { root, elements },
                2 => Case::Scatter { root, block },
                3 => Case::ScatterV { root, counts },
                4 => Case::Gather { root, block },
                5 => Case::GatherV { root, counts },
                6 => Case::AllGather { block },
                7 => Case::AllGatherV { counts },
                8 => Case::AllToAll { block },
                9 => Case::AllToAllV { counts: matrix },
                10 => Case::Reduce { root, elements, commutes },
                11 => Case::AllReduce { elements, commutes },
                12 => Case::ReduceScatter { counts, commutes },
                13 => Case::Scan { elements },
                _ => Case::ExclusiveScan { elements },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_call_is_right_on_any_topology_in_any_order(
        (nodes, case) in prop::collection::vec(0..4u32, 1..24)
            .prop_flat_map(|nodes| { let case = any_case(nodes.len()); (Just(nodes), case) }),
        bytes in prop::sample::select(vec![1usize, 8, 3000, 1 << 20]),
        in_place: bool,
        seed: u64,
    ) {
        case.verify(&Topology::new(&nodes), bytes, in_place, seed);
    }
}
