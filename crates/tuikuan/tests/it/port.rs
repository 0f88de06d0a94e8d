//! Ports for processes that must come back to the same one. They lie below the range from which the
//! system takes ports for outgoing connections, so that nobody takes one while its owner is dead.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 20_000;
const COUNT: u32 = 10_000;

/// A port of this machine that is free, and given out once by this process.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(step < COUNT, "no port is free");
        // Processes begin at different places.
        let begin = std::process::id().wrapping_mul(97);
        let port = u16::try_from(FIRST + begin.wrapping_add(step) % COUNT).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
