//! `bench codec`: what one core does in a second with the messages of both generations: open a refund
//! notification, sign a request. The messages are the test vectors of the codec, so that other
//! libraries can be given the same; `bench/codec` does that.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use tuikuan_wechat::Stamp;
use tuikuan_wechat::http::Method;
use tuikuan_wechat::keys::{PrivateKey, PublicKey, TrustedKeys};
use tuikuan_wechat::v2::{self, Fields, SignType};
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

/// Measures.
pub(crate) fn run() -> anyhow::Result<Report> {
    let v2_open = v2_open()?;
    let [hmac, md5] = [
        ("refund-request-hmac", "hmac_sha256", SignType::HmacSha256),
        ("refund-request-md5-default", "md5", SignType::Md5),
    ]
    .map(v2_sign);
    let (v3_open, bare) = v3_open()?;
    Ok(Report {
        bench: "codec",
        unit: "notifications/s",
        figure: v3_open,
        baseline: bare,
        baseline_is: "the RSA check of the same v3 notification alone".to_owned(),
        times: Times::default(),
        more: vec![
            ("v2_open_per_s", rounded(v2_open)),
            ("v2_sign_hmac_per_s", rounded(hmac?)),
            ("v2_sign_md5_per_s", rounded(md5?)),
            ("v3_open_per_s", rounded(v3_open)),
            ("v3_sign_per_s", rounded(v3_sign()?)),
        ],
    })
}

/// A v2 refund notification: envelope parsed, decrypted, content parsed and read.
fn v2_open() -> anyhow::Result<f64> {
    let case = named(REQ_INFO, "success")?;
    let key = SecretString::from(text(&case, "api_v2_key")?);
    let body = text(&case, "envelope")?;
    let envelope = Fields::parse(body.as_bytes())?;
    let mch_id = envelope.get("mch_id").context("no merchant")?.to_owned();
    repeat(|| {
        let hint = v2::notification::open_refund(body.as_bytes(), &mch_id, &key)?;
        std::hint::black_box(hint);
        Ok(())
    })
}

fn v2_sign((name, expected, kind): (&str, &str, SignType)) -> anyhow::Result<f64> {
    let case = named(V2_SIGN, name)?;
    let key = SecretString::from(text(&case, "key")?);
    let expected = text(&case, expected)?;
    let mut fields = Fields::new();
    let params = case.get("params").and_then(Value::as_object);
    for (name, value) in params.context("no parameters")? {
        fields.set(name, value.as_str().context("not a text")?);
    }
    repeat(|| {
        let signature = v2::sign(&fields, &key, kind);
        ensure!(signature == expected, "the signature is wrong");
        Ok(())
    })
}

/// A v3 refund notification: verified, decrypted and read; and the check of its signature alone.
fn v3_open() -> anyhow::Result<(f64, f64)> {
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
    let opened = repeat(|| {
        let opened = notification::open(&headers, body.as_bytes(), &keys, &secret, now)?;
        std::hint::black_box(opened);
        Ok(())
    })?;
    let checked = repeat(|| {
        tuikuan_wechat::v3::sign::verify(&headers, body.as_bytes(), &keys, now)?;
        Ok(())
    })?;
    Ok((opened, checked))
}

/// The `Authorization` of a refund request.
fn v3_sign() -> anyhow::Result<f64> {
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
    let expected = text(&case, "signature")?;
    repeat(|| {
        let header = signer.authorization(Method::Post, &path, &stamp, body.as_bytes());
        let right = header.is_some_and(|header| header.contains(&expected));
        ensure!(right, "the signature is wrong");
        Ok(())
    })
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
