//! The payment a refund draws on, as a box: what was paid, refunded, is on the way, is left.

use tuikuan_domain::payment::{REFUND_WINDOW, REFUNDS_PER_PAYMENT_MAX};
use tuikuan_domain::{Payment, after};
use tuikuan_terms::Fen;

use crate::console::format;
use crate::console::page::refunds::payment_href;
use crate::console::text::{self, refund::Words};
use crate::console::visit::Visit;

/// The width of the bar.
const WIDTH: i64 = 1000;

/// A payment in figures.
pub(crate) struct PaymentBox {
    /// What was paid.
    pub(crate) total: String,
    /// What is left.
    pub(crate) left: String,
    /// What was refunded, here or elsewhere.
    pub(crate) refunded: String,
    /// What is on the way.
    pub(crate) reserved: String,
    /// What was refunded elsewhere; empty for nothing.
    pub(crate) external: String,
    /// The bar in words.
    pub(crate) bar: String,
    /// Its parts, of 1000.
    pub(crate) done: i64,
    /// What is on the way, of 1000.
    pub(crate) way: i64,
    /// The order's number.
    pub(crate) order: String,
    /// WeChat's number of the order.
    pub(crate) transaction: Option<String>,
    /// When it was paid.
    pub(crate) paid_at: Option<String>,
    /// Until when it can be refunded.
    pub(crate) until: Option<String>,
    /// `2 / 50`.
    pub(crate) times: String,
    /// Its page.
    pub(crate) href: String,
    /// The merchant.
    pub(crate) merchant: String,
}

impl PaymentBox {
    /// A payment as it stands.
    pub(crate) fn of(payment: &Payment, visit: &Visit) -> Self {
        let words = Words::of(visit.language());
        let (total, left) = (payment.total, payment.refundable());
        let (refunded, reserved) = (payment.refunded(), payment.reserved);
        let number = payment.out_trade_no.to_string();
        let until = payment.paid_at.map(|paid| after(paid, REFUND_WINDOW));
        Self {
            total: format::money(total),
            left: format::money(left),
            refunded: format::money(refunded),
            reserved: format::money(reserved),
            external: if payment.external.is_zero() {
                String::new()
            } else {
                format::money(payment.external)
            },
            bar: text::fill(
                words.bar,
                &[
                    ("refunded", &format::money(refunded)),
                    ("reserved", &format::money(reserved)),
                    ("left", &format::money(left)),
                ],
            ),
            done: share(refunded, total),
            way: share(reserved, total),
            href: payment_href(payment.merchant.as_str(), &number),
            order: number,
            transaction: payment.transaction_id.as_ref().map(ToString::to_string),
            paid_at: payment.paid_at.map(format::date_time),
            until: until.map(format::day),
            times: format!("{} / {REFUNDS_PER_PAYMENT_MAX}", payment.refunds),
            merchant: payment.merchant.to_string(),
        }
    }
}

/// A part of a whole, of 1000. What is something is seen.
fn share(part: Fen, whole: Fen) -> i64 {
    if part.is_zero() || whole.is_zero() {
        return 0;
    }
    let share = i128::from(part.get()) * i128::from(WIDTH) / i128::from(whole.get());
    i64::try_from(share).unwrap_or(WIDTH).clamp(4, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_something_is_seen_and_none_is_wider_than_the_bar() {
        let fen = |n| Fen::new(n).unwrap();
        assert_eq!(share(fen(0), fen(100)), 0);
        assert_eq!(share(fen(1), Fen::MAX), 4);
        assert_eq!(share(fen(33), fen(100)), 330);
        assert_eq!(share(Fen::MAX, Fen::MAX), 1000);
    }
}
