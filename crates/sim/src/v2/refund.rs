//! v2 chapters 9_4 and 9_103: apply for a refund; chapter 9_16: what the notification tells.

use tuikuan_terms::{OutRefundNo, OutTradeNo};
use tuikuan_wechat::v2::Fields;

use super::{Refused, V2Call, V2Refused, check_text, fen, head};
use crate::beijing;
use crate::books::{Api, Coupon, FundsAccount, Order, Origin, Refund, RefundKey};
use crate::fault::FaultAction;
use crate::gate::Route;
use crate::world::{Application, World};

pub(super) fn apply(
    world: &mut World,
    route: &Route,
    call: &V2Call,
    life: Option<&FaultAction>,
) -> Result<Fields, Refused> {
    let application = match read(route, call) {
        Ok(application) => application,
        Err(refused) => {
            world.refuse_application(call.merchant);
            return Err(refused);
        }
    };
    let key = world.apply(&application, life)?;
    let mut fields = head(world, call);
    let refund = &world.books[key];
    let order = &world.books[refund.order];
    set_order(&mut fields, order);
    fields.set("out_refund_no", refund.out_refund_no.as_str());
    fields.set("refund_id", refund.refund_id.as_str());
    fields.set("refund_channel", "");
    fields.set("refund_fee", refund.amount.to_string());
    fields.set("cash_refund_fee", refund.cash.to_string());
    fields.set("coupon_refund_fee", refund.coupon_part().to_string());
    fields.set("coupon_refund_count", refund.coupons.len().to_string());
    if refund.settlement() != refund.amount {
        fields.set("settlement_refund_fee", refund.settlement().to_string());
    }
    for (n, coupon) in refund.coupons.iter().enumerate() {
        set_coupon(&mut fields, coupon, &format!("{n}"));
    }
    if matches!(route, Route::V2RefundSingle) {
        fields.set("promotion_detail", promotion_detail(refund));
    }
    Ok(fields)
}

/// The order's fields, common to the answers of refund and refund query.
pub(super) fn set_order(fields: &mut Fields, order: &Order) {
    fields.set_some("transaction_id", order.transaction_id.as_deref());
    fields.set("out_trade_no", order.out_trade_no.as_str());
    fields.set("total_fee", order.total.to_string());
    fields.set("fee_type", "CNY");
    fields.set("cash_fee", order.cash().to_string());
    if order.settlement_total() != order.total {
        let settlement = order.settlement_total().to_string();
        fields.set("settlement_total_fee", settlement);
    }
}

/// One coupon given back; the suffix is `n`, or `n_m` in the query.
pub(super) fn set_coupon(fields: &mut Fields, coupon: &Coupon, suffix: &str) {
    fields.set(&format!("coupon_type_{suffix}"), coupon.kind.v2());
    fields.set(&format!("coupon_refund_id_{suffix}"), coupon.id.as_str());
    fields.set(
        &format!("coupon_refund_fee_{suffix}"),
        coupon.amount.to_string(),
    );
}

pub(super) fn promotion_detail(refund: &Refund) -> String {
    let rows: Vec<_> = refund
        .coupons
        .iter()
        .map(|coupon| {
            serde_json::json!({
                "promotion_id": coupon.id,
                "scope": "GLOBAL",
                "type": if coupon.kind.v2() == "CASH" { "COUPON" } else { "DISCOUNT" },
                "refund_amount": coupon.amount,
            })
        })
        .collect();
    serde_json::json!({ "promotion_detail": rows }).to_string()
}

fn param(text: impl Into<String>) -> V2Refused {
    V2Refused::new("PARAM_ERROR", text)
}

fn read(route: &Route, call: &V2Call) -> Result<Application, Refused> {
    let fields = &call.body;
    let number = fields
        .get("out_refund_no")
        .ok_or_else(|| Refused::Protocol("缺少参数out_refund_no".to_owned()))?;
    number
        .parse::<OutRefundNo>()
        .map_err(|_bad| param("out_refund_no参数格式有误"))?;
    let (transaction_id, out_trade_no) = order_numbers(fields)?;
    let total = fen(fields, "total_fee")?;
    let amount = fen(fields, "refund_fee")?;
    if amount > total {
        return Err(Refused::Protocol("invalid refund_fee".to_owned()));
    }
    if fields
        .get("refund_fee_type")
        .is_some_and(|kind| kind != "CNY")
    {
        return Err(param("refund_fee_type参数有误").into());
    }
    check_text(fields, "refund_desc", 80)?;
    check_text(fields, "detail", 6_000)?;
    if matches!(route, Route::V2RefundSingle) {
        check_detail(fields)?;
    }
    Ok(Application {
        merchant: call.merchant,
        sub_mch_id: fields.get("sub_mch_id").map(str::to_owned),
        transaction_id,
        out_trade_no,
        out_refund_no: number.to_owned(),
        amount,
        total,
        reason: fields.get("refund_desc").map(str::to_owned),
        notify_url: notify_url(fields)?,
        funds: match fields.get("refund_account") {
            None => FundsAccount::Default,
            Some("REFUND_SOURCE_UNSETTLED_FUNDS") => FundsAccount::Unsettled,
            Some("REFUND_SOURCE_RECHARGE_FUNDS") => FundsAccount::Available,
            Some(_) => return Err(param("refund_account参数有误").into()),
        },
        api: Api::V2,
        origin: Origin::Api,
    })
}

/// Both order numbers, at least one of them.
pub(super) fn order_numbers(fields: &Fields) -> Result<(Option<String>, Option<String>), Refused> {
    let transaction_id = fields.get("transaction_id").map(str::to_owned);
    let out_trade_no = fields.get("out_trade_no").map(str::to_owned);
    if transaction_id.is_none() && out_trade_no.is_none() {
        let text = "缺少参数transaction_id或out_trade_no".to_owned();
        return Err(Refused::Protocol(text));
    }
    if transaction_id.as_ref().is_some_and(|id| id.len() > 32) {
        return Err(V2Refused::new("INVALID_TRANSACTIONID", "无效transaction_id").into());
    }
    if let Some(number) = out_trade_no.as_deref().filter(|_| transaction_id.is_none()) {
        number
            .parse::<OutTradeNo>()
            .map_err(|_bad| param("out_trade_no参数格式有误"))?;
    }
    Ok((transaction_id, out_trade_no))
}

pub(super) fn notify_url(fields: &Fields) -> Result<Option<String>, V2Refused> {
    match fields.get("notify_url") {
        Some(url) if !crate::rules::is_notify_url(url) => Err(param("notify_url参数有误")),
        url => Ok(url.map(str::to_owned)),
    }
}

fn check_detail(fields: &Fields) -> Result<(), V2Refused> {
    let Some(text) = fields.get("detail") else {
        return Ok(());
    };
    let goods = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| value.get("goods_detail")?.as_array().cloned());
    let complete = |row: &serde_json::Value| {
        row.get("refund_amount")
            .is_some_and(|v| v.as_i64().is_some())
            && row
                .get("refund_quantity")
                .is_some_and(|v| v.as_i64().is_some())
            && (row.get("goods_id").is_some() || row.get("wxpay_goods_id").is_some())
    };
    match goods {
        Some(rows) if !rows.is_empty() && rows.iter().all(complete) => Ok(()),
        _ => Err(param("detail参数格式有误")),
    }
}

/// The plain text of a refund notification, root `root`.
pub(crate) fn refund_resource(world: &World, key: RefundKey) -> String {
    let refund = &world.books[key];
    let order = &world.books[refund.order];
    let mut fields = Fields::new();
    fields.set_some("transaction_id", order.transaction_id.as_deref());
    fields.set("out_trade_no", order.out_trade_no.as_str());
    fields.set("refund_id", refund.refund_id.as_str());
    fields.set("out_refund_no", refund.out_refund_no.as_str());
    fields.set("total_fee", order.total.to_string());
    fields.set("refund_fee", refund.amount.to_string());
    let settlement = refund.settlement().to_string();
    fields.set("settlement_refund_fee", settlement);
    if order.settlement_total() != order.total {
        let settlement = order.settlement_total().to_string();
        fields.set("settlement_total_fee", settlement);
    }
    fields.set("refund_status", refund.status.v2());
    fields.set_some("success_time", refund.success_at_ms.map(beijing::spaced));
    fields.set("refund_recv_accout", refund.received_account.as_str());
    fields.set("refund_account", refund.funds.v2());
    fields.set("refund_request_source", refund.origin.as_str());
    fields.to_xml_in("root")
}
