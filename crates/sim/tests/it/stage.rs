//! A world with two merchants, and the client's side of both generations.

use std::sync::OnceLock;

use serde_json::Value;
use tuikuan_sim::identity::Authority;
use tuikuan_sim::material::Material;
use tuikuan_sim::setup::{MerchantPlan, usual_merchants};
use tuikuan_sim::{Incoming, Outgoing, PaidOrder, Response, World};
use tuikuan_wechat::http::Method;
use tuikuan_wechat::keys::PrivateKey;
use tuikuan_wechat::v2::{ApiV2Key, Fields, SignType, sign};
use tuikuan_wechat::v3::sign::Signer;
use tuikuan_wechat::{Certificate, Stamp, TrustedKeys};

/// 2023-11-14 22:13:20 UTC.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
pub(crate) const MCH: &str = "1900000109";
pub(crate) const PROVIDER: &str = "1900000111";
pub(crate) const SUB: &str = "1900000209";
pub(crate) const REFUNDS: &str = "/v3/refund/domestic/refunds";

pub(crate) struct Kit {
    pub(crate) plans: Vec<MerchantPlan>,
    pub(crate) materials: Vec<Material>,
}

/// Keys are made once for all tests.
pub(crate) fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| {
        let authority = Authority::generate(START_MS).unwrap();
        let plans = usual_merchants();
        let materials = plans
            .iter()
            .map(|plan| Material::generate(&authority, plan.mch_id.as_str(), 5).unwrap())
            .collect();
        Kit { plans, materials }
    })
}

impl Kit {
    pub(crate) fn of(&self, mch_id: &str) -> (&MerchantPlan, &Material) {
        let at = self.plans.iter().position(|p| p.mch_id.as_str() == mch_id);
        let at = at.unwrap();
        (&self.plans[at], &self.materials[at])
    }

    pub(crate) fn trusted(&self, mch_id: &str) -> TrustedKeys {
        let (_, material) = self.of(mch_id);
        let certificate = Certificate::from_pem(material.platform.certificate_pem.as_bytes());
        let public =
            tuikuan_wechat::PublicKey::from_pem(material.public.public_pem.as_bytes()).unwrap();
        TrustedKeys::new()
            .with_certificate(&certificate.unwrap())
            .with_public_key(&material.public_key_id, public)
    }
}

pub(crate) fn world(seed: u64) -> World {
    let kit = kit();
    let mut world = World::new(seed, START_MS);
    for (plan, material) in kit.plans.iter().zip(&kit.materials) {
        world.add_merchant(material.account(plan).unwrap()).unwrap();
    }
    world
}

/// A world with the paid order `ORDER0001` of 1000 fen.
pub(crate) fn world_with_order(seed: u64) -> World {
    let mut world = world(seed);
    world
        .place_paid_order(&PaidOrder::new(MCH, "ORDER0001", 1_000))
        .unwrap();
    world
}

fn own_key(mch_id: &str) -> PrivateKey {
    PrivateKey::from_pem(kit().of(mch_id).1.own.key_pem.as_bytes()).unwrap()
}

fn own_serial(mch_id: &str) -> String {
    let pem = &kit().of(mch_id).1.own.certificate_pem;
    Certificate::from_pem(pem.as_bytes()).unwrap().serial
}

/// A signed v3 request.
pub(crate) fn v3_request(world: &World, mch_id: &str, path: &str, body: Option<&str>) -> Incoming {
    let stamp = Stamp {
        unix_seconds: world.wall_ms() / 1_000,
        nonce: "593BEC0C930BF1AFEB40B4A08C8FB242".into(),
    };
    let method = if body.is_some() {
        Method::Post
    } else {
        Method::Get
    };
    let body = body.unwrap_or_default().as_bytes();
    let (serial, key) = (own_serial(mch_id), own_key(mch_id));
    let signer = Signer {
        mchid: mch_id,
        serial_no: &serial,
        key: &key,
    };
    let authorization = signer.authorization(method, path, &stamp, body).unwrap();
    Incoming {
        method: method.as_str().into(),
        path_and_query: path.into(),
        headers: vec![
            ("Accept".into(), "application/json".into()),
            ("User-Agent".into(), "test".into()),
            ("Content-Type".into(), "application/json".into()),
            ("Authorization".into(), authorization),
        ],
        body: body.to_vec(),
        client_cert_mch: None,
    }
}

pub(crate) fn response(outgoing: &Outgoing) -> &Response {
    match outgoing {
        Outgoing::Reply(response) => response,
        other => panic!("no plain reply: {other:?}"),
    }
}

/// Sends a v3 request; the signature of a 2xx answer is checked.
pub(crate) fn v3(world: &mut World, path: &str, body: Option<&str>) -> (u16, Value) {
    v3_of(world, MCH, path, body)
}

pub(crate) fn v3_of(
    world: &mut World,
    mch_id: &str,
    path: &str,
    body: Option<&str>,
) -> (u16, Value) {
    let request = v3_request(world, mch_id, path, body);
    let outgoing = world.handle(&request);
    let response = response(&outgoing);
    if (200..300).contains(&response.status) {
        tuikuan_wechat::v3::sign::verify(
            &response.headers,
            &response.body,
            &kit().trusted(mch_id),
            world.wall_ms() / 1_000,
        )
        .unwrap();
    }
    let value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    (response.status, value)
}

pub(crate) fn refund_json(number: &str, refund: i64, total: i64) -> String {
    format!(
        r#"{{"out_trade_no":"ORDER0001","out_refund_no":"{number}",
            "amount":{{"refund":{refund},"total":{total},"currency":"CNY"}}}}"#
    )
}

/// Applies for a v3 refund of `ORDER0001`.
pub(crate) fn apply(world: &mut World, number: &str, refund: i64) -> (u16, Value) {
    v3(world, REFUNDS, Some(&refund_json(number, refund, 1_000)))
}

/// A signed v2 request.
pub(crate) fn v2_request(path: &str, fields: &[(&str, &str)], sign_type: SignType) -> Incoming {
    let (plan, material) = kit().of(MCH);
    let mut all = Fields::new();
    all.set("appid", plan.app_id.as_str());
    all.set("mch_id", MCH);
    all.set("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS");
    if sign_type == SignType::HmacSha256 {
        all.set("sign_type", "HMAC-SHA256");
    }
    for (name, value) in fields {
        all.set(name, *value);
    }
    let key = ApiV2Key::from(material.api_v2_key.clone());
    let signature = sign(&all, &key, sign_type);
    all.set("sign", signature);
    Incoming {
        method: "POST".into(),
        path_and_query: path.into(),
        headers: Vec::new(),
        body: all.to_xml().into_bytes(),
        client_cert_mch: Some(MCH.into()),
    }
}

/// Sends a v2 request; the signature of an answer with return_code SUCCESS is checked.
pub(crate) fn v2(world: &mut World, path: &str, fields: &[(&str, &str)]) -> Fields {
    let outgoing = world.handle(&v2_request(path, fields, SignType::Md5));
    let answer = Fields::parse(&response(&outgoing).body).unwrap();
    if answer.get("return_code") == Some("SUCCESS") {
        let key = ApiV2Key::from(kit().of(MCH).1.api_v2_key.clone());
        assert!(tuikuan_wechat::v2::verify(&answer, &key));
    } else {
        assert_eq!(answer.get("sign"), None, "failures are unsigned");
    }
    answer
}

pub(crate) fn v2_apply(world: &mut World, number: &str, refund: &str) -> Fields {
    v2(
        world,
        "/secapi/pay/refund",
        &[
            ("out_trade_no", "ORDER0001"),
            ("out_refund_no", number),
            ("total_fee", "1000"),
            ("refund_fee", refund),
        ],
    )
}

pub(crate) fn later(world: &mut World, seconds: i64) {
    let at = world.now_ms() + seconds * 1_000;
    world.advance_to(at);
}
