//! Laws: what was signed verifies, parse after print is identity, bytes from outside never panic.

use std::collections::BTreeMap;

use proptest::prelude::*;
use secrecy::SecretString;
use tuikuan_wechat::TrustedKeys;
use tuikuan_wechat::v2::fields::{MESSAGE_BYTES_MAX, XmlError};
use tuikuan_wechat::v2::{ApiV2Key, Fields, SignType, notification as v2, req_info, sign, verify};
use tuikuan_wechat::v3::notification as v3;

const KEY: &str = "TESTONLYapiv2key0123456789ABCDEF";

fn key() -> ApiV2Key {
    ApiV2Key::from(KEY)
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map("[a-z_]{1,20}", "[ -~退款\\]>&<]{0,40}", 0..20)
        .prop_map(|map| map.into_iter().filter(|(name, _)| name != "sign").collect())
}

proptest! {
    #[test]
    fn parse_after_print_is_identity(fields in fields()) {
        prop_assert_eq!(Fields::parse(fields.to_xml().as_bytes()).unwrap(), fields);
    }

    #[test]
    fn signatures_verify_what_was_signed_and_nothing_else(mut fields in fields(), md5: bool) {
        let sign_type = if md5 { SignType::Md5 } else { SignType::HmacSha256 };
        fields.remove("sign_type");
        let signature = sign(&fields, &key(), sign_type);
        fields.set("sign", signature);
        prop_assert!(verify(&fields, &key()));
        fields.set("one_more", "x");
        prop_assert!(!verify(&fields, &key()));
    }

    #[test]
    fn fields_are_a_sorted_map(
        steps in prop::collection::vec(("(refund_)?[a-d_=]{1,3}", prop::option::of("[a&=退]{0,3}")), 0..40),
    ) {
        let (mut fields, mut map) = (Fields::new(), BTreeMap::new());
        for (name, value) in steps {
            match value {
                Some(value) => {
                    fields.set(&name, &value);
                    map.insert(name, value);
                }
                None => prop_assert_eq!(fields.remove(&name), map.remove(&name)),
            }
        }
        let same = map.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        prop_assert!(fields.iter().eq(same));
        prop_assert_eq!(map.iter().collect::<Fields>(), fields.clone());
        for name in ["a", "cc", "d_", "refund_a", "refund_bb"] {
            let value = map.get(name).map(String::as_str).filter(|value| !value.is_empty());
            prop_assert_eq!(fields.get(name), value);
        }
    }

    #[test]
    fn bytes_from_outside_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(Fields::parse(&bytes));
        drop(v2::open_refund(&bytes, "1900000109", &key()));
        drop(v2::open_payment(&bytes, "1900000109", &key()));
        drop(v3::open_verified(&bytes, &SecretString::from(KEY)));
        let text = String::from_utf8_lossy(&bytes);
        drop(req_info::open(&text, &key()));
        let headers = vec![("Wechatpay-Signature".to_owned(), text.to_string())];
        prop_assert!(v3::open(&headers, &bytes, &TrustedKeys::new(), &SecretString::from(KEY), 0).is_err());
        prop_assert!(tuikuan_wechat::time::from_rfc3339(&text).is_none_or(|s| s < i64::MAX));
        prop_assert!(tuikuan_wechat::time::from_beijing(&text).is_none_or(|s| s < i64::MAX));
        drop(tuikuan_wechat::v3::sign::Authorization::parse(&text));
    }

    #[test]
    fn text_that_looks_like_xml_never_panics(text in "(<[a-z]{1,3}>|</[a-z]{1,3}>|<!\\[CDATA\\[|\\]\\]>|&[a-z#0-9]{0,5};|<!DOCTYPE|<\\?[a-z]|[a-z]{0,5}){0,40}") {
        if let Ok(fields) = Fields::parse(text.as_bytes()) {
            prop_assert_eq!(Fields::parse(fields.to_xml().as_bytes()).unwrap(), fields);
        }
    }

    #[test]
    fn any_time_reads_back(seconds in 0_i64..4_000_000_000) {
        use tuikuan_wechat::time::{from_beijing, from_rfc3339, to_beijing, to_beijing_compact, to_rfc3339};
        prop_assert_eq!(from_beijing(&to_beijing(seconds)), Some(seconds));
        prop_assert_eq!(from_beijing(&to_beijing_compact(seconds)), Some(seconds));
        prop_assert_eq!(from_rfc3339(&to_rfc3339(seconds)), Some(seconds));
    }
}

#[test]
fn huge_and_hostile_messages_are_refused_by_kind() {
    let huge = format!("<xml><a>{}</a></xml>", "x".repeat(MESSAGE_BYTES_MAX));
    assert!(matches!(
        Fields::parse(huge.as_bytes()),
        Err(XmlError::TooLarge { .. })
    ));
    let refused =
        |xml: &str| matches!(Fields::parse(xml.as_bytes()), Err(XmlError::Refused { .. }));
    assert!(refused("<!DOCTYPE x><xml></xml>"));
    assert!(refused("<xml><?php x?></xml>"));
    assert!(refused("<xml><a b=\"c\">1</a></xml>"));
    assert!(refused("<xml><a><b>1</b></a></xml>"));
    assert!(refused("<xml><a>&evil;</a></xml>"));
    assert!(matches!(
        Fields::parse(b"<xml><a>1</a><a>2</a></xml>"),
        Err(XmlError::Duplicate { .. })
    ));
    assert_eq!(Fields::parse(b"<xml><a>1</a>"), Err(XmlError::Malformed));
    assert_eq!(
        Fields::parse(b"<xml><a>\xff</a></xml>"),
        Err(XmlError::NotUtf8)
    );
    let spaced = "\u{feff}<?xml version=\"1.0\"?>\n<xml>\n <a>1 &amp; &#x9000;</a>\n</xml>\n";
    assert_eq!(
        Fields::parse(spaced.as_bytes()).unwrap().get("a"),
        Some("1 & 退")
    );
}
