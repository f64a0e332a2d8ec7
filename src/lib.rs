//! Rung: a loyalty and frequency-marketing engine.
pub mod client;
pub mod domain;
pub mod engine;
pub mod pb;
pub mod store;
