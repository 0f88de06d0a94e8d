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

/// Which host a request goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The endpoint that is configured.
    Endpoint,
    /// One that WeChat named in a signed answer, as `https://host` or `https://host:port`.
    Named(String),
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
    /// Where to.
    pub origin: Origin,
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

/// How much of a received file is kept in memory to judge it, in bytes: as much as a message may
/// have.
pub const HEAD_BYTES_MAX: usize = crate::v2::fields::MESSAGE_BYTES_MAX;

/// An answer whose body went into a file, because it can be larger than memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// How the body begins, at most [`HEAD_BYTES_MAX`].
    pub head: Vec<u8>,
    /// How long the body is, in bytes.
    pub bytes: u64,
}

impl Received {
    /// The value of a header, if it is present exactly once; names are case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        single(&self.headers, name)
    }

    /// The whole body, if it is as small as a message.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        (u64::try_from(self.head.len()) == Ok(self.bytes)).then_some(&*self.head)
    }
}

impl From<Response> for Received {
    fn from(response: Response) -> Self {
        let bytes = u64::try_from(response.body.len()).unwrap_or(u64::MAX);
        let mut head = response.body;
        head.truncate(HEAD_BYTES_MAX);
        Self {
            status: response.status,
            headers: response.headers,
            head,
            bytes,
        }
    }
}

/// The value of a header that is present exactly once.
pub(crate) fn single<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value.as_str())
}
