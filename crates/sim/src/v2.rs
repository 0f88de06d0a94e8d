//! The wire of v2: XML in, XML out. Order of the checks: method, XML, required fields, merchant
//! and application, signature, certificate, business. Protocol failures are never signed, every
//! other answer is.

mod bill;
mod order;
mod query;
mod refund;

pub(crate) use order::payment_fields;
pub(crate) use refund::refund_resource;

use tuikuan_wechat::v2::{Fields, SignType, XmlError, sign};

use crate::answer::{Draft, Signer, html, v2_failure, v2_head, v2_refusal};
use crate::books::MerchantKey;
use crate::fault::FaultAction;
use crate::gate::{Call, Route};
use crate::message::Incoming;
use crate::refusal::Refusal;
use crate::world::World;

/// An authentic v2 request.
pub(crate) type V2Call = Call<Fields>;

/// A business refusal: code and text.
pub(crate) struct V2Refused {
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

impl V2Refused {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }
}

impl From<Refusal> for V2Refused {
    fn from(refusal: Refusal) -> Self {
        let (code, text) = refusal.v2();
        Self::new(code, text)
    }
}

/// Either a signed business refusal or an unsigned protocol failure.
pub(crate) enum Refused {
    Business(V2Refused),
    Protocol(String),
}

impl<T: Into<V2Refused>> From<T> for Refused {
    fn from(refused: T) -> Self {
        Self::Business(refused.into())
    }
}

/// Proves the sender of a request.
pub(crate) fn open(world: &mut World, incoming: &Incoming, route: &Route) -> Result<V2Call, Draft> {
    if needs_certificate(route) && incoming.client_cert_mch.is_none() {
        return Err(Draft::Plain(html(400)));
    }
    match prove(world, incoming, route) {
        Err(draft) if *route == Route::V2DownloadBill => Err(bill::unopened(draft)),
        result => result,
    }
}

fn needs_certificate(route: &Route) -> bool {
    matches!(
        route,
        Route::V2Refund | Route::V2RefundSingle | Route::V2DownloadFundFlow
    )
}

fn prove(world: &mut World, incoming: &Incoming, route: &Route) -> Result<V2Call, Draft> {
    if incoming.method != "POST" {
        return Err(v2_failure("请使用post方法"));
    }
    let fields = read(&incoming.body)?;
    let merchant = identify(world, &fields)?;
    let sign_type = match fields.get("sign_type") {
        None => SignType::Md5,
        Some(text) => SignType::parse(text).ok_or_else(|| v2_failure("不支持的签名类型"))?,
    };
    let right = sign(&fields, &world.merchant(merchant).api_v2_key, sign_type);
    if fields.get("sign") != Some(right.as_str()) {
        return Err(v2_failure("签名错误"));
    }
    let signer = Signer::V2(merchant, sign_type);
    let presented = incoming.client_cert_mch.as_deref();
    if needs_certificate(route) && presented != Some(world.merchant(merchant).mch_id.as_str()) {
        let refused = V2Refused::new("CERT_ERROR", "证书校验错误");
        return Err(refuse(world, &signer, &fields, &refused));
    }
    Ok(Call {
        merchant,
        signer,
        out_refund_no: fields.get("out_refund_no").map(str::to_owned),
        out_trade_no: fields.get("out_trade_no").map(str::to_owned),
        body: fields,
    })
}

fn read(body: &[u8]) -> Result<Fields, Draft> {
    if body.is_empty() {
        return Err(v2_failure("post数据为空"));
    }
    Fields::parse(body).map_err(|error| match error {
        XmlError::NotUtf8 => v2_failure("编码格式错误，请使用UTF-8编码格式"),
        _ => v2_failure("XML格式错误"),
    })
}

fn identify(world: &World, fields: &Fields) -> Result<MerchantKey, Draft> {
    for name in ["appid", "mch_id", "nonce_str", "sign"] {
        if fields.get(name).is_none() {
            return Err(v2_failure(&format!("缺少参数{name}")));
        }
    }
    if fields
        .get("nonce_str")
        .is_some_and(|nonce| nonce.len() > 32)
    {
        return Err(v2_failure("nonce_str参数长度有误"));
    }
    let merchant = fields
        .get("mch_id")
        .and_then(|mch_id| world.merchant_key(mch_id))
        .ok_or_else(|| v2_failure("商户号mch_id或sub_mch_id不存在"))?;
    let app_id = fields.get("appid");
    if app_id == Some(world.merchant(merchant).app_id.as_str()) {
        return Ok(merchant);
    }
    let of_another = |m: &crate::merchant::Merchant| app_id == Some(m.app_id.as_str());
    Err(if world.merchants.iter().any(of_another) {
        v2_failure("appid和mch_id不匹配")
    } else {
        v2_failure("appid不存在")
    })
}

/// Answers an authentic request.
pub(crate) fn answer(
    world: &mut World,
    route: &Route,
    call: &V2Call,
    life: Option<&FaultAction>,
) -> Draft {
    if matches!(route, Route::V2DownloadBill | Route::V2DownloadFundFlow) {
        return bill::answer(world, route, call);
    }
    let result = check_sub(world, call).and_then(|()| match route {
        Route::V2Refund | Route::V2RefundSingle => refund::apply(world, route, call, life),
        Route::V2RefundQuery => query::refunds(world, call),
        Route::V2RefundQuerySingle => query::single(world, call),
        Route::V2OrderQuery => order::query(world, call),
        _ => order::place(world, call),
    });
    match result {
        Ok(mut fields) => {
            fields.set("result_code", "SUCCESS");
            signed(fields, &call.signer)
        }
        Err(Refused::Business(refused)) => refuse(world, &call.signer, &call.body, &refused),
        Err(Refused::Protocol(text)) => v2_failure(&text),
    }
}

/// Service providers act for a sub-merchant, ordinary merchants for nobody.
fn check_sub(world: &World, call: &V2Call) -> Result<(), Refused> {
    let sub = call.body.get("sub_mch_id");
    if world.merchant(call.merchant).is_provider() && sub.is_none() {
        return Err(Refused::Protocol("缺少参数sub_mch_id".to_owned()));
    }
    Ok(world.check_sub(call.merchant, sub)?)
}

fn refuse(world: &mut World, signer: &Signer, request: &Fields, refused: &V2Refused) -> Draft {
    let head = v2_head(world, signer.merchant(), request.get("sub_mch_id"));
    signed(v2_refusal(head, refused.code, &refused.text), signer)
}

fn signed(fields: Fields, signer: &Signer) -> Draft {
    let signer = match signer {
        Signer::V2(merchant, sign_type) => Some((*merchant, *sign_type)),
        Signer::V3(..) => None,
    };
    Draft::V2 { fields, signer }
}

/// The fields a good answer to this call begins with.
fn head(world: &mut World, call: &V2Call) -> Fields {
    let mut fields = v2_head(world, call.merchant, call.body.get("sub_mch_id"));
    fields.set_some("sub_appid", call.body.get("sub_appid"));
    fields
}

/// A text of at most that many bytes, without the 4-byte characters WeChat cannot take.
fn check_text(fields: &Fields, name: &str, bytes_max: usize) -> Result<(), V2Refused> {
    let text = fields.get(name).unwrap_or_default();
    if text.len() > bytes_max {
        return Err(V2Refused::new("PARAM_ERROR", format!("{name}参数长度有误")));
    }
    if text.chars().any(|c| c.len_utf8() > 3) {
        return Err(V2Refused::new(
            "PARAM_ERROR",
            format!("{name}参数包含不支持的字符"),
        ));
    }
    Ok(())
}

/// A positive amount in fen.
fn fen(fields: &Fields, name: &str) -> Result<i64, Refused> {
    let Some(text) = fields.get(name) else {
        return Err(Refused::Protocol(format!("缺少参数{name}")));
    };
    let digits = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|fen| digits && *fen > 0)
        .ok_or_else(|| Refused::Protocol(format!("invalid {name}")))
}
