//! Edge (placeholder until the edge lands).
pub mod operations;
