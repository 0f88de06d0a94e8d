//! Known answers, computed before anything is served: a build or a machine whose cryptography is wrong
//! must not sign for money nor believe a signature (INV-41). The expected values were computed with
//! OpenSSL, and for the v2 signature WeChat printed them in its documentation.

use tuikuan_wechat::SecretString;
use tuikuan_wechat::v2::{self, ApiV2Key, Fields, SignType, req_info};
use tuikuan_wechat::v3::aead;

use crate::config::MerchantConfig;

const V2_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const V2_MD5: &str = "9A0A8659F005D6984697E2CA0A9CF3B7";
const V2_HMAC: &str = "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6";
const KEY: &str = "0123456789abcdef0123456789abcdef";
const GCM_NONCE: &str = "nonce1234567";
const GCM_AAD: &str = "refund";
const GCM_PLAIN: &[u8] = b"tuikuan";
const GCM_SEALED: &str = "RUMaPyz2uz1cbZLs15jRsxFR8qXzXKE=";
const ECB_PLAIN: &[u8] = b"<root>tuikuan</root>";
const ECB_SEALED: &str = "jygpLno64lMpzC10Nx5nGCEdSku4RKmvhAqt72EWyzE=";

/// What gave another answer than the known one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the self-test of {what} failed: this build or machine must not handle money")]
pub(crate) struct SelfTestFailed {
    what: String,
}

/// Runs all tests.
pub(crate) fn run(merchants: &[MerchantConfig]) -> Result<(), SelfTestFailed> {
    let mut answers = vec![
        ("the v2 signatures".to_owned(), v2_signatures()),
        ("AES-256-GCM".to_owned(), gcm()),
        ("AES-256-ECB".to_owned(), ecb()),
    ];
    for merchant in merchants {
        answers.push((
            format!("the RSA key of merchant {}", merchant.name),
            rsa(merchant),
        ));
    }
    first_wrong(answers)
}

fn first_wrong(answers: Vec<(String, bool)>) -> Result<(), SelfTestFailed> {
    match answers.into_iter().find(|(_, right)| !right) {
        Some((what, _)) => Err(SelfTestFailed { what }),
        None => Ok(()),
    }
}

fn v2_signatures() -> bool {
    let key = ApiV2Key::from(V2_KEY);
    let mut fields: Fields = [
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("device_info", "1000"),
        ("body", "test"),
        ("nonce_str", "ibuaiVcKdpRxkhJA"),
    ]
    .into_iter()
    .collect();
    let known = v2::sign(&fields, &key, SignType::Md5) == V2_MD5
        && v2::sign(&fields, &key, SignType::HmacSha256) == V2_HMAC;
    fields.set("sign", V2_MD5);
    let accepted = v2::verify(&fields, &key);
    fields.set("body", "Test");
    known && accepted && !v2::verify(&fields, &key)
}

fn gcm() -> bool {
    let key = SecretString::from(KEY);
    let sealed = aead::seal(&key, GCM_NONCE, GCM_AAD, GCM_PLAIN);
    let opened = aead::open(&key, GCM_NONCE, GCM_AAD, GCM_SEALED);
    let forged = aead::open(&key, GCM_NONCE, "refunc", GCM_SEALED);
    sealed.as_deref() == Ok(GCM_SEALED) && opened.as_deref() == Ok(GCM_PLAIN) && forged.is_err()
}

fn ecb() -> bool {
    let key = ApiV2Key::from(KEY);
    req_info::open(ECB_SEALED, &key).as_deref() == Ok(ECB_PLAIN)
}

/// The merchant's key signs what its certificate verifies, and nothing else.
fn rsa(merchant: &MerchantConfig) -> bool {
    let Some(identity) = merchant.credentials.identity() else {
        return false;
    };
    let Some(signature) = identity.key.sign(GCM_PLAIN) else {
        return false;
    };
    let public = &identity.certificate.public_key;
    public.verify(GCM_PLAIN, &signature) && !public.verify(ECB_PLAIN, &signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_are_given() {
        assert_eq!(run(&[]), Ok(()));
    }

    #[test]
    fn a_wrong_answer_stops_the_start() {
        let answers = vec![
            ("spelling".to_owned(), true),
            ("arithmetic".to_owned(), false),
        ];
        let failed = first_wrong(answers).unwrap_err();
        assert!(failed.to_string().contains("arithmetic"));
    }
}
