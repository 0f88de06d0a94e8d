//! A day's refunds as its bill shows them: from the books, with what was planted.

use tuikuan_wechat::bill::{BillDay, BillRefundStatus};

use super::desk::{BillDifference, DifferenceKind};
use super::{MADE_AFTER_MS, Wanted};
use crate::books::{CouponKind, MerchantKey, Order, Refund, RefundStatus, fee_of};
use crate::world::World;

/// Where a refund's row takes the rest from, when it has no order.
pub(super) enum Source<'a> {
    /// A refund of the books.
    Books(&'a Order),
    /// Nobody's.
    Invented,
}

/// One refund's row.
pub(super) struct RefundLine<'a> {
    pub(super) source: Source<'a>,
    pub(super) at_s: i64,
    pub(super) succeeded_at_s: Option<i64>,
    pub(super) refund_id: String,
    pub(super) out_refund_no: String,
    pub(super) requested: i64,
    pub(super) settled: i64,
    pub(super) coupon_refund: i64,
    pub(super) channel: &'static str,
    pub(super) status: BillRefundStatus<'static>,
    taken: bool,
}

impl RefundLine<'_> {
    /// The fee that is given back, in fen.
    pub(super) fn fee(&self) -> i64 {
        fee_of(self.settled)
    }
}

/// The rows of a day: its own, and the late ones of the day before.
pub(super) fn refund_lines<'a>(world: &'a World, wanted: &Wanted) -> Vec<RefundLine<'a>> {
    let (mut lines, _) = shown(world, wanted.merchant, wanted.day);
    let (_, late) = shown(world, wanted.merchant, wanted.day.previous());
    lines.splice(0..0, late);
    let sub = wanted.sub_mch_id.as_deref();
    lines.retain(|line| match line.source {
        Source::Books(order) => sub.is_none() || order.sub_mch_id.as_deref() == sub,
        Source::Invented => true,
    });
    lines
}

/// What the bill of a day shows, and what it leaves to the next.
fn shown(
    world: &World,
    merchant: MerchantKey,
    day: BillDay,
) -> (Vec<RefundLine<'_>>, Vec<RefundLine<'_>>) {
    let made_ms = day.next().starts_at() * 1_000 + MADE_AFTER_MS;
    let mut lines: Vec<RefundLine<'_>> = world
        .books
        .refunds_of(merchant)
        .iter()
        .map(|key| &world.books[*key])
        .filter(|refund| day.contains(refund.created_at_ms.div_euclid(1_000)))
        .map(|refund| line(world, refund, made_ms))
        .collect();
    let mut late = Vec::new();
    for difference in world.bills.of(world.merchant(merchant), day) {
        plant(&mut lines, &mut late, difference, day);
    }
    (lines, late)
}

fn plant<'a>(
    lines: &mut Vec<RefundLine<'a>>,
    late: &mut Vec<RefundLine<'a>>,
    difference: &BillDifference,
    day: BillDay,
) {
    if difference.kind == DifferenceKind::ExtraRow {
        lines.push(invented(difference, day, lines.len()));
        return;
    }
    let meant = |line: &RefundLine<'_>| match &difference.out_refund_no {
        Some(number) => line.out_refund_no == *number,
        None => !line.taken,
    };
    let Some(at) = lines.iter().position(meant) else {
        return;
    };
    match difference.kind {
        DifferenceKind::MissingRow => {
            lines.remove(at);
        }
        DifferenceKind::Late => {
            let mut line = lines.remove(at);
            line.at_s = day.next().starts_at();
            late.push(line);
        }
        DifferenceKind::Amount => {
            let line = &mut lines[at];
            let amount = difference.amount.unwrap_or(line.requested + 1);
            line.settled += amount - line.requested;
            line.requested = amount;
            line.taken = true;
        }
        DifferenceKind::Status => {
            let line = &mut lines[at];
            let success = line.status == BillRefundStatus::Success;
            line.status = match success {
                true => BillRefundStatus::Fail,
                false => BillRefundStatus::Success,
            };
            line.succeeded_at_s = (!success).then_some(line.at_s);
            line.taken = true;
        }
        DifferenceKind::ExtraRow
        | DifferenceKind::CutFile
        | DifferenceKind::Altered
        | DifferenceKind::NoHashMatch
        | DifferenceKind::NotReady
        | DifferenceKind::NothingThatDay => {}
    }
}

fn invented(difference: &BillDifference, day: BillDay, nth: usize) -> RefundLine<'static> {
    let number = match &difference.out_refund_no {
        Some(number) => number.clone(),
        None => format!("X{}{nth:06}", day.compact()),
    };
    let amount = difference.amount.unwrap_or(100);
    RefundLine {
        source: Source::Invented,
        at_s: day.starts_at() + 43_200,
        succeeded_at_s: Some(day.starts_at() + 43_201),
        refund_id: format!("503999{}{nth:015}", day.compact()),
        out_refund_no: number,
        requested: amount,
        settled: amount,
        coupon_refund: 0,
        channel: "ORIGINAL",
        status: BillRefundStatus::Success,
        taken: true,
    }
}

fn line<'a>(world: &'a World, refund: &'a Refund, made_ms: i64) -> RefundLine<'a> {
    let prepaid = refund
        .coupons
        .iter()
        .filter(|coupon| coupon.kind == CouponKind::Cash)
        .map(|coupon| coupon.amount)
        .sum();
    let status = refund.status_at(made_ms);
    let arrived = refund.success_at_ms.filter(|at_ms| *at_ms <= made_ms);
    RefundLine {
        source: Source::Books(world.order_of(refund)),
        at_s: refund.created_at_ms.div_euclid(1_000),
        succeeded_at_s: arrived.map(|at_ms| at_ms.div_euclid(1_000)),
        refund_id: refund.refund_id.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        requested: refund.amount,
        settled: refund.settlement(),
        coupon_refund: prepaid,
        channel: refund.channel.as_str(),
        status: match status {
            RefundStatus::Processing => BillRefundStatus::Processing,
            RefundStatus::Success => BillRefundStatus::Success,
            RefundStatus::Abnormal => BillRefundStatus::Change,
            RefundStatus::Closed => BillRefundStatus::Fail,
        },
        taken: false,
    }
}
