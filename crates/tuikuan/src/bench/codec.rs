//! `bench codec`: what one core does in a second with the messages of both generations: open a refund
//! notification, sign a request. The messages are the test vectors of the codec, so that other
//! libraries can be given the same; `bench/codec` does that. A v2 signature begins as theirs does,
//! with fields in the order of the caller; `kept` begins with a message whose fields stand in order
//! already, which is what the engine has. Beside each figure stands its floor: the cryptography
//! alone, which no codec around it can beat.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;
use md5::{Digest as _, Md5};
use secrecy::SecretString;
use serde_json::{Value, json};
use tuikuan_wechat::Stamp;
use tuikuan_wechat::http::Method;
use tuikuan_wechat::keys::{PrivateKey, PublicKey, TrustedKeys};
use tuikuan_wechat::v2::{self, ApiV2Key, Fields, SignType};
use tuikuan_wechat::v3::notification;
use tuikuan_wechat::v3::sign::Signer;

use super::report::{Report, Times, rate, rounded};

/// Each operation is repeated for so long.
const TIME: Duration = Duration::from_secs(1);
/// Operations between two looks at the clock.
const AT_ONCE: usize = 64;

const REQ_INFO: &str = include_str!("../../../wechat/tests/vectors/v2_req_info.json");
const V2_SIGN: &str = include_str!("../../../wechat/tests/vectors/v2_sign.json");
const V3_SIGN: &str = include_str!("../../../wechat/tests/vectors/v3_sign.json");
const V3_VERIFY: &str = include_str!("../../../wechat/tests/vectors/v3_verify.json");
const V3_GCM: &str = include_str!("../../../wechat/tests/vectors/v3_gcm.json");
const KEYS: &str = include_str!("../../../wechat/tests/vectors/test_keys.json");
const PUBLIC_KEY: &str = include_str!("../../../wechat/tests/vectors/test_wechatpay_pubkey.pem");

/// Operations in a second, and how many the cryptography of them alone allows.
struct Figure {
    whole: f64,
    floor: f64,
}

/// Measures.
pub(crate) fn run() -> anyhow::Result<Report> {
    let v2_open = v2_open()?;
    let hmac = v2_sign("refund-request-hmac", SignType::HmacSha256)?;
    let md5 = v2_sign("refund-request-md5-default", SignType::Md5)?;
    let (v3_open, v3_sign) = (v3_open()?, v3_sign()?);
    Ok(Report {
        bench: "codec",
        unit: "notifications/s",
        figure: v3_open.whole,
        baseline: v3_open.floor,
        baseline_is: "the RSA check of the same v3 notification alone".to_owned(),
        times: Times::default(),
        more: vec![
            ("v2_open_per_s", rounded(v2_open.whole)),
            ("v2_open_floor_per_s", rounded(v2_open.floor)),
            ("v2_sign_hmac_per_s", rounded(hmac.0.whole)),
            ("v2_sign_hmac_kept_per_s", rounded(hmac.1)),
            ("v2_sign_hmac_floor_per_s", rounded(hmac.0.floor)),
            ("v2_sign_md5_per_s", rounded(md5.0.whole)),
            ("v2_sign_md5_kept_per_s", rounded(md5.1)),
            ("v2_sign_md5_floor_per_s", rounded(md5.0.floor)),
            ("v3_open_per_s", rounded(v3_open.whole)),
            ("v3_open_floor_per_s", rounded(v3_open.floor)),
            ("v3_sign_per_s", rounded(v3_sign.whole)),
            ("v3_sign_floor_per_s", rounded(v3_sign.floor)),
        ],
    })
}

/// A v2 refund notification: envelope parsed, decrypted, content parsed and read; and its
/// decryption alone.
fn v2_open() -> anyhow::Result<Figure> {
    let case = named(REQ_INFO, "success")?;
    let key = ApiV2Key::from(text(&case, "api_v2_key")?);
    let (body, sealed) = (text(&case, "envelope")?, text(&case, "req_info")?);
    let envelope = Fields::parse(body.as_bytes())?;
    let mch_id = envelope.get("mch_id").context("no merchant")?.to_owned();
    let whole = repeat(|| {
        let hint = v2::notification::open_refund(body.as_bytes(), &mch_id, &key)?;
        std::hint::black_box(hint);
        Ok(())
    })?;
    let floor = repeat(|| {
        std::hint::black_box(v2::req_info::open(&sealed, &key)?);
        Ok(())
    })?;
    Ok(Figure { whole, floor })
}

/// The signature of a refund request: of fields in any order, and of those that are kept in order.
fn v2_sign(name: &str, kind: SignType) -> anyhow::Result<(Figure, f64)> {
    let case = named(V2_SIGN, name)?;
    let (secret, canonical) = (text(&case, "key")?, text(&case, "canonical")?);
    let expected = match kind {
        SignType::Md5 => text(&case, "md5")?,
        SignType::HmacSha256 => text(&case, "hmac_sha256")?,
    };
    let params = case.get("params").and_then(Value::as_object);
    let mut pairs: Vec<(&str, &str)> = params
        .context("no parameters")?
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    // An order that has nothing to do with that of the names.
    pairs.sort_by_key(|(_, value)| *value);
    let key = ApiV2Key::from(secret.as_str());
    let signed = |fields: &Fields| {
        let signature = v2::sign(fields, &key, kind);
        ensure!(signature == expected, "the signature is wrong");
        Ok(())
    };
    let whole = repeat(|| signed(&pairs.iter().copied().collect()))?;
    let fields: Fields = pairs.iter().copied().collect();
    let kept = repeat(|| signed(&fields))?;
    let floor = digest(&format!("{canonical}&key={secret}"), &secret, kind)?;
    Ok((Figure { whole, floor }, kept))
}

/// The digest of a v2 signature alone.
fn digest(message: &str, secret: &str, kind: SignType) -> anyhow::Result<f64> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    repeat(|| {
        let message = std::hint::black_box(message);
        match kind {
            SignType::Md5 => drop(std::hint::black_box(Md5::digest(message))),
            SignType::HmacSha256 => {
                std::hint::black_box(hmac::sign(&key, message.as_bytes()));
            }
        }
        Ok(())
    })
}

/// A v3 refund notification: verified, decrypted and read; and the check of its signature alone.
fn v3_open() -> anyhow::Result<Figure> {
    let case = named(V3_VERIFY, "notification-success-pubkey")?;
    let facts: Value = serde_json::from_str(V3_VERIFY)?;
    let id = text(facts.get("wechatpay_public_key").context("no key")?, "id")?;
    let gcm: Value = serde_json::from_str(V3_GCM)?;
    let secret = SecretString::from(text(&gcm, "api_v3_key")?);
    let keys = TrustedKeys::new().with_public_key(&id, PublicKey::from_pem(PUBLIC_KEY.as_bytes())?);
    let given = case.get("headers").and_then(Value::as_object);
    let headers: Vec<(String, String)> = given
        .context("no headers")?
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let body = text(&case, "body")?;
    let now = case.get("now").and_then(Value::as_i64).context("no time")?;
    let whole = repeat(|| {
        let opened = notification::open(&headers, body.as_bytes(), &keys, &secret, now)?;
        std::hint::black_box(opened);
        Ok(())
    })?;
    let floor = repeat(|| {
        tuikuan_wechat::v3::sign::verify(&headers, body.as_bytes(), &keys, now)?;
        Ok(())
    })?;
    Ok(Figure { whole, floor })
}

/// The `Authorization` of a refund request; and the RSA signature alone.
fn v3_sign() -> anyhow::Result<Figure> {
    let facts: Value = serde_json::from_str(V3_SIGN)?;
    let case = named(V3_SIGN, "create-refund")?;
    let keys: Value = serde_json::from_str(KEYS)?;
    let der = keys.pointer("/keys/test_merchant_key/pkcs8_der_base64");
    let der = der.and_then(Value::as_str).context("no key")?;
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let key = PrivateKey::from_pem(pem.as_bytes())?;
    let (mchid, serial_no) = (text(&facts, "mchid")?, text(&facts, "serial_no")?);
    let signer = Signer {
        mchid: &mchid,
        serial_no: &serial_no,
        key: &key,
    };
    let stamp = Stamp {
        unix_seconds: text(&case, "timestamp")?.parse()?,
        nonce: text(&case, "nonce_str")?,
    };
    let (path, body) = (text(&case, "url")?, text(&case, "body")?);
    let (expected, message) = (text(&case, "signature")?, text(&case, "message")?);
    let whole = repeat(|| {
        let header = signer.authorization(Method::Post, &path, &stamp, body.as_bytes());
        let right = header.is_some_and(|header| header.contains(&expected));
        ensure!(right, "the signature is wrong");
        Ok(())
    })?;
    let floor = repeat(|| {
        std::hint::black_box(key.sign(message.as_bytes()));
        Ok(())
    })?;
    Ok(Figure { whole, floor })
}

/// How often something can be done in a second.
fn repeat(mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    for _ in 0..AT_ONCE {
        act()?;
    }
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < TIME {
        for _ in 0..AT_ONCE {
            act()?;
        }
        count += AT_ONCE;
    }
    Ok(rate(count, began.elapsed()))
}

/// A vector by its name.
fn named(set: &str, name: &str) -> anyhow::Result<Value> {
    let set: Value = serde_json::from_str(set)?;
    let cases = set.get("cases").and_then(Value::as_array);
    let mut cases = cases.into_iter().flatten();
    let found = cases.find(|case| case.get("name") == Some(&json!(name)));
    Ok(found.with_context(|| format!("no vector {name}"))?.clone())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let found = value.get(name).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {name}"))?.to_owned())
}
