//! Tuikuan.
fn main() {}
