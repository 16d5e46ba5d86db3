//! prun
fn main() {}
