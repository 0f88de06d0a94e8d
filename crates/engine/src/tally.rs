//! Counts of what happened since the process started, for metrics and for the demonstration. No
//! decision depends on them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counters by a stable name and one label.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<BTreeMap<(&'static str, String), u64>>,
}

/// Labels per name beyond which new ones are counted as `other` (INV-28).
const LABELS_MAX: usize = 200;

impl Tally {
    /// Counts one.
    pub(crate) fn count(&self, name: &'static str, label: impl Into<String>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (name, label.into());
        if !counts.contains_key(&key) && counts.len() >= LABELS_MAX {
            key.1 = "other".to_owned();
        }
        let count = counts.entry(key).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// All counters: name, label, count.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(&'static str, String, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((name, label), count)| (*name, label.clone(), *count))
            .collect()
    }
}
