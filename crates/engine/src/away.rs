//! A store that does not answer for a while: its users wait longer and longer, and the log says it
//! once, now and then, and at the end, not with every try.

use std::error::Error;
use std::time::{Duration, Instant};

/// The first wait; doubles ...
const WAIT_MIN: Duration = Duration::from_millis(250);
/// ... up to here, so that work goes on soon after.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The log says it again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How one kind of work fares with the store.
#[derive(Debug)]
pub(crate) struct Away {
    /// What is not done meanwhile.
    what: &'static str,
    failures: u32,
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Away {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            failures: 0,
            since: None,
            told: None,
        }
    }

    /// It failed; how long to wait before the next try.
    pub(crate) fn failed(&mut self, error: &(dyn Error + 'static)) -> Duration {
        self.failed_at(error, Instant::now())
    }

    fn failed_at(&mut self, error: &(dyn Error + 'static), now: Instant) -> Duration {
        let since = *self.since.get_or_insert(now);
        if self
            .told
            .is_none_or(|told| now.duration_since(told) >= TELL_AGAIN)
        {
            self.told = Some(now);
            let seconds = now.duration_since(since).as_secs();
            tracing::error!(error, seconds, "{}, trying again", self.what);
        }
        let wait = WAIT_MIN.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        wait.min(WAIT_MAX)
    }

    /// It went well or failed, and is tried again at a time of its own.
    pub(crate) fn note<E: Error + 'static>(&mut self, result: Result<(), E>) {
        match result {
            Ok(()) => self.back(),
            Err(error) => {
                self.failed(&error);
            }
        }
    }

    /// It went well.
    pub(crate) fn back(&mut self) {
        let Some(since) = self.since.take() else {
            return;
        };
        tracing::info!(
            seconds = since.elapsed().as_secs(),
            failures = self.failures,
            "{}: over, everything goes on",
            self.what
        );
        (self.failures, self.told) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew_after_it_went_well() {
        let mut away = Away::new("nothing is done");
        let error = std::io::Error::other("away");
        let waits: Vec<_> = (0..7).map(|_| away.failed(&error).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        away.back();
        assert_eq!(away.failed(&error), WAIT_MIN);
    }

    #[test]
    fn the_log_says_it_once_a_minute() {
        let mut away = Away::new("nothing is done");
        let error = std::io::Error::other("away");
        let (mut now, mut told) = (Instant::now(), 0);
        for _ in 0..30 {
            let before = away.told;
            now += away.failed_at(&error, now);
            told += u32::from(away.told != before);
        }
        assert_eq!(told, 3);
    }
}
