//! The whole program, run as its users run it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up what it needs fails")]

mod bad_input;
mod cluster;
mod cluster_config;
mod configured;
mod daemons;
mod disk_full;
mod doctor;
mod examples;
mod faults;
mod harness;
mod het;
mod hosts;
mod http;
mod kill;
mod main_job;
mod mpirun;
mod network;
mod no_controller;
mod output;
mod programs;
mod ranks;
mod rest;
mod restart;
mod steps;
mod top;
mod web;
