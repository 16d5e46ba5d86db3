//! What clients (every command) say to the controller, and what it answers.
//!
//! A client sends [`Call`]s and gets [`Answer`]s that carry the call's number. Every call gets exactly one
//! answer, but `Allocate` and `CreateStep` may get [`Reply::Pending`] before it, and `WatchJob` gets many. A job or step that was asked
//! for over a connection with `Allocate` ends with that connection.

mod refusal;
mod reply;
mod request;
mod view;

use serde::{Deserialize, Serialize};

pub use refusal::*;
pub use reply::*;
pub use request::*;
pub use view::*;

/// A request with its number on this connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the client.
    pub id: u64,
    /// What it wants.
    pub request: Request,
}

/// A reply to the call of the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The call's number.
    pub id: u64,
    /// What the controller says.
    pub reply: Reply,
}
