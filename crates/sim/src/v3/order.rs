//! v3 orders: place, query, and what a payment notification tells.

use serde_json::{Map, Value, json};
use tuikuan_terms::OutTradeNo;

use super::body::{FieldError, Reader};
use super::{V3Call, V3Refused, check_sub, coded};
use crate::beijing;
use crate::books::{Api, Order, OrderKey, OrderState};
use crate::gate::{OrderNumber, Party, PrepayKind};
use crate::refusal::Refusal;
use crate::world::{NewOrder, PlaceRefused, World};

pub(super) fn query(
    world: &mut World,
    call: &V3Call,
    by: &OrderNumber,
    party: Party,
) -> Result<Value, V3Refused> {
    let (caller, sub) = match party {
        Party::Partner => ("sp_mchid", call.body.query("sub_mchid")),
        Party::Direct => ("mchid", None),
    };
    match call.body.query(caller) {
        None => return Err(FieldError::query(caller, "缺少必填参数").into()),
        Some(mch_id) if mch_id != world.merchant(call.merchant).mch_id => {
            return Err(coded(400, "MCH_NOT_EXISTS", "商户号不存在"));
        }
        Some(_) => {}
    }
    if party == Party::Partner && sub.is_none() {
        return Err(FieldError::query("sub_mchid", "缺少必填参数").into());
    }
    world.check_sub(call.merchant, sub)?;
    let numbers = match by {
        OrderNumber::Transaction(id) => (Some(id.as_str()), None),
        OrderNumber::OutTrade(number) => (None, Some(number.as_str())),
    };
    let key = world
        .find_order(call.merchant, sub, numbers)
        .map_err(|refusal| match refusal {
            Refusal::OrderNotFound | Refusal::NotYourOrder => {
                coded(404, "ORDER_NOT_EXIST", "订单不存在")
            }
            other => other.into(),
        })?;
    Ok(order_resource(world, key))
}

/// An order as the query shows it and the payment notification tells it.
pub(crate) fn order_resource(world: &World, key: OrderKey) -> Value {
    let order = &world.books[key];
    let merchant = world.merchant(order.merchant);
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    match &order.sub_mch_id {
        Some(sub) => {
            set("sp_appid", merchant.app_id.as_str().into());
            set("sp_mchid", merchant.mch_id.as_str().into());
            set("sub_mchid", sub.as_str().into());
            if let Some(app_id) = &order.terms.sub_app_id {
                set("sub_appid", app_id.as_str().into());
            }
        }
        None => {
            set("appid", order.terms.app_id.as_str().into());
            set("mchid", merchant.mch_id.as_str().into());
        }
    }
    set("out_trade_no", order.out_trade_no.as_str().into());
    set("trade_state", order.trade_state().into());
    set("trade_state_desc", order.trade_state_text().into());
    if order.state == OrderState::Paid {
        set_payment(&mut object, order);
    }
    Value::Object(object)
}

fn set_payment(object: &mut Map<String, Value>, order: &Order) {
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    set("transaction_id", json!(order.transaction_id));
    set("trade_type", order.terms.trade_type.as_str().into());
    set("bank_type", "OTHERS".into());
    if let Some(attach) = &order.terms.attach {
        set("attach", attach.as_str().into());
    }
    if let Some(at_ms) = order.paid_at_ms {
        set("success_time", beijing::rfc3339(at_ms).into());
    }
    let openid = order.terms.openid.as_str();
    let payer = match order.sub_mch_id {
        Some(_) => json!({ "sp_openid": openid }),
        None => json!({ "openid": openid }),
    };
    set("payer", payer);
    set(
        "amount",
        json!({
            "total": order.total,
            "payer_total": order.cash(),
            "currency": "CNY",
            "payer_currency": "CNY",
        }),
    );
    if !order.coupons.is_empty() {
        let rows = order.coupons.iter().map(|coupon| {
            json!({
                "coupon_id": coupon.id,
                "scope": "GLOBAL",
                "type": coupon.kind.v3(),
                "amount": coupon.amount,
                "currency": "CNY",
            })
        });
        set("promotion_detail", Value::Array(rows.collect()));
    }
}

pub(super) fn place(
    world: &mut World,
    call: &V3Call,
    kind: PrepayKind,
    party: Party,
) -> Result<Value, V3Refused> {
    let order = read(world, call, kind, party)?;
    let key = world.place_order(order).map_err(|refused| match refused {
        PlaceRefused::Paid => coded(400, "ORDERPAID", "该订单已支付"),
        PlaceRefused::Differs => coded(403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    })?;
    let prepay_id = world.books[key].terms.prepay_id.clone();
    Ok(match kind {
        PrepayKind::Native => json!({ "code_url": world.code_url(key) }),
        PrepayKind::H5 => json!({ "h5_url": world.code_url(key) }),
        PrepayKind::Jsapi | PrepayKind::App => json!({ "prepay_id": prepay_id }),
    })
}

fn read(
    world: &World,
    call: &V3Call,
    kind: PrepayKind,
    party: Party,
) -> Result<NewOrder, V3Refused> {
    let merchant = world.merchant(call.merchant);
    let mut body = Reader::root(call.body.json.as_ref())?;
    let (app_name, mch_name) = match party {
        Party::Partner => ("sp_appid", "sp_mchid"),
        Party::Direct => ("appid", "mchid"),
    };
    if body.need_text(app_name, 32)? != merchant.app_id {
        return Err(coded(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配"));
    }
    if body.need_text(mch_name, 32)? != merchant.mch_id {
        return Err(body.error(mch_name, "与签名商户号不一致").into());
    }
    let (sub_mch_id, sub_app_id) = if party == Party::Partner {
        (
            Some(body.need_text("sub_mchid", 32)?),
            body.text("sub_appid", 32)?,
        )
    } else {
        (None, None)
    };
    body.need_text("description", 127)?;
    let out_trade_no = body.need_text("out_trade_no", 32)?;
    if out_trade_no.parse::<OutTradeNo>().is_err() {
        return Err(body.error("out_trade_no", "格式有误").into());
    }
    let notify_url = body.need_text("notify_url", 256)?;
    if !crate::rules::is_notify_url(&notify_url) {
        return Err(body.error("notify_url", "格式有误").into());
    }
    let attach = body.text("attach", 128)?;
    let mut amount = body.need_object("amount")?;
    let total = amount.need_fen("total")?;
    if amount.text("currency", 16)?.is_some_and(|c| c != "CNY") {
        return Err(amount.error("currency", "Currency code is invalid").into());
    }
    amount.finish()?;
    let openid = read_payer(&mut body, kind)?;
    body.ignore(&[
        "time_expire",
        "goods_tag",
        "support_fapiao",
        "detail",
        "scene_info",
        "settle_info",
        "limit_pay",
    ])?;
    body.finish()?;
    check_sub(world, call, sub_mch_id.as_deref())?;
    Ok(NewOrder {
        merchant: call.merchant,
        sub_mch_id,
        sub_app_id,
        out_trade_no,
        total,
        api: Api::V3,
        trade_type: kind.trade_type().to_owned(),
        openid,
        attach,
        notify_url: Some(notify_url),
        sign_type: None,
    })
}

fn read_payer(body: &mut Reader<'_>, kind: PrepayKind) -> Result<Option<String>, FieldError> {
    let Some(mut payer) = body.object("payer")? else {
        return match kind {
            PrepayKind::Jsapi => Err(body.error("payer", "缺少必填参数")),
            _ => Ok(None),
        };
    };
    let mut openid = payer.text("openid", 128)?;
    for name in ["sp_openid", "sub_openid"] {
        openid = openid.or(payer.text(name, 128)?);
    }
    payer.finish()?;
    Ok(openid)
}
