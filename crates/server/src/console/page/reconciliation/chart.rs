//! The two charts of a month: geometry in whole numbers, colours by classes of the style sheet. Each
//! has its numbers as a table too.

use jiff::civil::Date;
use tuikuan_domain::reconcile::BillKind;
use tuikuan_store::BillDay;
use tuikuan_terms::Fen;

use crate::console::text::fill;
use crate::console::text::reconciliation::Words;

/// A rectangle.
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) height: i64,
    pub(crate) class: &'static str,
}

/// Thousandths of a fen in a fen.
const PER_FEN: i64 = 1000;
/// The ground of the drawing, its height, and the room of a day.
const GROUND: i64 = 140;
const HEIGHT: i64 = 130;
const DAY: i64 = 20;

/// What was paid and refunded, day by day.
pub(crate) struct Money {
    pub(crate) bars: Vec<Bar>,
    pub(crate) summary: String,
    /// The day, what was paid, what was refunded.
    pub(crate) rows: Vec<[String; 3]>,
}

/// What was returned of the fees, day by day.
pub(crate) struct Fees {
    pub(crate) bars: Vec<Bar>,
    pub(crate) summary: String,
    /// The day, fees taken, fees returned.
    pub(crate) rows: Vec<[String; 3]>,
}

fn trades(bills: &[BillDay]) -> impl Iterator<Item = &BillDay> {
    bills
        .iter()
        .filter(|bill| bill.bill.kind == BillKind::Trades && bill.fetched_at.is_some())
}

fn yuan(fen: i64) -> String {
    Fen::new(fen).map_or_else(|_negative| fen.to_string(), Fen::to_yuan)
}

fn left(day: Date, from: Date) -> i64 {
    let days = day.since(from).map_or(0, |span| span.get_days());
    8 + i64::from(days) * DAY
}

/// A bar that stands on the ground; the least of something is still to be seen.
fn bar(x: i64, (value, top): (i64, i64), class: &'static str) -> Option<Bar> {
    if value <= 0 {
        return None;
    }
    let height = i128::from(value) * i128::from(HEIGHT) / i128::from(top.max(1));
    let height = i64::try_from(height).unwrap_or(HEIGHT).clamp(1, HEIGHT);
    Some(Bar {
        x,
        y: GROUND - height,
        height,
        class,
    })
}

impl Money {
    pub(super) fn of(bills: &[BillDay], (from, _): (Date, Date), words: &Words) -> Option<Self> {
        let top = trades(bills)
            .map(|bill| bill.sums.payments_fen.max(bill.sums.refunds_fen))
            .max()?;
        let (mut bars, mut rows, mut paid, mut refunded) = (Vec::new(), Vec::new(), 0_i64, 0_i64);
        for bill in trades(bills) {
            let (sums, x) = (&bill.sums, left(bill.bill.day, from));
            paid = paid.saturating_add(sums.payments_fen);
            refunded = refunded.saturating_add(sums.refunds_fen);
            bars.extend(bar(x, (sums.payments_fen, top), "fill-blue"));
            bars.extend(bar(x + DAY / 2 - 1, (sums.refunds_fen, top), "fill-amber"));
            rows.push([
                bill.bill.day.to_string(),
                yuan(sums.payments_fen),
                yuan(sums.refunds_fen),
            ]);
        }
        let numbers = [("payments", &*yuan(paid)), ("refunds", &*yuan(refunded))];
        Some(Self {
            bars,
            rows,
            summary: fill(words.chart_summary, &numbers),
        })
    }
}

impl Fees {
    pub(super) fn of(bills: &[BillDay], (from, _): (Date, Date), words: &Words) -> Option<Self> {
        let top = trades(bills).map(|bill| bill.sums.fees_returned).max()?;
        let (mut bars, mut rows, mut taken, mut returned) = (Vec::new(), Vec::new(), 0_i64, 0_i64);
        for bill in trades(bills) {
            let (sums, x) = (&bill.sums, left(bill.bill.day, from));
            taken = taken.saturating_add(sums.fees);
            returned = returned.saturating_add(sums.fees_returned);
            bars.extend(bar(x, (sums.fees_returned, top), "fill-green"));
            rows.push([
                bill.bill.day.to_string(),
                yuan(sums.fees / PER_FEN),
                yuan(sums.fees_returned / PER_FEN),
            ]);
        }
        let (taken, returned) = (yuan(taken / PER_FEN), yuan(returned / PER_FEN));
        let numbers = [("fees", &*taken), ("returned", &*returned)];
        Some(Self {
            bars,
            rows,
            summary: fill(words.fees_summary, &numbers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stays_inside_the_drawing_and_little_is_still_seen() {
        assert!(bar(0, (0, 10), "x").is_none());
        assert_eq!(bar(0, (1, 1_000_000), "x").unwrap().height, 1);
        assert_eq!(bar(0, (i64::MAX, i64::MAX), "x").unwrap().height, HEIGHT);
        let half = bar(0, (5, 10), "x").unwrap();
        assert_eq!((half.y, half.height), (GROUND - HEIGHT / 2, HEIGHT / 2));
    }
}
