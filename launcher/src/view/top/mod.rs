//! `prun top`: a cluster on a terminal, as it goes.
//!
//! [`state`] holds what is shown and says what a key or a piece of news makes of it; [`rows`] lays a picture of the
//! cluster out as lines; [`scrollback`] keeps the output that is followed; [`draw`] puts all of it into cells. Nothing
//! here knows a terminal, a socket or a file: the command of the same name does.

pub mod draw;
pub mod rows;
#[cfg(test)]
pub(crate) mod sample;
pub mod scrollback;
pub mod state;
pub mod verb;
