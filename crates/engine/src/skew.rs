//! How far this process's clocks are from the database's (F-42). The engine's clock began with the
//! database's and is carried on by the machine; a machine that was suspended, or a database that moved to
//! another one, makes a difference. Leases are judged by the database alone (INV-25), and due times are
//! off by as much as is measured here. It is said, never acted upon: a step of the database's own clock
//! must not take every node away.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tuikuan_store::ReadError;

use crate::engine::Engine;

/// An offset beyond which somebody should look.
pub const CLOCK_OFFSET_MAX: SignedDuration = SignedDuration::from_secs(1);
/// An answer that took longer measures nothing.
const ANSWER_MAX: SignedDuration = SignedDuration::from_millis(500);
/// The log says it again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(600);

/// How far clocks are ahead of the database's; negative: behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// The engine's, which sets due times.
    pub engine: SignedDuration,
    /// The machine's, which WeChat sees in signatures.
    pub machine: SignedDuration,
}

impl Offsets {
    /// Whether one of them is more than [`CLOCK_OFFSET_MAX`].
    #[must_use]
    pub fn are_large(self) -> bool {
        let large = |offset: SignedDuration| offset.abs() > CLOCK_OFFSET_MAX;
        large(self.engine) || large(self.machine)
    }
}

/// What was measured last, and when the log was told.
#[derive(Debug, Default)]
pub(crate) struct Skew {
    last: Mutex<(Option<Offsets>, Option<Instant>)>,
}

impl Skew {
    pub(crate) fn last(&self) -> Option<Offsets> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn note(&self, offsets: Offsets) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.0 = Some(offsets);
        if !offsets.are_large() {
            last.1 = None;
        } else if last.1.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            last.1 = Some(Instant::now());
            tracing::warn!(
                engine = %offsets.engine,
                machine = %offsets.machine,
                "a clock is off the database's: set the machines' clocks by NTP; an engine whose own \
                 is off is right again after a restart",
            );
        }
    }
}

impl Engine {
    /// Measures how far the clocks are from the database's.
    pub(crate) async fn measure_clocks(&self) -> Result<(), ReadError> {
        let (asked, machine) = (self.now(), self.clock().wall());
        let Some(stored) = self.store().clock().await? else {
            return Ok(());
        };
        let took = self.now().duration_since(asked);
        if took <= ANSWER_MAX {
            // The database looked about half way between question and answer.
            let ahead = |ours: jiff::Timestamp| ours.duration_since(stored) + took / 2;
            self.skew().note(Offsets {
                engine: ahead(asked),
                machine: ahead(machine),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_and_more_in_either_direction_is_large() {
        let of = |engine, machine| Offsets {
            engine: SignedDuration::from_millis(engine),
            machine: SignedDuration::from_millis(machine),
        };
        assert!(!of(1000, -1000).are_large());
        assert!(of(1001, 0).are_large());
        assert!(of(0, -1001).are_large());
    }
}
