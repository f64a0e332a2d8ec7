//! What happens because time passes. A worker is an idempotent tick without input: it asks the engine what is due
//! and speaks to it like any other client.

pub mod analyst;
pub mod scribe;
pub mod sweeper;
pub mod tagger;
