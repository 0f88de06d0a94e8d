//! Any bytes as a v3 notification behind its signature, then as the encrypted part of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuikuan_wechat::SecretString;
use tuikuan_wechat::v3::aead::seal;
use tuikuan_wechat::v3::notification::open_verified;

const NONCE: &str = "fdasflkja484";

fuzz_target!(|data: &[u8]| {
    let key = SecretString::from("0123456789abcdef0123456789abcdef");
    let _whatever = open_verified(data, &key);
    for (event, associated) in [
        ("REFUND.SUCCESS", "refund"),
        ("TRANSACTION.SUCCESS", "transaction"),
    ] {
        let ciphertext = seal(&key, NONCE, associated, data).expect("anything can be sealed");
        let body = serde_json::json!({
            "id": "EV-2018022511223320873", "create_time": "2018-06-08T10:34:56+08:00",
            "resource_type": "encrypt-resource", "event_type": event, "summary": "",
            "resource": { "algorithm": "AEAD_AES_256_GCM", "original_type": associated,
                "ciphertext": ciphertext, "associated_data": associated, "nonce": NONCE },
        });
        let _whatever = open_verified(body.to_string().as_bytes(), &key);
    }
});
