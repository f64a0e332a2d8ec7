//! The other side of the wire: what `rung load` and `rung bench` do, as any till or rival would do it.
//!
//! Sees the generated types and nothing else of the house; what it knows of the engine, it has been told over
//! gRPC or by the operating system.

pub mod bench;
pub mod echo;
pub mod load;
#[cfg(test)]
mod stub;
