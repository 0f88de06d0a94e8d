//! Every test vector, and the laws of the codec. The vectors say in themselves how they were
//! checked (Python, OpenSSL and an independent client library).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bill_fetch;
mod bill_laws;
mod bills;
mod catalogue;
mod laws;
mod v2_vectors;
mod v3_vectors;

use serde_json::Value;

pub(crate) fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/vectors/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

pub(crate) fn private_key(name: &str) -> tuikuan_wechat::PrivateKey {
    use base64::Engine as _;
    let keys = vectors("test_keys");
    let der = text(&keys["keys"][name], "pkcs8_der_base64").to_owned();
    let der = base64::engine::general_purpose::STANDARD
        .decode(der)
        .unwrap();
    tuikuan_wechat::PrivateKey::from_pkcs8(&der).unwrap()
}
