//! Addresses of pages with what they are asked: fields that are empty are left out.

/// The address of a path with these fields.
pub(crate) fn address(path: &str, fields: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut mark = '?';
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(mark);
        text.push_str(name);
        text.push('=');
        escape(value, &mut text);
        mark = '&';
    }
    text
}

/// Whatever is no letter, digit, dash, dot or underscore is escaped.
fn escape(value: &str, text: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_text_is_escaped_and_empty_fields_are_left_out() {
        let fields = [("a", "x&y=<退>"), ("b", ""), ("c", "2026-11-23")];
        assert_eq!(
            address("/p", &fields),
            "/p?a=x%26y%3D%3C%E9%80%80%3E&c=2026-11-23"
        );
        assert_eq!(address("/p", &[]), "/p");
    }
}
