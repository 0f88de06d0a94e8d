//! Rules of single values that both generations share.

/// Longest notify URL, in bytes (P21).
const NOTIFY_URL_BYTES_MAX: usize = 256;

/// An absolute http or https URL with a host, without query and fragment (P21). Loopback is
/// allowed here, other than at WeChat: the simulator serves one machine.
pub(crate) fn is_notify_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return false;
    };
    url.len() <= NOTIFY_URL_BYTES_MAX
        && !rest.starts_with('/')
        && !rest.is_empty()
        && url
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'"' | b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_query_only() {
        assert!(is_notify_url("https://pay.example.com/wxpay/notify"));
        assert!(is_notify_url("http://127.0.0.1:8080/notify/main/v3"));
        for bad in [
            "",
            "ftp://x/",
            "https://",
            "https://x/?a=1",
            "https://x/#a",
            "x",
        ] {
            assert!(!is_notify_url(bad), "{bad:?}");
        }
    }
}
