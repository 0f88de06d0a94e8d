//! The running simulator's clock: real time, made faster and pushed forward. It drives refunds and
//! the notification schedule; signatures carry real time, because callers' clocks are real.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that may run fast.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    start_ms: i64,
    speed: f64,
    pushed_ms: i64,
}

impl Clock {
    pub(crate) fn start(speed: f64) -> Self {
        Self {
            started: Instant::now(),
            start_ms: wall_ms(),
            speed: speed.clamp(0.001, 1_000_000.0),
            pushed_ms: 0,
        }
    }

    /// Unix milliseconds on this clock.
    pub(crate) fn now_ms(&self) -> i64 {
        let elapsed = self.started.elapsed().mul_f64(self.speed);
        let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        self.start_ms
            .saturating_add(self.pushed_ms)
            .saturating_add(elapsed)
    }

    pub(crate) fn push(&mut self, ms: i64) {
        self.pushed_ms = self.pushed_ms.saturating_add(ms.max(0));
    }

    /// How long to wait, in real time, until this clock shows that time.
    pub(crate) fn until(&self, unix_ms: i64) -> Duration {
        let ms = u64::try_from(unix_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        Duration::from_millis(ms).div_f64(self.speed)
    }
}

/// Real time, unix milliseconds.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
