//! A plan becomes live ranks: launch requests, links to step processes, what comes back over them.

pub mod launch;
