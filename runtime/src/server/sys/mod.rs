//! The only unsafe code of the rank server: making processes, and calling a PMIx library.

pub mod fork;
pub mod pmix;
pub mod spawn;
pub mod wait;
