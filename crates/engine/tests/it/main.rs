//! Black-box tests of the engine: whole lives of refunds, simulated from a seed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod at_once;
mod batch;
mod bills;
mod books;
mod endpoints;
mod heal;
mod reconcile;
mod settings;
mod simulation;
