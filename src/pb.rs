//! What `build.rs` made of `proto/`: the messages and services of `rung.v1`.
//!
//! Only `edge` and `client` may import it: generated types stop at the door.

#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction,
    missing_docs,
    unreachable_pub,
    reason = "generated"
)]

tonic::include_proto!("rung.v1");
include!(concat!(env!("OUT_DIR"), "/servers/rung.v1.rs"));

/// The descriptors of `rung.v1` and its imports, comments included, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
