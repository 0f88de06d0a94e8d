//! The wire of v3: JSON in, JSON out. Order of the checks: Accept and User-Agent, Authorization,
//! time window, merchant and serial, signature, JSON and fields, rights, resources, rates,
//! business. Answers to authentic calls are signed, whatever they say; others are not.

mod bill;
mod body;
mod certificates;
mod order;
mod refund;

pub(crate) use order::order_resource;
pub(crate) use refund::refund_resource;

use std::sync::Arc;

use serde_json::{Map, Value};
use tuikuan_wechat::Stamp;
use tuikuan_wechat::http::Method;
use tuikuan_wechat::v3::sign::{Authorization, WINDOW_S, request_message};

use crate::answer::{Draft, Signer, v3_error};
use crate::fault::FaultAction;
use crate::gate::{Call, Route};
use crate::merchant::WechatKey;
use crate::message::Incoming;
use crate::refusal::{Refusal, V3Error};
use crate::world::World;
use body::FieldError;

/// What an authentic v3 request carries.
pub(crate) struct V3Body {
    /// The body, if it is a JSON object.
    json: Option<Map<String, Value>>,
    query: Vec<(String, String)>,
    /// The host the caller reached us by.
    host: Option<String>,
    /// The key of ours that the caller encrypted with and wants to be answered by.
    asked_key: Option<Arc<WechatKey>>,
}

impl V3Body {
    /// A query parameter.
    fn query(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// An authentic v3 request.
pub(crate) type V3Call = Call<V3Body>;

/// Why an authentic call is refused.
pub(crate) enum V3Refused {
    Field(FieldError),
    Coded(V3Error),
}

impl From<Refusal> for V3Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Coded(refusal.v3())
    }
}

impl From<FieldError> for V3Refused {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

pub(crate) fn coded(status: u16, code: &'static str, message: &'static str) -> V3Refused {
    V3Refused::Coded(V3Error {
        status,
        code,
        message,
        number: 268_435_460,
    })
}

/// Proves the sender of a request.
pub(crate) fn open(world: &mut World, incoming: &Incoming, route: &Route) -> Result<V3Call, Draft> {
    if incoming.header("Accept").is_none() || incoming.header("User-Agent").is_none() {
        let message = "Http头缺少Accept或User-Agent";
        return Err(v3_error(
            None,
            (400, 268_435_461),
            "INVALID_REQUEST",
            message,
            None,
        ));
    }
    let header = incoming.header("Authorization").unwrap_or_default();
    let authorization = Authorization::parse(header).ok_or_else(|| {
        unauthorized("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》")
    })?;
    let now_s = world.wall_ms().div_euclid(1_000);
    if now_s.abs_diff(authorization.timestamp) > WINDOW_S.unsigned_abs() {
        return Err(unauthorized(
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
        ));
    }
    let unknown = || unauthorized("商户号或商户证书序列号有误");
    let merchant = world
        .merchant_key(&authorization.mchid)
        .ok_or_else(unknown)?;
    let account = world.merchant(merchant);
    let serial = authorization.serial_no.to_ascii_uppercase();
    let key = account.certificates.get(&serial).ok_or_else(unknown)?;
    let method = match incoming.method.as_str() {
        "GET" => Method::Get,
        _ => Method::Post,
    };
    let stamp = Stamp {
        unix_seconds: authorization.timestamp,
        nonce: authorization.nonce_str.clone(),
    };
    let message = request_message(method, &incoming.path_and_query, &stamp, &incoming.body);
    if !key.verify(&message, &authorization.signature) {
        return Err(unauthorized("签名错误"));
    }
    let asked_key = incoming
        .header("Wechatpay-Serial")
        .and_then(|serial| account.wechat_key(serial));
    let signing = asked_key
        .clone()
        .or_else(|| account.answer_key())
        .ok_or_else(unknown)?;
    let json = serde_json::from_slice(&incoming.body).ok();
    let text = |name: &str| -> Option<String> {
        let object: &Map<String, Value> = json.as_ref()?;
        object.get(name)?.as_str().map(str::to_owned)
    };
    let from_path = match route {
        Route::V3RefundByNumber { out_refund_no } => Some(out_refund_no.clone()),
        _ => None,
    };
    Ok(Call {
        merchant,
        signer: Signer::V3(merchant, signing),
        out_refund_no: from_path.or_else(|| text("out_refund_no")),
        out_trade_no: text("out_trade_no"),
        body: V3Body {
            query: read_query(incoming.query()),
            host: incoming.header("Host").map(str::to_owned),
            asked_key,
            json,
        },
    })
}

fn unauthorized(message: &str) -> Draft {
    v3_error(None, (401, 268_443_699), "SIGN_ERROR", message, None)
}

fn read_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| crate::gate::decode(&text.replace('+', " "));
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(name, value)| Some((decode(name)?, decode(value)?)))
        .collect()
}

/// Answers an authentic request.
pub(crate) fn answer(
    world: &mut World,
    route: &Route,
    call: &V3Call,
    life: Option<&FaultAction>,
) -> Draft {
    if *route == Route::V3BillDownload
        && let Ok(response) = bill::download(world, call)
    {
        return Draft::Plain(response);
    }
    let result = match route {
        Route::V3BillDownload => bill::download(world, call).map(|_sent| Value::Null),
        Route::V3TradeBill | Route::V3FundFlowBill => bill::locate(world, route, call),
        Route::V3Refund => refund::apply(world, call, life),
        Route::V3PlatformRefund => refund::apply_platform(world, call, life),
        Route::V3RefundByNumber { out_refund_no } => refund::by_number(world, call, out_refund_no),
        Route::V3RefundById { refund_id } => refund::by_id(world, call, refund_id),
        Route::V3AbnormalRefund { refund_id } => refund::abnormal(world, call, refund_id),
        Route::V3OrderQuery { by, party } => order::query(world, call, by, *party),
        Route::V3Prepay { kind, party } => order::place(world, call, *kind, *party),
        _ => certificates::list(world, call),
    };
    let Signer::V3(_, key) = &call.signer else {
        return Draft::Plain(crate::message::Response::empty(500));
    };
    let signer = Some(Arc::clone(key));
    match result {
        Ok(value) => Draft::V3 {
            status: 200,
            body: value.to_string().into_bytes(),
            signer,
            number: 0,
        },
        Err(V3Refused::Coded(error)) => v3_error(
            signer,
            (error.status, error.number),
            error.code,
            error.message,
            None,
        ),
        Err(V3Refused::Field(error)) => v3_error(
            signer,
            (400, error.number),
            "PARAM_ERROR",
            "参数错误",
            Some(error.detail()),
        ),
    }
}

/// The sub-merchant a call is about: required of a provider, forbidden to all others.
fn check_sub(world: &World, call: &V3Call, sub: Option<&str>) -> Result<(), V3Refused> {
    let merchant = world.merchant(call.merchant);
    match (merchant.is_provider(), sub) {
        (true, None) => Err(FieldError::missing("sub_mchid", 268_443_704).into()),
        (false, Some(sub)) if sub == merchant.mch_id => {
            Err(FieldError::forbidden("sub_mchid", 268_443_705).into())
        }
        (false, Some(_)) => Err(FieldError::forbidden("sub_mchid", 270_924_358).into()),
        (_, sub) => Ok(world.check_sub(call.merchant, sub)?),
    }
}
