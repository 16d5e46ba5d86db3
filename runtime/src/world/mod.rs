//! What a rank calls.
