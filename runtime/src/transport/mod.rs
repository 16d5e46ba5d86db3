//! How bytes get from rank to rank.
//!
//! | room | what it is | knows nothing of |
//! |---|---|---|
//! | [`exchange`], [`mailbox`], [`envelope`], [`tickets`] | the protocol: which message goes to which receive, what is sent when | what carries it |
//! | [`segment`], [`ring`], [`waker`], [`neighbours`] | shared memory of a node | what messages mean |
//! | [`team`] | collective calls of a node in shared memory | what is folded |
//! | [`window`] | memory of a node for its ranks' own use | what stands in it |
//! | [`peer_memory`] | large messages in one copy | – |
//! | [`far`], [`stream`] | ranks of other nodes, over sockets | how those are made |
//! | [`loopback`] | what a rank sends to itself | – |
//! | [`step_link`] | the link to the step process | – |
//! | [`call`] | what people are told of a call that fails or waits | – |
//! | [`engine`] | moves what the protocol wants moved, and waits | communicators |
//! | [`port`] | the engine, safe for the rest of the crate | communicators |
//!
//! This is the only room of the library with `unsafe` code; each module that has any says why at its top.

pub(crate) mod call;
pub(crate) mod engine;
pub(crate) mod envelope;
pub(crate) mod exchange;
pub(crate) mod failure;
pub(crate) mod far;
pub(crate) mod lent;
pub(crate) mod loopback;
pub(crate) mod mailbox;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod neighbours;
pub(crate) mod peer_memory;
pub(crate) mod port;
pub(crate) mod ring;
pub(crate) mod segment;
pub(crate) mod step_link;
pub(crate) mod stream;
pub(crate) mod sync;
pub(crate) mod team;
pub(crate) mod tickets;
pub(crate) mod waker;
pub(crate) mod window;
