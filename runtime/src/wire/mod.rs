//! What travels between the parts: one enum a direction and link.
//!
//! | link | there | back |
//! |---|---|---|
//! | anyone → a listening socket | [`preamble::Preamble`] | – |
//! | controller ↔ rank server | [`node::ToNode`] | [`node::FromNode`] |
//! | rank server ↔ step process | [`stepd::ToStepd`] | [`stepd::FromStepd`] |
//! | launcher ↔ step process | [`step::ToStep`] | [`step::FromStep`] |
//! | `sbcast` ↔ rank server | [`file::ToFile`] | [`file::FromFile`] |
//! | rank ↔ step process | [`rank::ToServer`] | [`rank::FromServer`] |
//!
//! Control messages are MessagePack maps with named fields, so that a field may be added; bulk data is raw.
//! Every link begins with a preamble that carries [`VERSION`].

pub mod descriptors;
pub mod file;
pub mod frame;
pub mod launch;
pub mod node;
pub mod numbers;
#[cfg(feature = "server")]
pub mod pieces;
pub mod preamble;
pub mod rank;
pub mod step;
pub mod stepd;

/// Version of every message of this module. A peer of another version is refused with a message that says so.
pub const VERSION: u16 = 3;
