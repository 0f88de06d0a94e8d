//! The conformance suite of the store: every test runs on every engine and way of writing that
//! [`world::each`] knows. What only SQLite can show stands in `sqlite_only`.

mod admin;
mod changes;
mod histories;
mod jobs;
mod kill;
mod lists;
mod money;
mod sqlite_only;
mod world;
