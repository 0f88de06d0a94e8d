//! What leaves a merchant's account for a refund, and the fee that comes back with it (P37).

use super::{MerchantKey, RefundKey, coupon_share};

/// The service fee, in hundredths of a percent.
const RATE: i64 = 60;

/// The fee on an amount, in fen, rounded half up.
pub(crate) fn fee_of(amount: i64) -> i64 {
    coupon_share(amount, RATE, 10_000)
}

/// One movement of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) merchant: MerchantKey,
    pub(crate) refund: RefundKey,
    pub(crate) at_ms: i64,
    /// In fen; negative when it left.
    pub(crate) amount: i64,
    /// What the account held afterwards, in fen.
    pub(crate) balance: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_those_of_the_observed_bills() {
        assert_eq!([26_000, 1_980, 630, 1].map(fee_of), [156, 12, 4, 0]);
    }
}
