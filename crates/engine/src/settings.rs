//! The engine's numbers, with defaults for production. Each bound stands beside what it limits.

use std::path::PathBuf;

use jiff::SignedDuration;
use tuikuan_domain::quota::Limits;
use tuikuan_domain::retry::Schedule;
use tuikuan_terms::Fen;

/// What the engine may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a claimed job belongs to its worker; never shorter than [`Settings::lease_min`].
    pub lease: SignedDuration,
    /// A call to WeChat ends after so long, answered or not. Shorter than the lease.
    pub call_timeout: SignedDuration,
    /// The domain's schedules.
    pub schedule: Schedule,
    /// WeChat's limits for one merchant.
    pub limits: Limits,
    /// Submits and queries in flight for one merchant at once.
    pub calls_in_flight_max: usize,
    /// Deliveries in flight for one webhook endpoint at once.
    pub deliveries_in_flight_max: usize,
    /// Waits between deliveries of one webhook; after the last a dead letter.
    pub delivery_waits: Vec<SignedDuration>,
    /// An endpoint that fails for so long is disabled.
    pub endpoint_failing_max: SignedDuration,
    /// The greatest order total accepted.
    pub total_max: Fen,
    /// Raw conversations and notifications are kept for so long.
    pub exchanges_kept: SignedDuration,
    /// How often platform certificates are fetched again.
    pub certificates_refresh: SignedDuration,
    /// From when on a day's bills are asked for, after midnight in Beijing on the day that follows;
    /// never before WeChat promises them at 10:00.
    pub bill_at: SignedDuration,
    /// They are asked for within this time after that, so that not all come at once.
    pub bill_spread: SignedDuration,
    /// Bills of so many days that were missed are made up; 0: no bills are asked for by themselves.
    pub bill_look_back: i32,
    /// Where temporary files may be made.
    pub scratch: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_secs(30),
            call_timeout: SignedDuration::from_secs(10),
            schedule: Schedule::default(),
            limits: Limits::default(),
            calls_in_flight_max: 256,
            deliveries_in_flight_max: 8,
            delivery_waits: [5, 300, 1800, 7200, 18_000, 36_000, 36_000]
                .map(SignedDuration::from_secs)
                .to_vec(),
            endpoint_failing_max: SignedDuration::from_hours(5 * 24),
            total_max: Fen::MAX,
            exchanges_kept: SignedDuration::from_hours(30 * 24),
            certificates_refresh: SignedDuration::from_hours(12),
            bill_at: SignedDuration::from_hours(10),
            bill_spread: SignedDuration::from_mins(20),
            bill_look_back: 30,
            scratch: std::env::temp_dir(),
        }
    }
}

impl Settings {
    /// The shortest lease that outlasts every call of one job, with room for the commits around it.
    /// A shorter one would be expired while its own call is under way.
    #[must_use]
    pub fn lease_min(&self) -> SignedDuration {
        let longest = self.call_timeout.max(crate::internet::WEBHOOK_TIMEOUT_MAX);
        longest
            .saturating_mul(2)
            .saturating_add(SignedDuration::from_secs(5))
    }
}
