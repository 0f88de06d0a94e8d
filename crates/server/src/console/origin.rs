//! Whether a form was sent by a page of ours. Browsers say so themselves (`Sec-Fetch-Site`), older
//! ones name the origin; the token in the form is checked beside it.

use http::{HeaderMap, Uri, header};

/// Whether a request that changes something comes from our own pages. A client that says nothing
/// about it is no browser, and carries nobody's cookies against their will.
pub(crate) fn is_ours(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return true;
    };
    let host = text(header::HOST.as_str());
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let Some(theirs) = origin.authority() else {
        return false;
    };
    let public = public_url.and_then(|url| url.parse::<Uri>().ok());
    let is_public = public.as_ref().is_some_and(|url| {
        url.authority() == Some(theirs) && url.scheme_str() == origin.scheme_str()
    });
    is_public || host.is_some_and(|host| theirs.as_str().eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn ours(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_static(name);
            headers.insert(name, HeaderValue::from_static(value));
        }
        is_ours(&headers, Some("https://refunds.example.com"))
    }

    #[test]
    fn what_another_site_sends_is_not_ours() {
        assert!(ours(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "null")
        ]));
        assert!(!ours(&[("sec-fetch-site", "cross-site")]));
        assert!(!ours(&[("sec-fetch-site", "same-site")]));
        assert!(!ours(&[("sec-fetch-site", "none")]));
        assert!(ours(&[("origin", "https://refunds.example.com")]));
        assert!(!ours(&[("origin", "http://refunds.example.com")]));
        assert!(ours(&[
            ("origin", "http://127.0.0.1:8080"),
            ("host", "127.0.0.1:8080")
        ]));
        assert!(!ours(&[
            ("origin", "http://127.0.0.1:9090"),
            ("host", "127.0.0.1:8080")
        ]));
        assert!(!ours(&[("origin", "null"), ("host", "127.0.0.1:8080")]));
        assert!(!ours(&[(
            "origin",
            "https://refunds.example.com.evil.example"
        )]));
        assert!(ours(&[]));
    }
}
