//! v3 refunds: apply, query, abnormal handling, the platform form, and what a notification tells.

use serde_json::{Value, json};
use tuikuan_terms::{OutRefundNo, OutTradeNo};
use tuikuan_wechat::v3::oaep;

use super::body::{FieldError, Reader};
use super::{V3Call, V3Refused, check_sub};
use crate::beijing;
use crate::books::{Api, FundsAccount, Order, Origin, Refund, RefundKey};
use crate::fault::FaultAction;
use crate::refusal::Refusal;
use crate::world::{Application, World};

/// Banks that take the money of an abnormal refund.
const BANKS: [&str; 15] = [
    "CMB_DEBIT",
    "COMM_DEBIT",
    "ABC_DEBIT",
    "CCB_DEBIT",
    "ICBC_DEBIT",
    "BOC_DEBIT",
    "PAB_DEBIT",
    "SPDB_DEBIT",
    "CITIC_DEBIT",
    "CEB_DEBIT",
    "CMBC_DEBIT",
    "CIB_DEBIT",
    "GDB_DEBIT",
    "PSBC_DEBIT",
    "NBCB_DEBIT",
];

pub(super) fn apply(
    world: &mut World,
    call: &V3Call,
    life: Option<&FaultAction>,
) -> Result<Value, V3Refused> {
    let application = checked(world, call, read)?;
    let key = world.apply(&application, life)?;
    Ok(answer(world, key))
}

/// The platform form (收付通): provider and sub-merchant, a shorter answer.
pub(super) fn apply_platform(
    world: &mut World,
    call: &V3Call,
    life: Option<&FaultAction>,
) -> Result<Value, V3Refused> {
    let application = checked(world, call, read_platform)?;
    let key = world.apply(&application, life)?;
    let full = answer(world, key);
    let refund = &world.books[key];
    Ok(json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "create_time": full["create_time"],
        "amount": {
            "refund": refund.amount,
            "payer_refund": refund.cash,
            "discount_refund": refund.coupon_part(),
            "currency": "CNY",
        },
        "promotion_detail": full.get("promotion_detail").cloned().unwrap_or_else(|| json!([])),
        "refund_account": "REFUND_SOURCE_SUB_MERCHANT",
    }))
}

/// Reads an application; one that breaks a rule of form counts as erroneous (P2).
fn checked(
    world: &mut World,
    call: &V3Call,
    read: fn(&World, &V3Call) -> Result<Application, V3Refused>,
) -> Result<Application, V3Refused> {
    let application = read(world, call);
    if application.is_err() {
        world.refuse_application(call.merchant);
    }
    application
}

fn read(world: &World, call: &V3Call) -> Result<Application, V3Refused> {
    let mut body = Reader::root(call.body.json.as_ref())?;
    let application = read_common(&mut body, call)?;
    let funds = match body.text("funds_account", 32)?.as_deref() {
        None => FundsAccount::Default,
        Some("AVAILABLE") => FundsAccount::Available,
        Some("UNSETTLED") => FundsAccount::Unsettled,
        Some(_) => return Err(body.error("funds_account", "取值不在枚举范围内").into()),
    };
    for mut goods in body.objects("goods_detail")? {
        goods.need_text("merchant_goods_id", 32)?;
        goods.text("wechatpay_goods_id", 32)?;
        goods.text("goods_name", 256)?;
        for name in ["unit_price", "refund_amount", "refund_quantity"] {
            goods.need_fen(name)?;
        }
        goods.finish()?;
    }
    body.finish()?;
    check_sub(world, call, application.sub_mch_id.as_deref())?;
    Ok(Application {
        funds,
        ..application
    })
}

fn read_platform(world: &World, call: &V3Call) -> Result<Application, V3Refused> {
    let mut body = Reader::root(call.body.json.as_ref())?;
    let application = read_common(&mut body, call)?;
    body.need_text("sp_appid", 32)?;
    body.ignore(&["sub_appid", "refund_account", "funds_account"])?;
    body.finish()?;
    check_sub(world, call, application.sub_mch_id.as_deref())?;
    Ok(application)
}

fn read_common(body: &mut Reader<'_>, call: &V3Call) -> Result<Application, FieldError> {
    let sub_mch_id = body.text("sub_mchid", 32)?;
    let transaction_id = body.text("transaction_id", 32)?;
    let out_trade_no = body.text("out_trade_no", 32)?;
    match (&transaction_id, &out_trade_no) {
        (None, None) => return Err(body.error("transaction_id", "缺少必填参数")),
        (None, Some(number)) if number.parse::<OutTradeNo>().is_err() => {
            return Err(body.error("out_trade_no", "格式有误"));
        }
        _ => {}
    }
    let out_refund_no = body.need_text("out_refund_no", 64)?;
    if out_refund_no.parse::<OutRefundNo>().is_err() {
        return Err(body.error("out_refund_no", "格式有误"));
    }
    let reason = body.text("reason", 80)?;
    let notify_url = body.text("notify_url", 256)?;
    if notify_url
        .as_deref()
        .is_some_and(|url| !crate::rules::is_notify_url(url))
    {
        return Err(body.error("notify_url", "格式有误"));
    }
    let mut amount = body.need_object("amount")?;
    let refund = amount.need_fen("refund")?;
    let total = amount.need_fen("total")?;
    if amount.need_text("currency", 16)? != "CNY" {
        return Err(amount.error("currency", "Currency code is invalid"));
    }
    check_from(&mut amount, refund)?;
    amount.finish()?;
    Ok(Application {
        merchant: call.merchant,
        sub_mch_id,
        transaction_id,
        out_trade_no,
        out_refund_no,
        amount: refund,
        total,
        reason,
        notify_url,
        funds: FundsAccount::Default,
        api: Api::V3,
        origin: Origin::Api,
    })
}

/// `amount.from`: known accounts, each once, adding up to the refund.
fn check_from(amount: &mut Reader<'_>, refund: i64) -> Result<(), FieldError> {
    let mut seen = Vec::new();
    let mut sum: i64 = 0;
    let rows = amount.objects("from")?;
    let given = !rows.is_empty();
    for mut row in rows {
        let account = row.need_text("account", 32)?;
        if !matches!(account.as_str(), "AVAILABLE" | "UNAVAILABLE") || seen.contains(&account) {
            return Err(row.error("account", "取值不在枚举范围内或重复"));
        }
        seen.push(account);
        sum = sum.saturating_add(row.need_fen("amount")?);
        row.finish()?;
    }
    if given && sum != refund {
        return Err(amount.error("from", "金额之和应等于退款金额"));
    }
    Ok(())
}

pub(super) fn by_number(
    world: &mut World,
    call: &V3Call,
    out_refund_no: &str,
) -> Result<Value, V3Refused> {
    let sub = call.body.query("sub_mchid");
    admit_query(world, call, sub)?;
    let key = world
        .books
        .refund_by_number(call.merchant, sub, out_refund_no)
        .ok_or(Refusal::RefundNotFound)?;
    let key = world.visible(key)?;
    Ok(answer(world, key))
}

pub(super) fn by_id(world: &mut World, call: &V3Call, refund_id: &str) -> Result<Value, V3Refused> {
    let sub = call.body.query("sub_mchid");
    admit_query(world, call, sub)?;
    let key = own(world, call, sub, refund_id)?;
    let key = world.visible(key)?;
    Ok(answer(world, key))
}

fn admit_query(world: &mut World, call: &V3Call, sub: Option<&str>) -> Result<(), V3Refused> {
    if world.merchant(call.merchant).is_provider() && sub.is_none() {
        return Err(FieldError::query("sub_mchid", "缺少必填参数").into());
    }
    check_sub(world, call, sub)?;
    let (now_ms, limits) = (world.now_ms, world.limits.clone());
    world
        .merchant_mut(call.merchant)
        .usage
        .admit_query(&limits, now_ms)
        .map_err(Refusal::Exhausted)?;
    Ok(())
}

fn own(
    world: &World,
    call: &V3Call,
    sub: Option<&str>,
    refund_id: &str,
) -> Result<RefundKey, Refusal> {
    world
        .books
        .refund_by_id(refund_id)
        .filter(|key| world.books.merchant_of(*key) == call.merchant)
        .filter(|key| world.books.order_of(*key).sub_mch_id.as_deref() == sub)
        .ok_or(Refusal::RefundNotFound)
}

pub(super) fn abnormal(
    world: &mut World,
    call: &V3Call,
    refund_id: &str,
) -> Result<Value, V3Refused> {
    let mut body = Reader::root(call.body.json.as_ref())?;
    let sub_mch_id = body.text("sub_mchid", 32)?;
    let out_refund_no = body.need_text("out_refund_no", 64)?;
    let kind = body.need_text("type", 32)?;
    let receiver = match kind.as_str() {
        "MERCHANT_BANK_CARD" => {
            body.ignore(&["bank_type", "bank_account", "real_name"])?;
            "商户结算银行账户".to_owned()
        }
        "USER_BANK_CARD" => user_card(&mut body, call)?,
        _ => return Err(body.error("type", "取值不在枚举范围内").into()),
    };
    let mismatch = body.error("out_refund_no", "与退款单号不匹配");
    body.finish()?;
    check_sub(world, call, sub_mch_id.as_deref())?;
    let key = own(world, call, sub_mch_id.as_deref(), refund_id)?;
    if world.books[key].out_refund_no != out_refund_no {
        return Err(mismatch.into());
    }
    world.handle_abnormal(key, &receiver)?;
    Ok(answer(world, key))
}

/// The user's card: a bank of the list, number and name encrypted with the key the header names.
fn user_card(body: &mut Reader<'_>, call: &V3Call) -> Result<String, FieldError> {
    let bank = body.need_text("bank_type", 16)?;
    if !BANKS.contains(&bank.as_str()) {
        return Err(body.error("bank_type", "不支持的银行"));
    }
    let mut card = String::new();
    for name in ["bank_account", "real_name"] {
        let sealed = body.need_text(name, 1_024)?;
        let opened = call
            .body
            .asked_key
            .as_ref()
            .and_then(|key| oaep::decrypt(&key.key, &sealed).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|text| !text.is_empty());
        let opened = opened.ok_or_else(|| body.error(name, "敏感信息解密失败"))?;
        if name == "bank_account" {
            card = opened;
        }
    }
    let tail: String = card
        .chars()
        .skip(card.chars().count().saturating_sub(4))
        .collect();
    let bank = bank.trim_end_matches("_DEBIT");
    Ok(format!("{bank}储蓄卡{tail}"))
}

/// The full answer about a refund.
fn answer(world: &World, key: RefundKey) -> Value {
    let refund = &world.books[key];
    let order = &world.books[refund.order];
    let mut value = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": refund.channel.as_str(),
        "user_received_account": refund.received_account,
        "create_time": beijing::rfc3339(refund.created_at_ms),
        "status": refund.status.v3(),
        "funds_account": refund.funds.v3(),
        "amount": amount(refund, order),
    });
    let Some(object) = value.as_object_mut() else {
        return value;
    };
    if let Some(at_ms) = refund.success_at_ms {
        let time = beijing::rfc3339(at_ms).into();
        object.insert("success_time".to_owned(), time);
    }
    if !refund.coupons.is_empty() {
        object.insert("promotion_detail".to_owned(), promotions(refund));
    }
    value
}

fn amount(refund: &Refund, order: &Order) -> Value {
    json!({
        "total": order.total,
        "refund": refund.amount,
        "from": [],
        "payer_total": order.cash(),
        "payer_refund": refund.cash,
        "settlement_refund": refund.settlement(),
        "settlement_total": order.settlement_total(),
        "discount_refund": refund.coupon_part(),
        "currency": "CNY",
    })
}

fn promotions(refund: &Refund) -> Value {
    let rows = refund.coupons.iter().map(|coupon| {
        json!({
            "promotion_id": coupon.id,
            "scope": "GLOBAL",
            "type": coupon.kind.v3(),
            "amount": coupon.amount,
            "refund_amount": coupon.amount,
        })
    });
    Value::Array(rows.collect())
}

/// What a refund notification tells.
pub(crate) fn refund_resource(world: &World, key: RefundKey) -> Value {
    let refund = &world.books[key];
    let order = &world.books[refund.order];
    let mch_id = world.merchant(order.merchant).mch_id.as_str();
    let mut value = json!({
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "refund_status": refund.status.v3(),
        "user_received_account": refund.received_account,
        "amount": {
            "total": order.total,
            "refund": refund.amount,
            "payer_total": order.cash(),
            "payer_refund": refund.cash,
        },
    });
    if let Some(object) = value.as_object_mut() {
        match &order.sub_mch_id {
            Some(sub) => {
                object.insert("sp_mchid".to_owned(), mch_id.into());
                object.insert("sub_mchid".to_owned(), sub.as_str().into());
            }
            None => {
                object.insert("mchid".to_owned(), mch_id.into());
            }
        }
        if let Some(at_ms) = refund.success_at_ms {
            let time = beijing::rfc3339(at_ms).into();
            object.insert("success_time".to_owned(), time);
        }
    }
    value
}
