//! The doors from outside: the golden table of every status and input, and the laws of money.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "tests may add small numbers"
)]

mod laws;
mod records;
mod table;
