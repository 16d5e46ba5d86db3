//! What a person at a terminal sees: progress while a job waits and runs, and a summary at its end.

pub mod plan;
pub mod progress;
pub mod summary;
pub mod top;
pub mod web;
