//! What a step needs to start, from what its launcher knows.
