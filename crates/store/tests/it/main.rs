//! The conformance suite of the store: every test runs on each engine and way of writing, see
//! `conformance`. What only one engine can show stands in `sqlite_only` and `postgres_only`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in tests, and in the short ways to say things in them, a panic is the answer"
)]

#[macro_use]
mod conformance;

mod admin;
mod approvals;
mod audit;
mod batches;
mod bills;
mod care;
mod changes;
mod copying;
mod figures;
mod filling;
mod histories;
mod inbox;
mod jobs;
mod kill;
mod limits;
mod lists;
mod money;
mod people;
mod postgres_only;
mod postgres_writes;
mod quotas;
mod scratch;
mod search;
mod sqlite_only;
mod steering;
mod tries;
mod twins;
mod world;
