//! Black-box tests of the simulator: the world by its messages, and a running one over TLS.

mod account;
mod determinism;
mod faults;
mod notifications;
mod rules;
mod stage;
mod strictness;
mod wire;
