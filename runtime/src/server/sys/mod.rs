//! The only unsafe code of the rank server: making processes, calling a PMIx library, and letting go of pages.

pub mod fork;
pub mod pmix;
pub mod resident;
pub mod spawn;
pub mod wait;
