//! Raw conversations are kept for support, without what nobody may read there (INV-36): signatures,
//! account and card texts, and the buyer's identity at WeChat.

/// Fields whose values are hidden, in XML elements and JSON strings alike.
const HIDDEN: [&str; 8] = [
    "sign",
    "openid",
    "sub_openid",
    "sp_openid",
    "bank_account",
    "real_name",
    "ciphertext",
    "req_info",
];
/// Characters that are kept of a body.
const KEPT_CHARS_MAX: usize = 8 * 1024;

/// The body as text with the values of hidden fields replaced.
#[must_use]
pub fn body(bytes: &[u8]) -> String {
    let mut text: String = String::from_utf8_lossy(bytes)
        .chars()
        .take(KEPT_CHARS_MAX)
        .map(storable)
        .collect();
    for name in HIDDEN {
        text = between(&text, &format!("<{name}>"), &format!("</{name}>"));
        text = between(&text, &format!("\"{name}\":\""), "\"");
        text = between(&text, &format!("\"{name}\": \""), "\"");
    }
    text
}

/// A text of PostgreSQL holds every character but this one.
fn storable(c: char) -> char {
    match c {
        '\0' => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// A short text of WeChat's, as it can be stored.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(storable).collect()
}

fn between(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        out.push_str(open);
        out.push_str("***");
        let end = after.find(close).unwrap_or(after.len());
        rest = after.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_values_are_gone_and_the_rest_stays() {
        let xml =
            "<xml><sign><![CDATA[ABC]]></sign><openid>o1</openid><refund_fee>1</refund_fee></xml>";
        assert_eq!(
            body(xml.as_bytes()),
            "<xml><sign>***</sign><openid>***</openid><refund_fee>1</refund_fee></xml>"
        );
        assert_eq!(body(b"\x1f\x8b\0"), "\u{1f}\u{fffd}\u{fffd}");
        let json = r#"{"payer":{"openid":"o1"},"real_name": "x","amount":1,"sign":"cut"#;
        assert_eq!(
            body(json.as_bytes()),
            r#"{"payer":{"openid":"***"},"real_name": "***","amount":1,"sign":"***"#
        );
    }
}
