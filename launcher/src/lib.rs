//! prun runs Slurm job scripts anywhere.
//!
//! # The way of a job
//! `job.sh` → [`script`]: lines, words, options, a [`script::spec::JobSpec`] → [`controller`]: queue and
//! schedule → [`layout`]: which rank on which node and CPU → [`environment`]: Slurm's variables → [`fanout`]:
//! launch and watch → [`gather`]: output in order → `result.out`. [`embedded`] holds a whole cluster in one
//! process, [`daemon`] its parts as processes of their own, [`hosts`] starts those of other hosts over ssh; [`commands`] are what users type, [`view`] what they see.

pub mod commands;
pub mod controller;
pub mod daemon;
pub mod embedded;
pub mod environment;
pub mod fanout;
pub mod gather;
pub mod hosts;
pub mod layout;
pub mod local_time;
pub mod real_slurm;
pub mod script;
pub mod view;
