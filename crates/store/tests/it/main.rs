//! The conformance suite of the store: every test runs on every engine and way of writing that
//! [`world::each`] knows. What only SQLite can show stands in `sqlite_only`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in tests, and in the short ways to say things in them, a panic is the answer"
)]

mod admin;
mod approvals;
mod audit;
mod batches;
mod bills;
mod care;
mod changes;
mod figures;
mod histories;
mod inbox;
mod jobs;
mod kill;
mod limits;
mod lists;
mod money;
mod people;
mod search;
mod sqlite_only;
mod world;
