//! A database full of refunds, made by a few statements: for benches of large stores, which would
//! otherwise wait hours for them. Records, events, jobs, counters and figures agree with each other;
//! only the hashes of the histories are empty, so `audit verify --histories` refuses such a store.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::MerchantName;
use tuikuan_terms::MchId;

use crate::error::OpenError;
use crate::figures::Bucket;
use crate::{postgres, sqlite};

/// Refunds of one payment; WeChat allows 50.
const OF_A_PAYMENT: i64 = 40;
/// Payments in one transaction.
pub(crate) const PAYMENTS_AT_ONCE: i64 = 2_500;
/// A refund that has arrived took so long.
const TOOK: SignedDuration = SignedDuration::from_secs(60);

/// With what a database is filled.
#[derive(Debug, Clone)]
pub struct Filling {
    /// Whose refunds.
    pub merchant: MerchantName,
    /// Its number.
    pub mch_id: MchId,
    /// How many, rounded up to whole payments of 40.
    pub refunds: u32,
    /// So many of them, the last ones, wait in the queue and are due; the others have arrived.
    pub open: u32,
    /// When the last one was asked for; one came each second before.
    pub last: Timestamp,
}

impl Filling {
    /// The number of the refund at a place: it tells nothing of the place, as numbers of callers do.
    #[must_use]
    pub fn number(place: u32) -> String {
        format!("F{:08X}", place.wrapping_mul(2_654_435_761))
    }

    /// Our id of the refund at a place.
    #[must_use]
    pub fn id(place: u32) -> String {
        format!("rf_{place:024}")
    }

    /// Fills a database that has no refunds yet and that nobody has opened.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn fill(&self, url: &str) -> Result<(), OpenError> {
        match url.strip_prefix("sqlite:") {
            Some(file) => sqlite::filled::fill(file, &self.plan()),
            None => postgres::filled::fill(url, &self.plan()).await,
        }
    }

    fn plan(&self) -> Plan {
        let payments = |refunds: u32| (i64::from(refunds) + OF_A_PAYMENT - 1) / OF_A_PAYMENT;
        let all = payments(self.refunds);
        let refunds = all * OF_A_PAYMENT;
        Plan {
            merchant: self.merchant.to_string(),
            mch_id: self.mch_id.to_string(),
            payments: all,
            open_from: all - payments(self.open.min(self.refunds)),
            begun_at: self.last.as_microsecond() - refunds * 1_000_000,
            bucket: Bucket::of(TOOK).to_string(),
        }
    }
}

/// The same as the statements want it.
pub(crate) struct Plan {
    pub(crate) merchant: String,
    pub(crate) mch_id: String,
    pub(crate) payments: i64,
    /// The first payment whose refunds are open.
    pub(crate) open_from: i64,
    /// When the first one was asked for.
    pub(crate) begun_at: i64,
    /// How long each took, in the figures.
    pub(crate) bucket: String,
}

impl Plan {
    /// Parts that fit into one transaction each: the first payment, and the first of the next part.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (i64, i64)> + use<> {
        let all = self.payments;
        let step = usize::try_from(PAYMENTS_AT_ONCE).unwrap_or(usize::MAX);
        let firsts = (0..all).step_by(step);
        firsts.map(move |first| (first, all.min(first + PAYMENTS_AT_ONCE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_payment_once() {
        let filling = Filling {
            merchant: "main".parse().unwrap(),
            mch_id: "1900000109".parse().unwrap(),
            refunds: 250_001,
            open: 41,
            last: Timestamp::UNIX_EPOCH,
        };
        let plan = filling.plan();
        assert_eq!((plan.payments, plan.open_from), (6_251, 6_249));
        let parts: Vec<_> = plan.parts().collect();
        assert_eq!(parts, [(0, 2_500), (2_500, 5_000), (5_000, 6_251)]);
    }
}
