//! What each rank gets from a call that all have made.

use bytes::{Bytes, BytesMut};

use crate::collective::Operation;
use crate::ids::Rank;
use crate::wire::numbers::{FoldError, Numbers};
use crate::wire::rank::Call;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResultError {
    #[error("rank {0} gave no numbers")]
    NoNumbers(Rank),
    #[error("rank {0}: {1}")]
    Fold(Rank, FoldError),
}

/// By rank: what it gets, from what all gave.
///
/// # Errors
/// What was given cannot be folded.
pub(super) fn of(call: Call, given: &[Bytes]) -> Result<Vec<Bytes>, ResultError> {
    let only = |root: Rank, result: Bytes| {
        let mut results = vec![Bytes::new(); given.len()];
        results[root.0 as usize] = result;
        results
    };
    Ok(match call {
        Call::Barrier => vec![Bytes::new(); given.len()],
        Call::Broadcast { root } => vec![given[root.0 as usize].clone(); given.len()],
        Call::Gather { root } => {
            let mut all = BytesMut::with_capacity(given.iter().map(Bytes::len).sum());
            given.iter().for_each(|bytes| all.extend_from_slice(bytes));
            only(root, all.freeze())
        }
        Call::Reduce { root, operation } => only(root, fold_all(operation, given)?),
        Call::AllReduce { operation } => vec![fold_all(operation, given)?; given.len()],
        Call::Scan { operation, exclusive } => {
            let mut results = Vec::with_capacity(given.len() + 1);
            if exclusive {
                results.push(Bytes::new());
            }
            fold(operation, given, |folded| results.push(folded.to_bytes().into()))?;
            results.truncate(given.len());
            results
        }
    })
}

fn fold_all(operation: Operation, given: &[Bytes]) -> Result<Bytes, ResultError> {
    Ok(fold(operation, given, |_| ())?.map_or_else(Bytes::new, |folded| folded.to_bytes().into()))
}

/// Folds in the order of ranks, and shows what is folded so far.
fn fold(
    operation: Operation,
    given: &[Bytes],
    mut so_far: impl FnMut(&Numbers),
) -> Result<Option<Numbers>, ResultError> {
    let mut folded: Option<Numbers> = None;
    for (rank, bytes) in (0..).map(Rank).zip(given) {
        let numbers = Numbers::from_bytes(bytes).ok_or(ResultError::NoNumbers(rank))?;
        let next = match folded {
            Some(before) => {
                before.fold(numbers, operation).map_err(|error| ResultError::Fold(rank, error))?
            }
            None => numbers,
        };
        so_far(&next);
        folded = Some(next);
    }
    Ok(folded)
}
