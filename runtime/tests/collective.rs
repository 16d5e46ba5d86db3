//! Collective schedules, run by a simulator: what comes out, how many rounds it takes, and what it moves.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up what it needs fails")]

#[path = "collective/bounds.rs"]
mod bounds;
#[path = "collective/model.rs"]
mod model;
#[path = "collective/results.rs"]
mod results;
#[path = "collective/simulator.rs"]
mod simulator;
