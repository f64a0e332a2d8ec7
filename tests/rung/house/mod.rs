//! The whole server, from outside: a real process on a folder of its own, the generated client, real data.
//!
//! [`server`] starts and ends processes, [`till`] speaks to them, [`books`] folds the event stream beside them, and
//! [`load`] keeps them busy; the other files are the tests.

mod analyst;
mod books;
mod cdnow;
mod crash;
mod drain;
mod exactly_once;
mod folder;
mod full_disk;
mod load;
mod pressure;
mod report;
mod server;
mod till;
mod time;
mod vault;
mod visit;
mod watch;
