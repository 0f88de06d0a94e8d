//! What crosses the simulator's wire, as values: the world answers bytes with bytes and never
//! opens a connection itself. The wire side and the in-process simulation both speak these types.

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Upper-case HTTP method.
    pub method: String,
    /// Path and query exactly as they stood on the wire.
    pub path_and_query: String,
    /// Header names and values in order; names are compared without case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Common name of the client certificate, when one issued by our authority was presented.
    pub client_cert_mch: Option<String>,
}

impl Incoming {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query
            .split_once('?')
            .map_or(self.path_and_query.as_str(), |(path, _)| path)
    }

    /// The query without the question mark; empty when there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.path_and_query
            .split_once('?')
            .map_or("", |(_, query)| query)
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header names and values in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn of(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".into(), content_type.into())],
            body,
        }
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// What happens to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// The answer arrives.
    Reply(Response),
    /// The answer arrives late.
    Delay {
        /// How long it takes, in real milliseconds.
        ms: u64,
        /// The answer.
        response: Response,
    },
    /// The connection breaks after that many bytes of head and body.
    CutAfter {
        /// Bytes that still arrive.
        bytes: usize,
        /// The answer that is cut.
        response: Response,
    },
    /// The connection breaks before a single byte of the answer.
    Drop,
    /// Nothing ever arrives, and the connection stays open.
    Hang,
}

impl Outgoing {
    /// The answer, if any byte of one is sent.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Reply(response)
            | Self::Delay { response, .. }
            | Self::CutAfter { response, .. } => Some(response),
            Self::Drop | Self::Hang => None,
        }
    }
}

/// One delivery of a notification that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationAttempt {
    /// Number of this attempt, unique in the world; name it in `notification_answered`.
    pub id: u64,
    /// Where to POST it.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: Vec<u8>,
}
