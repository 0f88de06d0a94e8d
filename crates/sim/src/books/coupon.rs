//! Coupons of an order and the coupon part of a refund (F-17, rules P40 to P46 of the limits page).

use serde::{Deserialize, Serialize};

/// Whether the merchant is settled for the coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CouponKind {
    /// Prepaid (充值券): the merchant is settled for it.
    Cash,
    /// Non-prepaid (免充值券): reduces the settled amount.
    NoCash,
}

impl CouponKind {
    pub(crate) fn v2(self) -> &'static str {
        match self {
            Self::Cash => "CASH",
            Self::NoCash => "NO_CASH",
        }
    }

    pub(crate) fn v3(self) -> &'static str {
        match self {
            Self::Cash => "CASH",
            Self::NoCash => "NOCASH",
        }
    }
}

/// One coupon used in an order or given back by a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coupon {
    /// WeChat's number of the coupon.
    pub id: String,
    /// Who pays for it.
    pub kind: CouponKind,
    /// Its amount in fen.
    pub amount: i64,
}

/// `whole * part / total`, rounded half up; 0 when the total is 0.
pub(crate) fn share(whole: i64, part: i64, total: i64) -> i64 {
    let product = i128::from(whole) * i128::from(part) * 2 + i128::from(total);
    let share = product.checked_div(i128::from(total) * 2).unwrap_or(0);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// Spreads the coupon part of a refund over the coupons in proportion; the last one that has room
/// takes the rest, and no coupon gives back more than it was worth.
pub(crate) fn spread(coupons: &[Coupon], part: i64) -> Vec<Coupon> {
    let worth: i64 = coupons.iter().map(|c| c.amount).sum();
    let mut rest = part;
    let mut back: Vec<Coupon> = coupons
        .iter()
        .map(|coupon| {
            let amount = share(coupon.amount, part, worth).min(rest);
            rest -= amount;
            Coupon {
                amount,
                ..coupon.clone()
            }
        })
        .collect();
    for (given, coupon) in back.iter_mut().zip(coupons) {
        let more = rest.min(coupon.amount - given.amount);
        given.amount += more;
        rest -= more;
    }
    back.retain(|coupon| coupon.amount > 0);
    back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_half_up_as_the_published_example() {
        assert_eq!(share(700, 900, 1000), 630);
        assert_eq!(share(1, 1, 2), 1);
        assert_eq!(share(5, 1, 0), 0);
    }

    #[test]
    fn spreading_keeps_the_sum() {
        let coupon = |amount: i64| Coupon {
            id: amount.to_string(),
            kind: CouponKind::Cash,
            amount,
        };
        let coupons = [coupon(1), coupon(1), coupon(3)];
        for part in 0..=5 {
            let sum: i64 = spread(&coupons, part).iter().map(|c| c.amount).sum();
            assert_eq!(sum, part);
        }
    }
}
