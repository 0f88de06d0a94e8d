//! Black box: the real binary, alone and against the real simulator on free ports.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a wrong assumption shall end the test"
)]

mod audit;
mod batch;
mod browser;
mod catalogue;
mod demo;
mod doctor;
mod journey;
mod mistakes;
mod notify;
mod people;
mod port;
mod readme;
mod reconcile;
mod stage;
mod torture;
mod two_nodes;
mod usage;
