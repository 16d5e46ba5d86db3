//! Rank-aware programs in `src/bin`, job scripts in `jobs`.
