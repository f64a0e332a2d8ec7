//! # Rung: the architecture
//!
//! Rung is the engine below a loyalty program: tills report purchases, members gather points and climb a ladder of
//! tiers, operators describe the whole program in one TOML file. One binary serves it over gRPC. This page is the
//! map of the house; every file says at its top what it is for and what it must not know.
//!
//! ## The parts, and who may know whom
//!
//! ```text
//!   main, serve        compose, run, drain; the only readers of config
//!      │
//!   edge   workers     what the outside may say · what happens because time passes
//!      │      │
//!      └──┬───┘
//!       engine         the one place where pure meets durable: one lane, group commit, the clock
//!       │    │
//!       │  store       bytes that survive: the seam, its laws, memory, the embedded journal with its snapshots
//!       │    │
//!      domain          pure: what loyalty means
//!
//!   client             the other side of the wire: load, report, bench (knows the generated types and nothing else)
//! ```
//!
//! Imports only go down; `tests/rung/architecture.rs` reads the sources and holds this, the purity of the domain,
//! the one reader of the clock and the sizes of files and functions.
//!
//! ## A purchase, from bytes to disk and back
//! 1. [`edge`]: bytes become an [`Order`](domain::order::Order). All faulty fields are named at once. The two methods
//!    that record purchases read and write their bytes by hand, since they are what a server does all day, and so is
//!    told where somebody stands; anything out of the ordinary goes through the generated types, and tests hold both
//!    ways to the same bytes.
//! 2. [`engine`]: a bounded queue. Unary calls are turned away when it is full and nothing was started; streams
//!    are simply read no further. The store brings members near before their orders queue, so that the lane does not
//!    wait for them.
//! 3. The lane takes what is waiting (up to a few thousand orders), stamps one `now`, pins one snapshot of programs.
//! 4. [`store`]: one read phase for all members and keys of the group.
//! 5. [`domain::decide`]: each order in turn, without await: settle, compare with the key's first use, judge, grant,
//!    review the tier. Facts come out, or a refusal. Each order sees its neighbours' facts.
//! 6. [`store::Store::commit`]: one durable write for the whole group.
//! 7. Every order is answered, yes and no alike: a "no" may rest on a neighbour's uncommitted "yes".
//! 8. [`edge`]: the answer becomes bytes. Followers of the event stream are woken.
//!
//! ## A question about everybody
//! The analyst ([`engine::Engine::ask_analyst`]) folds the same feed that followers read into what every member bought on
//! which day ([`domain::crowd`]); rankings and shares are pure functions of that ([`domain::insight`]). A worker keeps it
//! current, a question brings it up to the newest entry first. It is a cache like the snapshots: another worker has it
//! written down now and then, as notes that the store gives back only if they are whole and of this very journal; after a
//! start it goes on from there, or from the beginning.
//! Forecasts are fitted to a copy of what it knows, off the lane and outside its lock, and kept until more is known of
//! the days they were fitted to.
//!
//! Segments and alerts come back as orders ([`engine::segments`]): once a day everybody is looked at, and between days who
//! bought; members who are not where they ought to be are told, and conditions, clubs and privileges read what was told.
//!
//! ## What holds everywhere
//! - **The core is pure.** `decide(member, order, program, now)` gives facts or a refusal; `apply` folds facts. Time,
//!   keys and everything known are arguments, so a quote, a dry run, a purchase and a test take the same path.
//! - **Facts are for ever, state is their fold.** A member is the fold of her entries, a snapshot only a cache of it.
//!   Facts carry results, never rules: replay needs no program. Their byte format ([`store::format`]) is versioned
//!   and has golden files.
//! - **Durable means durable.** Nothing is answered before it would survive a power cut; speed comes from grouping.
//! - **One member, one commit.** Conditional on the member's version, so the seam holds for a store that several
//!   servers share: nothing above it relies on isolation, order between members or a sequence of the store's.
//! - **Points are lots with dates.** A balance is the sum of a member's lots ([`domain::lot`]); facts say which lots
//!   they move, so that returns, refunds and the books ([`domain::books`]) need nothing but what was recorded. Every
//!   grant keeps each line's share: what comes back in any pieces takes back what the whole would.
//! - **A tier is a span somebody holds**, by earning, for life, by a grace or a landing, or because it was granted; the
//!   highest span in force is where she stands ([`domain::member::Standing`]). What belonging gives lies apart from what
//!   every member has ([`domain::member::Belonging`]): most have nothing of it.
//! - **What should have been given is compared with what was.** Milestones, rollovers and new ladders are judged by what
//!   has been counted, and only the difference becomes facts, so that they may be judged any number of times.
//! - **What is scarce across members is an aggregate of its own.** A reward's stock, a campaign's budget and a club's
//!   places are pots, reserved by one order and settled by a second that is keyed by the first, whether they are taken or
//!   given back; a transfer and a gift of a tier are three orders alike. Here
//!   they stand in one group; a store that is cut off between them leaves something due, and the sweeper finishes it.
//! - **A "no" is a value** with a stable reason and a documented precedence
//!   ([`domain::order::Refusal`]); failures are typed errors; neither leaves a trace.
//! - **Exactly once by the till's own key.** A purchase is known by its receipt for as long as the entry lives, any
//!   other order by its request id; the same key with the same content is answered as the first time.
//! - **Nothing fires from a timer that a read would not have shown.** [`domain::decide::settle`] is the only code that
//!   lets time pass; reads settle a copy, writes settle the member, the sweeper settles whoever is due.
//! - **Who somebody is does not reach the journal.** Identifiers are hashed under a secret and masked in
//!   [`engine::Pseudonyms`], on the way in.
//!
//! ## What is deliberately absent
//! No cluster, no cache above the seam, no float near points, no second way to change a member, no generated type
//! beyond the edge, no background job with state of its own.

pub mod client;
pub mod config;
pub mod domain;
pub mod edge;
pub mod engine;
pub mod pb;
pub mod store;
pub mod telemetry;
pub mod workers;
