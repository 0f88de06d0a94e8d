//! v3: request signatures, verification, GCM, OAEP.

use base64::Engine as _;
use secrecy::SecretString;
use tuikuan_wechat::http::Method;
use tuikuan_wechat::v3::sign::{Authorization, Signer, VerifyError, request_message, verify};
use tuikuan_wechat::v3::{aead, notification, oaep};
use tuikuan_wechat::{Certificate, Identity, PublicKey, RefundStatus, Stamp, TrustedKeys};

use crate::{file, private_key, text, vectors};

fn trusted() -> TrustedKeys {
    let facts = vectors("v3_verify");
    let id = text(&facts["wechatpay_public_key"], "id").to_owned();
    let key = PublicKey::from_pem(&file("test_wechatpay_pubkey.pem")).unwrap();
    let certificate = Certificate::from_pem(&file("test_platform_cert.pem")).unwrap();
    assert_eq!(
        certificate.serial,
        text(&facts["platform_certificate"], "serial_no")
    );
    TrustedKeys::new()
        .with_public_key(&id, key)
        .with_certificate(&certificate)
}

#[test]
fn request_signatures_are_those_of_the_vectors() {
    let set = vectors("v3_sign");
    let key = private_key("test_merchant_key");
    let certificate = Certificate::from_pem(&file("test_merchant_cert.pem")).unwrap();
    assert_eq!(certificate.serial, text(&set, "serial_no"));
    assert_eq!(certificate.common_name.as_deref(), Some("1900000109"));
    assert!(certificate.belongs_to(&key));
    assert!(!certificate.belongs_to(&private_key("test_platform_key")));
    let cases = set["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let method = if text(case, "method") == "GET" {
            Method::Get
        } else {
            Method::Post
        };
        let stamp = Stamp {
            unix_seconds: text(case, "timestamp").parse().unwrap(),
            nonce: text(case, "nonce_str").to_owned(),
        };
        let body = text(case, "body").as_bytes();
        let message = request_message(method, text(case, "url"), &stamp, body);
        assert_eq!(
            message,
            text(case, "message").as_bytes(),
            "{}",
            case["name"]
        );
        let signer = Signer {
            mchid: text(&set, "mchid"),
            serial_no: text(&set, "serial_no"),
            key: &key,
        };
        let header = signer
            .authorization(method, text(case, "url"), &stamp, body)
            .unwrap();
        assert_eq!(header, text(case, "authorization"));
        let parsed = Authorization::parse(&header).unwrap();
        assert_eq!(
            base64::engine::general_purpose::STANDARD.encode(&parsed.signature),
            text(case, "signature")
        );
        assert!(certificate.public_key.verify(&message, &parsed.signature));
    }
}

#[test]
fn answers_and_notifications_verify_as_expected() {
    let set = vectors("v3_verify");
    let keys = trusted();
    let cases = set["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let headers: Vec<(String, String)> = case["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, v)| (n.to_lowercase(), v.as_str().unwrap().to_owned()))
            .collect();
        let now = case["now"].as_i64().unwrap();
        let result = verify(&headers, text(case, "body").as_bytes(), &keys, now);
        let valid = text(case, "expect") == "valid";
        assert_eq!(result.is_ok(), valid, "{}: {result:?}", case["name"]);
    }
}

#[test]
fn the_window_ends_at_300_seconds() {
    let set = vectors("v3_verify");
    let case = &set["cases"][0];
    let headers: Vec<(String, String)> = case["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned()))
        .collect();
    let sent: i64 = text(&case["headers"], "Wechatpay-Timestamp")
        .parse()
        .unwrap();
    let at = |now| verify(&headers, text(case, "body").as_bytes(), &trusted(), now);
    assert_eq!(at(sent + 299), Ok(()));
    assert_eq!(at(sent - 299), Ok(()));
    assert_eq!(at(sent + 300), Err(VerifyError::Stale { seconds: 300 }));
    assert_eq!(at(sent - 300), Err(VerifyError::Stale { seconds: 300 }));
    let mut twice = headers.clone();
    twice.push(headers[0].clone());
    assert!(matches!(
        verify(&twice, text(case, "body").as_bytes(), &trusted(), sent),
        Err(VerifyError::Header { .. })
    ));
}

#[test]
fn notifications_open_to_reports() {
    let set = vectors("v3_verify");
    let key = SecretString::from("TESTONLYapiv3key0123456789ABCDEF".to_owned());
    let mut opened = 0;
    for case in set["cases"].as_array().unwrap() {
        let name = text(case, "name");
        if !name.starts_with("notification") || text(case, "expect") != "valid" {
            continue;
        }
        let headers: Vec<(String, String)> = case["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned()))
            .collect();
        let body = text(case, "body").as_bytes();
        let notice = notification::open(
            &headers,
            body,
            &trusted(),
            &key,
            case["now"].as_i64().unwrap(),
        );
        let notice = notice.unwrap_or_else(|e| panic!("{name}: {e}"));
        let notification::Subject::Refund(report) = notice.subject else {
            panic!("{name}")
        };
        let wanted = match notice.event_type.as_str() {
            "REFUND.SUCCESS" => RefundStatus::Success,
            "REFUND.ABNORMAL" => RefundStatus::Abnormal,
            _ => RefundStatus::Closed,
        };
        assert_eq!(report.status, wanted);
        opened += 1;
    }
    assert!(opened >= 2);
}

#[test]
fn gcm_opens_and_seals_as_the_vectors_say() {
    let set = vectors("v3_gcm");
    let key = SecretString::from(text(&set, "api_v3_key").to_owned());
    let cases = set["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let aad = case["associated_data"].as_str().unwrap_or_default();
        let plain = aead::open(&key, text(case, "nonce"), aad, text(case, "ciphertext")).unwrap();
        assert_eq!(plain, text(case, "plaintext").as_bytes());
        assert_eq!(
            aead::seal(&key, text(case, "nonce"), aad, &plain).unwrap(),
            text(case, "ciphertext")
        );
    }
    for case in set["negative"].as_array().unwrap() {
        let aad = text(case, "associated_data");
        assert!(aead::open(&key, text(case, "nonce"), aad, text(case, "ciphertext")).is_err());
    }
}

#[test]
fn sensitive_fields_decrypt() {
    let set = vectors("v3_oaep");
    let private = private_key("test_wechatpay_pubkey_signer");
    let public = PublicKey::from_pem(&file("test_wechatpay_pubkey.pem")).unwrap();
    for case in set["cases"].as_array().unwrap() {
        let plain = oaep::decrypt(&private, text(case, "ciphertext")).unwrap();
        assert_eq!(plain, text(case, "plaintext").as_bytes());
        let again = oaep::encrypt(&public, &plain).unwrap();
        assert_eq!(oaep::decrypt(&private, &again).unwrap(), plain);
    }
    assert_eq!(
        oaep::encrypt(&public, &[b'x'; 215]),
        Err(oaep::OaepError::TooLong)
    );
}

#[test]
fn identities_read_from_pem_and_refuse_a_foreign_key() {
    let certificate = file("test_merchant_cert.pem");
    let pem = |name: &str| {
        let der = private_key(name).der();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_slice());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    };
    assert!(Identity::from_pem(&certificate, pem("test_merchant_key").as_bytes()).is_ok());
    assert!(Identity::from_pem(&certificate, pem("test_platform_key").as_bytes()).is_err());
    assert!(Identity::from_pem(b"nothing", pem("test_merchant_key").as_bytes()).is_err());
}
