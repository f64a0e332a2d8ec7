//! Everything that is tested from the outside, in one binary.

mod store_crash;
mod store_damage;
mod store_faults;
mod store_format;
mod store_laws;
mod store_ledger;
mod store_room;
