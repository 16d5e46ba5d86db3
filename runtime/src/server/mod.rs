//! The rank server and the step process.
