//! The books as JSON. Amounts in fen, times as RFC 3339 in Beijing time and as unix milliseconds.

use serde_json::{Value, json};

use crate::beijing::rfc3339;
use crate::books::{Order, Refund};
use crate::merchant::Merchant;
use crate::world::{NotificationRecord, World};

pub(super) fn order(world: &World, order: &Order) -> Value {
    let refunds: Vec<Value> = order
        .refunds
        .iter()
        .map(|key| refund(world, &world.books[*key]))
        .collect();
    json!({
        "mch_id": world.mch_id_of(order),
        "sub_mch_id": order.sub_mch_id,
        "out_trade_no": order.out_trade_no,
        "transaction_id": order.transaction_id,
        "total": order.total,
        "cash": order.cash(),
        "coupons": order.coupons,
        "state": order.trade_state(),
        "paid_at": order.paid_at_ms.map(rfc3339),
        "paid_at_ms": order.paid_at_ms,
        "refunded": order.refunded,
        "refundable": order.refundable(),
        "refunds": refunds,
    })
}

pub(super) fn refund(world: &World, refund: &Refund) -> Value {
    let order = world.order_of(refund);
    json!({
        "mch_id": world.mch_id_of(order),
        "sub_mch_id": order.sub_mch_id,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": order.out_trade_no,
        "transaction_id": order.transaction_id,
        "amount": refund.amount,
        "total": order.total,
        "cash": refund.cash,
        "coupons": refund.coupons,
        "status": refund.status,
        "channel": refund.channel,
        "received_account": refund.received_account,
        "funds": refund.funds,
        "api": refund.api,
        "origin": refund.origin,
        "applications": refund.applications,
        "differing_repeats": refund.differing_repeats,
        "created_at": rfc3339(refund.created_at_ms),
        "created_at_ms": refund.created_at_ms,
        "success_at": refund.success_at_ms.map(rfc3339),
        "success_at_ms": refund.success_at_ms,
    })
}

pub(super) fn merchant(merchant: &Merchant) -> Value {
    let serials: Vec<&str> = merchant
        .wechat_keys
        .iter()
        .map(|key| key.serial.as_str())
        .collect();
    let subs: Vec<&str> = merchant
        .sub_merchants
        .iter()
        .map(|sub| sub.sub_mch_id.as_str())
        .collect();
    json!({
        "mch_id": merchant.mch_id,
        "appid": merchant.app_id,
        "available": merchant.available,
        "unsettled": merchant.unsettled,
        "mode": merchant.mode,
        "wechat_serials": serials,
        "sub_mch_ids": subs,
        "notify_url": merchant.notify_url,
    })
}

pub(super) fn notification(record: &NotificationRecord) -> Value {
    let mut value = json!(record);
    if let Some(object) = value.as_object_mut() {
        object.insert("at".to_owned(), rfc3339(record.at_ms).into());
    }
    value
}
