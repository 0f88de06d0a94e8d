//! Tries that come back with time: so many at once, and as many again within a period. What is
//! remembered is bounded (INV-28): a key that was not used for a period has all its tries again, and
//! is forgotten; when there are too many keys, those at rest for longest go first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Keys of one generation; two are remembered.
const KEYS_MAX: usize = 10_000;

/// The tries of each key.
#[derive(Debug)]
pub(crate) struct Tries<K> {
    period: Duration,
    each: Duration,
    spent: Mutex<Generations<K>>,
}

/// Until when the tries of a key are spent, in two generations: nothing has to be looked through to
/// forget the older one.
#[derive(Debug)]
struct Generations<K> {
    begun: Instant,
    young: HashMap<K, Instant>,
    old: HashMap<K, Instant>,
}

/// How many tries a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// This one was not the last.
    Some,
    /// This one was the last for now.
    Nothing,
}

/// There was no try left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp;

impl<K: Hash + Eq + Clone> Tries<K> {
    /// Nobody has tried yet.
    pub(crate) fn new(most: u32, period: Duration) -> Self {
        Self {
            period,
            each: period / most.max(1),
            spent: Mutex::new(Generations {
                begun: Instant::now(),
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    /// One more try.
    ///
    /// # Errors
    /// [`UsedUp`]; it costs nothing.
    pub(crate) fn spend(&self, key: &K) -> Result<Left, UsedUp> {
        self.spend_at(key, Instant::now())
    }

    fn spend_at(&self, key: &K, now: Instant) -> Result<Left, UsedUp> {
        let mut spent = self.generations();
        spent.turn(now, self.period);
        let before = spent.young.get(key).or_else(|| spent.old.get(key));
        let from = before.map_or(now, |until| (*until).max(now));
        let until = from + self.each;
        let end = now + self.period;
        if until > end {
            return Err(UsedUp);
        }
        spent.young.insert(key.clone(), until);
        if until + self.each > end {
            Ok(Left::Nothing)
        } else {
            Ok(Left::Some)
        }
    }

    fn generations(&self) -> MutexGuard<'_, Generations<K>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Generations<K> {
    /// The old generation is forgotten after a period, when all in it are at rest, or when there are
    /// too many keys.
    fn turn(&mut self, now: Instant, period: Duration) {
        let over = now.saturating_duration_since(self.begun) >= period;
        if over || self.young.len() >= KEYS_MAX {
            self.old = std::mem::take(&mut self.young);
            self.begun = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(60);

    #[test]
    fn tries_come_back_one_after_the_other() {
        let tries = Tries::new(3, PERIOD);
        let start = Instant::now();
        assert_eq!(tries.spend_at(&1, start), Ok(Left::Some));
        assert_eq!(tries.spend_at(&1, start), Ok(Left::Some));
        assert_eq!(tries.spend_at(&1, start), Ok(Left::Nothing));
        assert_eq!(tries.spend_at(&1, start), Err(UsedUp));
        assert_eq!(tries.spend_at(&2, start), Ok(Left::Some), "another key");
        let later = start + PERIOD / 3;
        assert_eq!(tries.spend_at(&1, later), Ok(Left::Nothing));
        assert_eq!(tries.spend_at(&1, later), Err(UsedUp));
    }

    #[test]
    fn what_was_spent_is_not_forgotten_when_a_generation_ends() {
        let tries = Tries::new(2, PERIOD);
        let start = Instant::now();
        let late = start + PERIOD - Duration::from_secs(1);
        assert_eq!(tries.spend_at(&1, late), Ok(Left::Some));
        assert_eq!(tries.spend_at(&1, late), Ok(Left::Nothing));
        let next = start + PERIOD + Duration::from_secs(1);
        assert_eq!(tries.spend_at(&1, next), Err(UsedUp));
    }

    #[test]
    fn the_number_of_remembered_keys_is_bounded() {
        let tries = Tries::new(2, PERIOD);
        let start = Instant::now();
        for key in 0..3 * KEYS_MAX {
            assert_eq!(tries.spend_at(&key, start), Ok(Left::Some));
        }
        let spent = tries.generations();
        assert!(spent.young.len() + spent.old.len() <= 2 * KEYS_MAX);
    }
}
