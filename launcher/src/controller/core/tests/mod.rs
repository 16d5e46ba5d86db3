//! The core as a whole: what clients and rank servers say goes in, what comes out is looked at.

mod arrays;
mod configured;
mod ends;
mod het;
mod overview;
mod queue;
mod random;
mod steps;
mod world;
