//! Rung: a loyalty and frequency-marketing engine.
pub mod client;
pub mod config;
pub mod domain;
pub mod edge;
pub mod engine;
pub mod pb;
pub mod store;
pub mod telemetry;
pub mod workers;
