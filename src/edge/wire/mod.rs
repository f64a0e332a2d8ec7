//! The only translator between the messages of `rung.v1` and the words of the domain.
//!
//! Reading a request finds **all** faulty fields before it is refused; what it lets through needs no further check of
//! its form. Writing an answer looks at results and never decides anything.

pub mod alert_orders;
pub mod alerts;
pub mod belonging;
pub mod belonging_sentences;
pub mod benefits;
pub mod catalog;
pub mod club_orders;
pub mod clubs;
pub mod codec;
pub mod cursor;
pub mod entries;
pub mod explain;
pub mod facts;
pub mod faults;
pub mod forecasts;
pub mod grants;
pub mod held;
pub mod import;
pub mod liability;
pub mod lots;
pub mod member;
pub mod naming;
pub mod orders;
pub mod page;
pub mod pen;
pub mod points_orders;
pub mod points_replies;
pub mod privilege_orders;
pub mod privileges;
pub mod programs;
pub mod promises;
pub mod purchase;
pub mod receipt;
pub mod replies;
pub mod returns;
pub mod reward_orders;
pub mod sale;
pub mod scalars;
pub mod segment_questions;
pub mod segments;
pub mod sentences;
pub mod standing;
pub mod standings;
pub mod tier_flows;
pub mod tier_orders;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::edge) mod tests_belonging;
