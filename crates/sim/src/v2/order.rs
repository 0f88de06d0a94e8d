//! v2 chapters 9_1, 9_2 and 9_7: place an order, query it, and what the payment notification tells.

use tuikuan_terms::OutTradeNo;
use tuikuan_wechat::v2::Fields;

use super::{Refused, V2Call, V2Refused, check_text, fen, head};
use crate::beijing;
use crate::books::{Api, Order, OrderKey, OrderState};
use crate::refusal::Refusal;
use crate::world::World;

pub(super) fn query(world: &mut World, call: &V2Call) -> Result<Fields, Refused> {
    let fields = &call.body;
    let (transaction_id, out_trade_no) = super::refund::order_numbers(fields)?;
    let numbers = (transaction_id.as_deref(), out_trade_no.as_deref());
    let key = world
        .find_order(call.merchant, fields.get("sub_mch_id"), numbers)
        .map_err(|refusal| match refusal {
            Refusal::NotYourOrder => Refusal::OrderNotFound,
            other => other,
        })?;
    let mut answer = head(world, call);
    let order = &world.books[key];
    answer.set("trade_state", order.trade_state());
    answer.set("trade_state_desc", order.trade_state_text());
    answer.set("out_trade_no", order.out_trade_no.as_str());
    answer.set("total_fee", order.total.to_string());
    answer.set_some("attach", order.terms.attach.as_deref());
    if order.state == OrderState::Paid {
        set_payment(&mut answer, order);
    }
    Ok(answer)
}

fn set_payment(fields: &mut Fields, order: &Order) {
    super::refund::set_order(fields, order);
    fields.set("openid", order.terms.openid.as_str());
    fields.set("is_subscribe", "N");
    fields.set("trade_type", order.terms.trade_type.as_str());
    fields.set("bank_type", "OTHERS");
    fields.set_some("time_end", order.paid_at_ms.map(beijing::compact));
    fields.set_some("attach", order.terms.attach.as_deref());
    if !order.coupons.is_empty() {
        fields.set("coupon_fee", order.coupon_total().to_string());
        fields.set("coupon_count", order.coupons.len().to_string());
    }
    for (n, coupon) in order.coupons.iter().enumerate() {
        fields.set(&format!("coupon_type_{n}"), coupon.kind.v2());
        fields.set(&format!("coupon_id_{n}"), coupon.id.as_str());
        fields.set(&format!("coupon_fee_{n}"), coupon.amount.to_string());
    }
}

/// The fields of a payment notification, unsigned and without `nonce_str`.
pub(crate) fn payment_fields(world: &World, key: OrderKey) -> Fields {
    let order = &world.books[key];
    let merchant = world.merchant(order.merchant);
    let mut fields = Fields::new();
    fields.set("return_code", "SUCCESS");
    fields.set("result_code", "SUCCESS");
    fields.set("appid", merchant.app_id.as_str());
    fields.set("mch_id", merchant.mch_id.as_str());
    fields.set_some("sub_mch_id", order.sub_mch_id.as_deref());
    fields.set_some("sub_appid", order.terms.sub_app_id.as_deref());
    fields.set_some("sign_type", order.terms.sign_type.as_deref());
    set_payment(&mut fields, order);
    fields
}

pub(super) fn place(world: &mut World, call: &V2Call) -> Result<Fields, Refused> {
    let fields = &call.body;
    for name in [
        "body",
        "out_trade_no",
        "spbill_create_ip",
        "notify_url",
        "trade_type",
    ] {
        if fields.get(name).is_none() {
            return Err(Refused::Protocol(format!("缺少参数{name}")));
        }
    }
    check_text(fields, "body", 128)?;
    check_text(fields, "attach", 128)?;
    let number = fields.get("out_trade_no").unwrap_or_default();
    number
        .parse::<OutTradeNo>()
        .map_err(|_bad| V2Refused::new("PARAM_ERROR", "out_trade_no参数格式有误"))?;
    let trade_type = fields.get("trade_type").unwrap_or_default();
    if !matches!(trade_type, "JSAPI" | "NATIVE" | "APP" | "MWEB") {
        return Err(V2Refused::new("PARAM_ERROR", "trade_type参数有误").into());
    }
    if trade_type == "JSAPI" && fields.get("openid").or(fields.get("sub_openid")).is_none() {
        return Err(Refused::Protocol("缺少参数openid".to_owned()));
    }
    let total = fen(fields, "total_fee")?;
    let order = crate::world::NewOrder {
        merchant: call.merchant,
        sub_mch_id: fields.get("sub_mch_id").map(str::to_owned),
        sub_app_id: fields.get("sub_appid").map(str::to_owned),
        out_trade_no: number.to_owned(),
        total,
        api: Api::V2,
        trade_type: trade_type.to_owned(),
        openid: fields.get("openid").map(str::to_owned),
        attach: fields.get("attach").map(str::to_owned),
        notify_url: super::refund::notify_url(fields)?,
        sign_type: fields.get("sign_type").map(str::to_owned),
    };
    let key = world.place_order(order).map_err(|taken| match taken {
        crate::world::PlaceRefused::Paid => V2Refused::new("ORDERPAID", "该订单已支付"),
        crate::world::PlaceRefused::Differs => {
            V2Refused::new("OUT_TRADE_NO_USED", "商户订单号重复")
        }
    })?;
    let mut answer = head(world, call);
    let order = &world.books[key];
    answer.set("trade_type", order.terms.trade_type.as_str());
    answer.set("prepay_id", order.terms.prepay_id.as_str());
    match order.terms.trade_type.as_str() {
        "NATIVE" => answer.set("code_url", world.code_url(key)),
        "MWEB" => answer.set("mweb_url", world.code_url(key)),
        _ => {}
    }
    Ok(answer)
}
