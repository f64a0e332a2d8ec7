//! Everything that is tested from the outside, in one binary.

mod store_crash;
mod store_ledger;
mod store_laws;
