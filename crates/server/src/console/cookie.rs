//! Cookies: read from a request, written into an answer. Over https a cookie that proves something
//! is bound to the host by its name (`__Host-`).

use http::{HeaderMap, HeaderValue, header};

/// Whether the browser reaches us over https; it decides the names of cookies and their `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Plain: on the machine itself, in tests.
    #[default]
    Http,
    /// Encrypted, here or at a proxy.
    Https,
}

/// Who may read a cookie in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    /// Only requests carry it.
    RequestsOnly,
    /// The page's script too: a taste, not a proof.
    Script,
}

/// A cookie on its way to the browser.
#[derive(Debug, Clone)]
pub(crate) struct Cookie<'a> {
    /// Its name, without prefix.
    pub(crate) name: &'a str,
    /// Its value: letters, digits, `-`, `_` and `.` only.
    pub(crate) value: &'a str,
    /// For so long; zero removes it.
    pub(crate) seconds: i64,
    /// Who may read it.
    pub(crate) readable: Readable,
}

/// The name under which the browser keeps a cookie that proves something.
fn full_name(name: &str, scheme: Scheme, readable: Readable) -> String {
    match (scheme, readable) {
        (Scheme::Https, Readable::RequestsOnly) => format!("__Host-{name}"),
        (Scheme::Http, _) | (Scheme::Https, Readable::Script) => name.to_owned(),
    }
}

impl Cookie<'_> {
    /// The header that sets it; `None` when the value could not stand in one.
    pub(crate) fn header(&self, scheme: Scheme) -> Option<HeaderValue> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !self.value.bytes().all(plain) {
            return None;
        }
        let name = full_name(self.name, scheme, self.readable);
        let mut text = format!(
            "{name}={}; Path=/; SameSite=Lax; Max-Age={}",
            self.value, self.seconds
        );
        if self.readable == Readable::RequestsOnly {
            text.push_str("; HttpOnly");
        }
        if scheme == Scheme::Https {
            text.push_str("; Secure");
        }
        HeaderValue::from_str(&text).ok()
    }

    /// Adds it to an answer.
    pub(crate) fn set(&self, headers: &mut HeaderMap, scheme: Scheme) {
        if let Some(value) = self.header(scheme) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// The value of a cookie that only requests carry.
pub(crate) fn proof<'a>(headers: &'a HeaderMap, name: &str, scheme: Scheme) -> Option<&'a str> {
    read(headers, &full_name(name, scheme, Readable::RequestsOnly))
}

/// The value of a cookie by its full name; the first, when there are several.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROOF: Cookie<'_> = Cookie {
        name: "tuikuan",
        value: "abc-_.1",
        seconds: 60,
        readable: Readable::RequestsOnly,
    };

    #[test]
    fn a_proof_is_bound_to_the_host_over_https() {
        let text = PROOF.header(Scheme::Https).unwrap();
        assert_eq!(
            text,
            "__Host-tuikuan=abc-_.1; Path=/; SameSite=Lax; Max-Age=60; HttpOnly; Secure"
        );
        let text = PROOF.header(Scheme::Http).unwrap();
        assert_eq!(
            text,
            "tuikuan=abc-_.1; Path=/; SameSite=Lax; Max-Age=60; HttpOnly"
        );
    }

    #[test]
    fn a_value_cannot_bring_attributes_or_lines() {
        for value in ["a;b", "a b", "a\r\nb", "a=b", "\u{9000}"] {
            assert!(Cookie { value, ..PROOF }.header(Scheme::Http).is_none());
        }
    }

    #[test]
    fn a_proof_is_read_under_its_own_name_only() {
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_static("a=1; tuikuan=plain; __Host-tuikuan=bound");
        headers.insert(header::COOKIE, line);
        assert_eq!(proof(&headers, "tuikuan", Scheme::Https), Some("bound"));
        assert_eq!(proof(&headers, "tuikuan", Scheme::Http), Some("plain"));
        assert_eq!(read(&headers, "b"), None);
    }
}
