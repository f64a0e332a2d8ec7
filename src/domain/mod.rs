//! The pure core: what loyalty means. No clock, no await, no log, no bytes, no float near points.
//!
//! `decide(member, order, program, now)` answers with facts or a refusal; `Member::apply` folds facts.
//! Nothing here imports any other part of the house.

pub mod books;
pub mod calendar;
pub mod crowd;
pub mod decide;
pub mod event;
pub mod insight;
pub mod lot;
pub mod member;
pub mod order;
pub mod program;
pub mod units;
pub mod voucher;
