//! The only translator between the messages of `rung.v1` and the words of the domain.
//!
//! Reading a request finds **all** faulty fields before it is refused; what it lets through needs no further check of
//! its form. Writing an answer looks at results and never decides anything.

pub mod codec;
pub mod cursor;
pub mod entries;
pub mod explain;
pub mod faults;
pub mod grants;
pub mod member;
pub mod naming;
pub mod orders;
pub mod page;
pub mod pen;
pub mod programs;
pub mod purchase;
pub mod receipt;
pub mod replies;
pub mod sale;
pub mod scalars;

#[cfg(test)]
mod tests;
