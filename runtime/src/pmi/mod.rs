//! PMI: how the processes of an MPI library find one another through whoever started them. Pure text machines.
//!
//! A rank's library speaks over a socket that it was born with: version 1 in lines (`cmd=get key=x`), version 2 in
//! counted messages (`    21cmd=kvs-get;key=x;`), both opened by the same line. [`server::Server`] hears what the
//! ranks of one step process say and decides what they are answered; the step process moves the bytes, and exchanges
//! what was put with the step's other step processes at every fence.
//!
//! Sources: MPICH's `src/pmi/maint/pmi-1.1.txt` and `pmi-2.0.txt`, Flux RFC 13, and what the clients of MPICH 3 to 5,
//! Intel MPI and Slurm's `libpmi2` were seen to send. Nothing here starts processes: spawning is refused.

pub mod attendance;
mod frame;
mod mapping;
mod pairs;
mod reply;
mod request;
pub mod server;
mod space;

pub use mapping::process_mapping;
