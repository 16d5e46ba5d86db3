//! Random programs of messages and collective calls, against a model that runs them one rank after the other.
//!
//! Every rank has a vector of maps, and every step changes the vectors: what a step does to one element cannot be undone
//! by another, so that a single wrong or lost message is seen at the end.

use proptest::prelude::*;

use super::compose;
use crate::collective::Side;
use crate::world::threads::run;
use crate::world::{Communicator, Error, Fold, Operation, UserOperation, wait_all};

type State = Vec<[u32; 2]>;

/// A message, from and to a rank.
type Message = (usize, usize, i32);

#[derive(Debug, Clone)]
enum Step {
    /// All at once.
    Messages(Vec<Message>),
    Barrier,
    Broadcast(usize),
    Reduce(usize),
    AllReduce,
    Scan,
    ExclusiveScan,
    /// Of the first block of each, to one or to all.
    Gather(usize),
    AllGather,
    Scatter(usize),
    AllToAll,
    /// The result is folded to the first block.
    ReduceScatter,
    /// The largest of all first numbers becomes everybody's.
    Max,
    /// The ranks are divided by what they are modulo a number, and each part folds its own.
    Split(usize),
    /// What the vectors are now is folded while other steps change them; the result replaces them.
    Meanwhile(Vec<Step>),
}

fn fold_into(into: &mut [[u32; 2]], other: &[[u32; 2]]) {
    UserOperation::new(compose).fold_all(into, other, Side::Right);
}

fn folded(states: &[State]) -> State {
    let mut all = states[0].clone();
    states[1..].iter().for_each(|state| fold_into(&mut all, state));
    all
}

/// What a step makes of all vectors.
fn model(step: &Step, states: &mut [State]) {
    let (size, before) = (states.len(), states.to_vec());
    let block = before[0].len() / size;
    let part = |rank: usize| rank * block..(rank + 1) * block;
    match step {
        Step::Messages(messages) => {
            for (from, to, _) in messages {
                fold_into(&mut states[*to], &before[*from]);
            }
        }
        Step::Barrier => {}
        Step::Broadcast(root) => states.fill(before[*root].clone()),
        Step::Reduce(root) => states[*root] = folded(&before),
        Step::AllReduce => states.fill(folded(&before)),
        Step::Scan => (1..size).for_each(|rank| states[rank] = folded(&before[..=rank])),
        Step::ExclusiveScan => (1..size).for_each(|rank| states[rank] = folded(&before[..rank])),
        Step::Gather(root) => {
            (0..size).for_each(|rank| states[*root][part(rank)].copy_from_slice(&before[rank][..block]));
        }
        Step::AllGather => {
            for state in states.iter_mut() {
                (0..size).for_each(|rank| state[part(rank)].copy_from_slice(&before[rank][..block]));
            }
        }
        Step::Scatter(root) => {
            (0..size).for_each(|rank| states[rank][..block].copy_from_slice(&before[*root][part(rank)]));
        }
        Step::AllToAll => {
            for to in 0..size {
                for from in 0..size {
                    states[to][part(from)].copy_from_slice(&before[from][part(to)]);
                }
            }
        }
        Step::ReduceScatter => {
            let all = folded(&before);
            (0..size).for_each(|rank| fold_into(&mut states[rank][..block], &all[part(rank)]));
        }
        Step::Max => {
            let most = before.iter().map(|state| state[0][1]).max().unwrap_or(0);
            states.iter_mut().for_each(|state| state[0][1] = most);
        }
        Step::Split(parts) => {
            for (rank, state) in states.iter_mut().enumerate() {
                let part: Vec<State> = before.iter().skip(rank % parts).step_by(*parts).cloned().collect();
                *state = folded(&part);
            }
        }
        Step::Meanwhile(steps) => {
            steps.iter().for_each(|step| model(step, states));
            states.fill(folded(&before));
        }
    }
}

/// Does a step as a rank.
fn perform(step: &Step, world: &Communicator, state: &mut State) -> Result<(), Error> {
    let (me, size, operation) = (world.rank(), world.size(), UserOperation::new(compose));
    let block = state.len() / size;
    let before = state.clone();
    match step {
        Step::Messages(messages) => {
            let mine = messages.iter().filter(|message| message.1 == me);
            let mut rooms: Vec<_> = mine.map(|message| (message, vec![[0; 2]; before.len()])).collect();
            world.scope(|scope| {
                let mut receives = Vec::new();
                for ((from, _, tag), room) in &mut rooms {
                    receives.push(scope.irecv(room, *from, *tag)?);
                }
                for (_, to, tag) in messages.iter().filter(|message| message.0 == me) {
                    scope.isend(&before, *to, *tag)?;
                }
                wait_all(receives).map(drop)
            })?;
            rooms.iter().for_each(|(_, room)| fold_into(state, room));
        }
        Step::Barrier => world.barrier()?,
        Step::Broadcast(root) => world.broadcast(state, *root)?,
        Step::Reduce(root) => world.reduce_in_place(state, &operation, *root)?,
        Step::AllReduce => world.all_reduce_in_place(state, &operation)?,
        Step::Scan => world.scan_in_place(state, &operation)?,
        Step::ExclusiveScan => world.exclusive_scan_in_place(state, &operation)?,
        Step::Gather(root) => {
            let room = if me == *root { &mut state[..] } else { &mut [] };
            world.gather(&before[..block], room, *root)?;
        }
        Step::AllGather => world.all_gather(&before[..block], state)?,
        Step::Scatter(root) => world.scatter(&before, &mut state[..block], *root)?,
        Step::AllToAll => world.all_to_all(&before, state)?,
        Step::ReduceScatter => {
            let mut room = vec![[0; 2]; block];
            world.reduce_scatter(&before, &mut room, &operation)?;
            fold_into(&mut state[..block], &room);
        }
        Step::Max => {
            let mut most = [state[0][1]];
            world.all_reduce_in_place(&mut most, &Operation::Max)?;
            state[0][1] = most[0];
        }
        Step::Split(parts) => {
            if let Some(part) = world.split(Some((me % parts) as u32), 0)? {
                part.all_reduce_in_place(state, &operation)?;
            }
        }
        Step::Meanwhile(steps) => {
            let folding = world.iall_reduce(before, operation)?;
            steps.iter().try_for_each(|step| perform(step, world, state))?;
            *state = folding.wait()?;
        }
    }
    Ok(())
}

fn steps(size: usize) -> impl Strategy<Value = Vec<Step>> {
    let rank = 0..size;
    let messages = prop::collection::vec((rank.clone(), rank.clone(), 0..3), 0..8);
    let step = prop_oneof![
        4 => messages.prop_map(Step::Messages),
        1 => Just(Step::Barrier),
        1 => rank.clone().prop_map(Step::Broadcast),
        1 => rank.clone().prop_map(Step::Reduce),
        1 => Just(Step::AllReduce),
        1 => Just(Step::Scan),
        1 => Just(Step::ExclusiveScan),
        1 => rank.clone().prop_map(Step::Gather),
        1 => Just(Step::AllGather),
        1 => rank.prop_map(Step::Scatter),
        1 => Just(Step::AllToAll),
        1 => Just(Step::ReduceScatter),
        1 => Just(Step::Max),
        1 => (1..4usize).prop_map(Step::Split),
    ];
    let step =
        step.prop_recursive(2, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Step::Meanwhile));
    prop::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ranks_do_what_the_model_does(
        (size, steps) in (1..=9usize).prop_flat_map(|size| (Just(size), steps(size))),
        block in prop::sample::select(vec![1usize, 40, 3000]),
    ) {
        let begin = |rank: usize| -> State {
            (0..(size * block) as u32).map(|at| [2 * rank as u32 + 3, at + 1]).collect()
        };
        let mut expected: Vec<State> = (0..size).map(begin).collect();
        steps.iter().for_each(|step| model(step, &mut expected));
        let states = run(size as u32, |world| {
            let mut state = begin(world.rank());
            steps.iter().for_each(|step| perform(step, world, &mut state).unwrap());
            state
        });
        prop_assert!(states == expected, "{steps:?}");
    }
}
