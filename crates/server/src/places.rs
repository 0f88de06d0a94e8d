//! Places for what goes on for long: event streams, open pages, files that are sent. There are so
//! many of a kind for all, and so many for each person or key, so that nobody takes those of
//! everybody (INV-28).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tuikuan_engine::By;

/// Streams or exports that one person or key may have at once.
pub(crate) const EACH_MAX: usize = 8;

/// Open pages that one person may have at once. The place of a page that was left is free only when
/// writing to it fails, up to two heartbeats later, so quick clicking needs many.
pub(crate) const PAGES_EACH_MAX: usize = 64;

type Held = Arc<Mutex<HashMap<String, usize>>>;

/// The places of one kind.
#[derive(Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    each_max: usize,
    held: Held,
}

impl Places {
    /// So many for all, and so many for each.
    pub(crate) fn new(places_max: usize, each_max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places_max)),
            each_max,
            held: Held::default(),
        }
    }

    /// A place for somebody; `None` when all are taken, or all that one may have.
    pub(crate) fn take(&self, by: &By) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let who = match &by.key {
            Some(key) => key.to_string(),
            None => by.actor.to_string(),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&who).copied().unwrap_or(0);
        if count >= self.each_max {
            return None;
        }
        held.insert(who.clone(), count.saturating_add(1));
        drop(held);
        Some(Place {
            who,
            held: Arc::clone(&self.held),
            _permit: permit,
        })
    }
}

/// One place, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    who: String,
    held: Held,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.who) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            Some(_) | None => {
                held.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_places_of_everybody() {
        let places = Places::new(EACH_MAX + 1, EACH_MAX);
        let (one, other) = (
            By::key("key_one_0123456789abcdef0123456789".parse().unwrap()),
            By::cli(),
        );
        let mut taken: Vec<_> = (0..EACH_MAX).map(|_| places.take(&one).unwrap()).collect();
        assert!(places.take(&one).is_none(), "all that one may have");
        let last = places.take(&other).unwrap();
        taken.pop();
        assert!(places.take(&one).is_some(), "a place is free again");
        let again = places.take(&one).unwrap();
        assert!(places.take(&other).is_none(), "all are taken");
        drop((taken, last, again));
        assert!(
            places.held.lock().unwrap().is_empty(),
            "nobody is remembered"
        );
        assert!(places.take(&other).is_some());
    }
}
