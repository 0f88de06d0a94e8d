//! What happened, line by line, as text or as its hash (INV-44).

use std::hash::{DefaultHasher, Hash, Hasher};

/// The trace of one life.
#[derive(Debug)]
pub(crate) enum Trace {
    /// All lines.
    Lines(Vec<String>),
    /// Nothing is kept.
    Off,
}

impl Trace {
    pub(crate) fn line(&mut self, at_us: i64, text: impl FnOnce() -> String) {
        if let Self::Lines(lines) = self {
            lines.push(format!("{at_us} {}", text()));
        }
    }
}

/// A short name of bytes.
pub(crate) fn hash(bytes: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
