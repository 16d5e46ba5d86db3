//! Slurm's variables: what a job's script, a step's tasks and their programs find in their environment. Pure.
//!
//! A script gets [`exported`] variables of its submission and those [`of_job`]; [`batch_launch`] puts them together. A
//! task of a step gets `exported` variables of `srun`, those [`of_job`], [`of_step`], [`of_node`] and [`of_task`], later
//! ones winning.
//!
//! Variables of prun itself (`PRUN_*`), and those that only the node knows (`SLURM_TASK_PID`, `SLURMD_NODENAME`), are set
//! by the step process. Not set at all are variables that point at Slurm's own ports and configuration
//! (`SLURM_SRUN_COMM_PORT`, `SLURM_CONF`).

mod batch;
mod devices;
mod export;
mod files;
mod het;
mod job;
mod setter;
mod step;
mod task;

pub use batch::batch_launch;
pub use export::{exported, exported_to_job};
pub use files::{Files, shown_files};
pub use het::{is_of_component, of_allocation, of_het_job};
pub use job::of_job;
pub use setter::Variables;
pub(crate) use setter::by_node;
pub use step::of_step;
pub use task::{of_node, of_task};

#[cfg(test)]
mod sample;
