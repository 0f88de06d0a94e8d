//! WeChat's quotas as values: sliding logs on the simulator's clock, one set per merchant (F-7).
//! Each log holds at most as many entries as its limit allows, so a check costs the same however
//! long the run is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The limits of the published pages; a bench raises them, a test lowers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Accepted refund applications per merchant and second (P1).
    pub applications_per_second: u32,
    /// Refused refund applications per merchant and second (P2).
    pub refusals_per_second: u32,
    /// How long applications are blocked after too many refusals, in milliseconds.
    pub refusal_block_ms: i64,
    /// Applications per minute for orders paid more than a month ago (P3).
    pub old_orders_per_minute: u32,
    /// Smallest distance of two refunds of one order, in milliseconds (P4).
    pub order_gap_ms: i64,
    /// Refund queries per merchant and second (P6).
    pub queries_per_second: u32,
    /// Refunds per order (P14).
    pub refunds_per_order: u32,
    /// Days after the payment in which a refund is possible (P24).
    pub window_days: i64,
}

impl Limits {
    /// The published figures.
    #[must_use]
    pub fn published() -> Self {
        Self {
            applications_per_second: 150,
            refusals_per_second: 6,
            refusal_block_ms: 60_000,
            old_orders_per_minute: 5_000,
            order_gap_ms: 60_000,
            queries_per_second: 300,
            refunds_per_order: 50,
            window_days: 365,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::published()
    }
}

/// One merchant's use of its quotas.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    applications: Window,
    refusals: Window,
    old_orders: Window,
    queries: Window,
    blocked_until_ms: i64,
    exceeded: Exceeded,
}

/// How many calls came faster than allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Exceeded {
    /// More in a second, or in a minute, than a quota allows.
    pub rates: u64,
    /// Refunds of one order too close to each other.
    pub spacing: u64,
}

impl Exceeded {
    pub(crate) fn add(&mut self, other: Self) {
        self.rates = self.rates.saturating_add(other.rates);
        self.spacing = self.spacing.saturating_add(other.spacing);
    }
}

/// Which quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exhausted {
    Applications,
    OldOrders,
    Refusals,
    Queries,
}

impl Usage {
    /// Whether one more application may be looked at.
    pub(crate) fn admit_application(
        &mut self,
        limits: &Limits,
        now_ms: i64,
    ) -> Result<(), Exhausted> {
        if now_ms < self.blocked_until_ms {
            return Err(Exhausted::Refusals);
        }
        if self.applications.count(now_ms, 1_000) >= limits.applications_per_second {
            return Err(Exhausted::Applications);
        }
        Ok(())
    }

    /// Whether one more application for an old order may be looked at.
    pub(crate) fn admit_old_order(
        &mut self,
        limits: &Limits,
        now_ms: i64,
    ) -> Result<(), Exhausted> {
        if self.old_orders.count(now_ms, 60_000) >= limits.old_orders_per_minute {
            return Err(Exhausted::OldOrders);
        }
        self.old_orders.record(now_ms);
        Ok(())
    }

    pub(crate) fn admit_query(&mut self, limits: &Limits, now_ms: i64) -> Result<(), Exhausted> {
        if self.queries.count(now_ms, 1_000) >= limits.queries_per_second {
            self.too_many();
            return Err(Exhausted::Queries);
        }
        self.queries.record(now_ms);
        Ok(())
    }

    pub(crate) fn accepted(&mut self, now_ms: i64) {
        self.applications.record(now_ms);
    }

    /// A call beyond a quota.
    pub(crate) fn too_many(&mut self) {
        self.exceeded.rates = self.exceeded.rates.saturating_add(1);
    }

    /// A refund too close to another one of its order.
    pub(crate) fn too_soon(&mut self) {
        self.exceeded.spacing = self.exceeded.spacing.saturating_add(1);
    }

    /// How many calls were.
    pub(crate) fn exceeded(&self) -> Exceeded {
        self.exceeded
    }

    /// A refused application; too many of them block the merchant for a while.
    pub(crate) fn refused(&mut self, limits: &Limits, now_ms: i64) {
        self.refusals.record(now_ms);
        if self.refusals.count(now_ms, 1_000) > limits.refusals_per_second {
            self.blocked_until_ms = now_ms.saturating_add(limits.refusal_block_ms);
        }
    }
}

/// Times of the recent events, oldest first.
#[derive(Debug, Default)]
struct Window(VecDeque<i64>);

impl Window {
    fn count(&mut self, now_ms: i64, span_ms: i64) -> u32 {
        while self
            .0
            .front()
            .is_some_and(|at| now_ms.saturating_sub(*at) >= span_ms)
        {
            self.0.pop_front();
        }
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn record(&mut self, now_ms: i64) {
        self.0.push_back(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let limits = Limits {
            applications_per_second: 2,
            ..Limits::published()
        };
        let mut usage = Usage::default();
        for at in [0, 500] {
            assert_eq!(usage.admit_application(&limits, at), Ok(()));
            usage.accepted(at);
        }
        assert_eq!(
            usage.admit_application(&limits, 999),
            Err(Exhausted::Applications)
        );
        assert_eq!(usage.admit_application(&limits, 1_000), Ok(()));
    }

    #[test]
    fn the_seventh_refusal_in_a_second_blocks_for_a_minute() {
        let limits = Limits::published();
        let mut usage = Usage::default();
        for at in 0..6 {
            usage.refused(&limits, at);
            assert_eq!(usage.admit_application(&limits, at), Ok(()));
        }
        usage.refused(&limits, 6);
        assert_eq!(
            usage.admit_application(&limits, 7),
            Err(Exhausted::Refusals)
        );
        assert_eq!(usage.admit_application(&limits, 60_006), Ok(()));
    }
}
