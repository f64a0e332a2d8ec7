//! The other side of the wire: what `rung load`, `rung report` and `rung bench` do, as any till or rival would do it.
//!
//! Sees the generated types and nothing else of the house; what it knows of the engine, it has been told over
//! gRPC or by the operating system.

pub mod bench;
mod connection;
pub mod echo;
pub mod load;
pub mod report;
#[cfg(test)]
mod stub;
