//! The doors from outside: the golden table of every status and input, and the laws of money.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "tests may add small numbers"
)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod batches;
mod laws;
mod reconcile;
mod records;
mod table;
