//! Links between the processes of a cluster: on one host over Unix sockets, between hosts over TCP, sealed.
//!
//! On a Unix socket the system says whose process the peer is: only this user's are let in. Over TCP the peer proves
//! that it has the key of what it wants: that of the cluster for a daemon, that of the step for a step. The proof is a
//! Noise handshake (`noise`), after which everything is encrypted.

pub mod address;
pub mod blocking;
pub mod dial;
pub mod key;
pub mod link;
mod noise;
mod sealed;
pub mod visitor;
