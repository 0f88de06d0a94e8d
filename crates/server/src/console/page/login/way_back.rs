//! Where somebody wanted to go who had to sign in first.

/// The longest way back.
const NEXT_BYTES_MAX: usize = 1024;

/// A way back within the console, or the console.
pub(super) fn safe_next(text: &str) -> String {
    let inside =
        text == "/console" || text.starts_with("/console/") || text.starts_with("/console?");
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if inside && plain && text.len() <= NEXT_BYTES_MAX && !text.contains("//") {
        text.to_owned()
    } else {
        "/console".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_in_the_console() {
        assert_eq!(safe_next("/console/refunds?a=1"), "/console/refunds?a=1");
        for bad in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/console//evil.example",
            "/consolex",
            "/console/\\evil",
            "/console/\r\nSet-Cookie: a=b",
            "/v1/refunds",
        ] {
            assert_eq!(safe_next(bad), "/console", "{bad:?}");
        }
    }
}
