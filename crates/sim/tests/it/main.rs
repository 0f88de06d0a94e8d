//! Black-box tests of the simulator: the world by its messages, and a running one over TLS.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod account;
mod bills;
mod determinism;
mod faults;
mod notifications;
mod rules;
mod stage;
mod strictness;
mod wire;
