//! Ranks' output becomes the job's output: in rank order, in whole lines as they come, labelled or not, into files
//! or onto the terminal.
//!
//! [`order`] decides what to pull and what to write, and [`files`] what goes where; both are pure. [`outputs`] is
//! their shell: it hands bytes from the links to the merger of their output, and from there to its [`sink`].
//! Nothing here asks a rank to wait: what is not pulled stays in the log of its step process.

pub mod files;
pub mod label;
pub mod order;
pub mod outputs;
pub mod sink;
mod source;
