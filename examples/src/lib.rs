//! Rank-aware programs in `src/bin`, job scripts in `jobs`. Here is what the programs share.

pub mod grid;
pub mod png;
