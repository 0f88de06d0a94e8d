//! One conversation with WeChat as bytes, so that the codec needs no client and a client no codec.

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// The method as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Whether WeChat demands the merchant's client certificate on this call (v2 only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Without it the connection is refused.
    Required,
    /// Not looked at.
    NotUsed,
}

/// A request, signed and ready to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded, as signed.
    pub path: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, as signed.
    pub body: Vec<u8>,
    /// Whether the client certificate is demanded.
    pub client_certificate: ClientCertificate,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, if it is present exactly once; names are case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        single(&self.headers, name)
    }
}

/// The value of a header that is present exactly once.
pub(crate) fn single<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value.as_str())
}
