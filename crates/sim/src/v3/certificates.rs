//! `GET /v3/certificates`: the platform certificates, encrypted with the API v3 key.

use serde_json::{Value, json};
use tuikuan_wechat::v3::aead;

use super::{V3Call, V3Refused, coded};
use crate::beijing;
use crate::merchant::VerificationMode;
use crate::world::World;

pub(super) fn list(world: &mut World, call: &V3Call) -> Result<Value, V3Refused> {
    let account = world.merchant(call.merchant);
    if account.mode == VerificationMode::PublicKey {
        return Err(coded(
            404,
            "RESOURCE_NOT_EXISTS",
            "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥",
        ));
    }
    let keys = account.wechat_keys.clone();
    let api_v3_key = account.api_v3_key.clone();
    let mut data = Vec::new();
    for key in keys {
        let Some(certificate) = &key.certificate else {
            continue;
        };
        if certificate.expire_ms <= world.wall_ms() {
            continue;
        }
        let nonce = world.dice.text(12);
        let pem = certificate.pem.as_bytes();
        let ciphertext = aead::seal(&api_v3_key, &nonce, "certificate", pem).unwrap_or_default();
        data.push(json!({
            "serial_no": key.serial,
            "effective_time": beijing::rfc3339(certificate.effective_ms),
            "expire_time": beijing::rfc3339(certificate.expire_ms),
            "encrypt_certificate": {
                "algorithm": aead::ALGORITHM,
                "nonce": nonce,
                "associated_data": "certificate",
                "ciphertext": ciphertext,
            },
        }));
    }
    Ok(json!({ "data": data }))
}
