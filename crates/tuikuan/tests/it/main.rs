//! Black box: the real binary, alone and against the real simulator on free ports.

mod doctor;
mod journey;
mod mistakes;
mod notify;
mod stage;
mod usage;
