//! Time and identifiers come from outside, so that a whole life can be simulated from a seed. Two
//! traits, each with a real and a simulated side; nothing else in the engine may read a clock or
//! draw a random number.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::{BatchId, DifferenceId, PaymentId, RefundId};
use uuid::Uuid;

use crate::network::Sending;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time now. Used for deadlines and leases alike; must not jump backwards while the process
    /// lives (INV-25).
    fn now(&self) -> Timestamp;

    /// The wall clock, for what is compared with WeChat's clock (signatures and their window). It
    /// may be set right while the process runs, where [`Clock::now`] must not jump.
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// How long to sleep, by the machine's clock, until `due`.
    fn until(&self, due: Timestamp) -> Duration;

    /// Waits until `due`. The machine's timer does it unless this time is not the machine's.
    fn sleep_until(&self, due: Timestamp) -> Sending<'static, ()> {
        let wait = self.until(due).max(SLEEP_MIN);
        Box::pin(async move { tokio::time::sleep(wait).await })
    }
}

/// The shortest sleep, so that a wait never spins.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// The machine's time, read once at start and carried on by the monotonic clock, so that a jump of
/// the wall clock neither sends twice nor starves (INV-25). It may run faster, for demonstrations.
#[derive(Debug, Clone)]
pub struct MachineClock {
    start: Timestamp,
    since: Instant,
    speed: u32,
}

impl MachineClock {
    /// Real time.
    #[must_use]
    pub fn real() -> Self {
        Self::faster(1)
    }

    /// Time that runs `speed` times as fast (at least once), beginning now.
    #[must_use]
    pub fn faster(speed: u32) -> Self {
        Self {
            start: Timestamp::now(),
            since: Instant::now(),
            speed: speed.max(1),
        }
    }

    /// The same with a given beginning, to share one time with another clock.
    #[must_use]
    pub fn from_start(start: Timestamp, speed: u32) -> Self {
        Self {
            start,
            since: Instant::now(),
            speed: speed.max(1),
        }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.since.elapsed().saturating_mul(self.speed);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        whole_micros(tuikuan_domain::after(self.start, elapsed))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn until(&self, due: Timestamp) -> Duration {
        let wait = due.duration_since(self.now());
        Duration::try_from(wait).unwrap_or(Duration::ZERO) / self.speed
    }
}

/// Times are kept in whole microseconds, so that what is read equals what was written.
pub(crate) fn whole_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// Where identifiers and nonces come from.
pub trait IdSource: Send + Sync {
    /// 128 bits for an id that sorts by time.
    fn ordered(&self) -> Uuid;

    /// 128 unpredictable bits.
    fn random(&self) -> Uuid;
}

/// Identifiers of the machine: UUID version 7 and random ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineIds;

impl IdSource for MachineIds {
    fn ordered(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// A refund id.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
pub(crate) fn refund_id(ids: &dyn IdSource) -> RefundId {
    format!("rf_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}

/// A payment id.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
pub(crate) fn payment_id(ids: &dyn IdSource) -> PaymentId {
    format!("pay_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}

/// A batch id.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
pub(crate) fn batch_id(ids: &dyn IdSource) -> BatchId {
    format!("bt_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}

/// The id of a difference.
#[expect(
    clippy::expect_used,
    reason = "a prefix and 32 hex digits always fit the pattern"
)]
pub(crate) fn difference_id(ids: &dyn IdSource) -> DifferenceId {
    format!("rd_{}", ids.ordered().simple())
        .parse()
        .expect("fits the pattern")
}

/// A nonce as WeChat wants it: 32 characters of `[0-9A-F]`.
pub(crate) fn nonce(ids: &dyn IdSource) -> String {
    format!("{:X}", ids.random().simple())
}
