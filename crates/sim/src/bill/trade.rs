//! The trade bill: payments and refunds of a day, in the order of their times.

use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{
    BillError, BillKind, BillTradeState, BillWriter, Fee, Layout, PaymentRow, RefundRow, Row,
    Style, Trade,
};

use super::Wanted;
use super::planted::{RefundLine, Source, refund_lines};
use crate::books::{Order, OrderState, fee_of};
use crate::world::World;

enum Line<'a> {
    Payment(&'a Order, i64),
    Refund(RefundLine<'a>),
}

impl Line<'_> {
    fn at_s(&self) -> i64 {
        match self {
            Self::Payment(_, at_s) => *at_s,
            Self::Refund(line) => line.at_s,
        }
    }
}

/// The bill's bytes; none when nothing at all happened on that day. A day with trades of the other
/// kind has a bill without rows.
pub(super) fn print(world: &World, wanted: &Wanted) -> Option<Vec<u8>> {
    let mut lines: Vec<Line<'_>> = payments(world, wanted);
    lines.extend(refund_lines(world, wanted).into_iter().map(Line::Refund));
    if lines.is_empty() {
        return None;
    }
    lines.retain(|line| match line {
        Line::Payment(..) => wanted.kind != BillKind::Refund,
        Line::Refund(_) => wanted.kind != BillKind::Success,
    });
    lines.sort_by_key(Line::at_s);
    let mch_id = &world.merchant(wanted.merchant).mch_id;
    // Writing into memory cannot fail, and the rows are of the bill's kind.
    write(&lines, wanted.kind, mch_id).ok()
}

fn payments<'a>(world: &'a World, wanted: &Wanted) -> Vec<Line<'a>> {
    let sub = wanted.sub_mch_id.as_deref();
    world
        .orders()
        .iter()
        .filter(|order| order.merchant == wanted.merchant && order.state == OrderState::Paid)
        .filter(|order| sub.is_none() || order.sub_mch_id.as_deref() == sub)
        .filter_map(|order| {
            let at_s = order.paid_at_ms?.div_euclid(1_000);
            wanted
                .day
                .contains(at_s)
                .then_some(Line::Payment(order, at_s))
        })
        .collect()
}

fn write(lines: &[Line<'_>], kind: BillKind, mch_id: &str) -> Result<Vec<u8>, BillError> {
    let mut writer = BillWriter::new(Vec::new(), &Layout::current(kind), Style::OBSERVED)?;
    for line in lines {
        match line {
            Line::Payment(order, at_s) => {
                let mut trade = trade(Some(order), mch_id, *at_s);
                trade.state = BillTradeState::Success;
                trade.settlement = Some(fen(order.settlement_total()));
                trade.coupon = fen(order.coupon_total());
                trade.total = Some(fen(order.total));
                trade.fee = fee(fee_of(order.settlement_total()));
                writer.write(&Row::Payment(PaymentRow { trade }))?;
            }
            Line::Refund(line) => {
                writer.write(&Row::Refund(refund(line, kind, mch_id)))?;
            }
        }
    }
    Ok(writer.finish()?.0)
}

fn refund<'a>(line: &'a RefundLine<'a>, kind: BillKind, mch_id: &'a str) -> RefundRow<'a> {
    let order = match line.source {
        Source::Books(order) => Some(order),
        Source::Invented => None,
    };
    let mut trade = trade(order, mch_id, line.at_s);
    trade.refund = fen(line.settled);
    trade.coupon_refund = fen(line.coupon_refund);
    trade.requested = Some(fen(line.requested));
    trade.fee = fee(-line.fee());
    let timed = kind == BillKind::Refund;
    RefundRow {
        trade,
        requested_at: timed.then_some(line.at_s),
        succeeded_at: line.succeeded_at_s.filter(|_| timed),
        refund_id: &line.refund_id,
        out_refund_no: &line.out_refund_no,
        refund_type: line.channel,
        status: line.status,
    }
}

/// What a row says of its order; that of an invented refund is invented too.
fn trade<'a>(order: Option<&'a Order>, mch_id: &'a str, at_s: i64) -> Trade<'a> {
    let terms = order.map(|order| &order.terms);
    Trade {
        at: at_s,
        app_id: terms.map_or("wx0000000000000000", |terms| &terms.app_id),
        mch_id,
        sub_mch_id: order.and_then(|order| order.sub_mch_id.as_deref()),
        device_info: "",
        transaction_id: order
            .and_then(|order| order.transaction_id.as_deref())
            .unwrap_or("4200009999999999999999999999"),
        out_trade_no: order.map_or("NOT-IN-THE-BOOKS", |order| &order.out_trade_no),
        open_id: terms.map_or("", |terms| &terms.openid),
        trade_type: terms.map_or("JSAPI", |terms| &terms.trade_type),
        state: BillTradeState::Refund,
        bank: "OTHERS",
        currency: "CNY",
        settlement: Some(Fen::ZERO),
        coupon: Fen::ZERO,
        refund: Fen::ZERO,
        coupon_refund: Fen::ZERO,
        goods: "测试商品",
        attach: terms
            .and_then(|terms| terms.attach.as_deref())
            .unwrap_or(""),
        fee: Fee::default(),
        rate: "0.60%",
        total: Some(Fen::ZERO),
        requested: Some(Fen::ZERO),
        rate_note: "",
    }
}

/// The books hold amounts that [`Fen`] takes; a planted one may not.
fn fen(amount: i64) -> Fen {
    Fen::new(amount).unwrap_or(Fen::ZERO)
}

fn fee(fen: i64) -> Fee {
    Fee::from_fen(fen).unwrap_or_default()
}
