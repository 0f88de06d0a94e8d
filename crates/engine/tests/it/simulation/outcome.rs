//! What came of a life, and what was found.

use std::collections::BTreeMap;

/// What was found, and how to find it again.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) seed: u64,
    pub(crate) what: String,
}

/// Counts of what was lived through.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    pub(crate) lives: u64,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }

    pub(crate) fn count(&mut self, name: &str, count: u64) {
        *self.counts.entry(name.to_owned()).or_default() += count;
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lives", self.lives)?;
        for (name, count) in &self.counts {
            write!(f, ", {name} {count}")?;
        }
        Ok(())
    }
}
