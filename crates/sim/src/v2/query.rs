//! v2 chapters 9_5 and 9_104: query refunds by four kinds of number, ten at a time.

use tuikuan_wechat::v2::Fields;

use super::refund::{promotion_detail, set_coupon, set_order};
use super::{Refused, V2Call, V2Refused, head};
use crate::beijing;
use crate::books::RefundKey;
use crate::refusal::Refusal;
use crate::world::World;

/// Refunds per answer.
const PAGE: usize = 10;

/// Which refunds a query is about.
struct Selection {
    all: Vec<RefundKey>,
    offset: usize,
}

pub(super) fn refunds(world: &mut World, call: &V2Call) -> Result<Fields, Refused> {
    let selection = select(world, call)?;
    let first = selection.all.first().copied();
    let order = first.ok_or(Refusal::RefundNotFound)?;
    let mut fields = head(world, call);
    set_order(&mut fields, world.books.order_of(order));
    if selection.offset > selection.all.len() {
        return Err(Refusal::OffsetBeyondEnd.into());
    }
    let page: Vec<RefundKey> = selection
        .all
        .iter()
        .skip(selection.offset)
        .take(PAGE)
        .copied()
        .collect();
    let sum: i64 = page.iter().map(|key| world.books[*key].amount).sum();
    fields.set("refund_fee", sum.to_string());
    fields.set("refund_count", page.len().to_string());
    if selection.all.len() > PAGE {
        let count = selection.all.len().to_string();
        fields.set("total_refund_count", count);
    }
    for (n, key) in page.iter().enumerate() {
        set_refund(world, &mut fields, *key, n);
    }
    Ok(fields)
}

/// The single-item form: one refund, by its own numbers only.
pub(super) fn single(world: &mut World, call: &V2Call) -> Result<Fields, Refused> {
    if call.body.get("refund_id").is_none() && call.body.get("out_refund_no").is_none() {
        return Err(Refused::Protocol(
            "缺少参数refund_id或out_refund_no".to_owned(),
        ));
    }
    let selection = select(world, call)?;
    let mut fields = refunds(world, call)?;
    if let Some(key) = selection.all.first() {
        let detail = promotion_detail(&world.books[*key]);
        fields.set("promotion_detail", detail);
    }
    Ok(fields)
}

fn select(world: &World, call: &V2Call) -> Result<Selection, Refused> {
    let fields = &call.body;
    let sub = fields.get("sub_mch_id");
    let one = |key: Option<RefundKey>| -> Result<Selection, Refused> {
        let key = key
            .filter(|key| world.books.merchant_of(*key) == call.merchant)
            .filter(|key| world.books.order_of(*key).sub_mch_id.as_deref() == sub)
            .ok_or(Refusal::RefundNotFound)?;
        Ok(Selection {
            all: vec![world.visible(key)?],
            offset: 0,
        })
    };
    if let Some(id) = fields.get("refund_id") {
        return one(world.books.refund_by_id(id));
    }
    if let Some(number) = fields.get("out_refund_no") {
        return one(world.books.refund_by_number(call.merchant, sub, number));
    }
    let (transaction_id, out_trade_no) = super::refund::order_numbers(fields)?;
    let order = world
        .find_order(
            call.merchant,
            sub,
            (transaction_id.as_deref(), out_trade_no.as_deref()),
        )
        .map_err(|refusal| match refusal {
            Refusal::OrderNotFound => Refusal::RefundNotFound,
            other => other,
        })?;
    let all = world.books[order]
        .refunds
        .iter()
        .copied()
        .filter(|key| world.visible(*key).is_ok())
        .collect();
    let offset = match fields.get("offset") {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_bad| V2Refused::new("PARAM_ERROR", "offset参数格式有误"))?,
    };
    Ok(Selection { all, offset })
}

fn set_refund(world: &World, fields: &mut Fields, key: RefundKey, n: usize) {
    let refund = &world.books[key];
    let mut set = |name: &str, value: String| fields.set(&format!("{name}_{n}"), value);
    set("out_refund_no", refund.out_refund_no.clone());
    set("refund_id", refund.refund_id.clone());
    set("refund_channel", refund.channel.as_str().to_owned());
    set("refund_fee", refund.amount.to_string());
    set("refund_status", refund.status.v2().to_owned());
    set("refund_account", refund.funds.v2().to_owned());
    set("refund_recv_accout", refund.received_account.clone());
    if refund.settlement() != refund.amount {
        set("settlement_refund_fee", refund.settlement().to_string());
    }
    if let Some(at_ms) = refund.success_at_ms {
        set("refund_success_time", beijing::spaced(at_ms));
    }
    if !refund.coupons.is_empty() {
        set("coupon_refund_fee", refund.coupon_part().to_string());
        set("coupon_refund_count", refund.coupons.len().to_string());
    }
    for (m, coupon) in refund.coupons.iter().enumerate() {
        set_coupon(fields, coupon, &format!("{n}_{m}"));
    }
}
