//! Everything that is tested from outside, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod analyst;
mod architecture;
mod belonging;
mod budgets;
mod cut_off;
mod house;
mod model;
mod points;
mod retries;
mod scenarios;
mod store_crash;
mod store_damage;
mod store_faults;
mod store_format;
mod store_laws;
mod store_ledger;
mod store_notes;
mod store_power;
mod store_room;
mod store_through;
mod versions;
mod walked;
