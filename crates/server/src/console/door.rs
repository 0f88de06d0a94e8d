//! The door of the console: no handler of a page runs before its session, its role, and for a
//! change its form's token and origin were checked (INV-34). Roles are read for each request.
//! What a handler answers with a [`Fault`] becomes a page here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri, header};

use super::cookie::{Cookie, Readable};
use super::fault::Fault;
use super::form::{FORM_BYTES_MAX, Fields};
use super::language::Language;
use super::visit::{self, Guest, LANGUAGE_COOKIE, NOTICE_COOKIE, THEME_COOKIE, Theme, Visit};
use super::{origin, page, session, upload};
use crate::app::{App, Shared};
use crate::body;
use crate::gate::Peer;
use crate::policy::Permission;

/// A taste is remembered for a year.
const TASTE_SECONDS: i64 = 365 * 86_400;

/// The longest description of a browser that is kept.
const AGENT_CHARS_MAX: usize = 160;

/// A page that needs a person with a permission.
pub(crate) async fn console(
    app: &App,
    request: Request,
    next: Next,
    permission: Permission,
) -> Response {
    let asked = Asked::of(app, &request);
    let signed_in = match session::signed_in(app, request.headers(), asked.guest.now).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => {
            return asked
                .finish(app, nobody(&asked.guest, &request), None)
                .await;
        }
        Err(fault) => return asked.finish(app, fault.into_response(), None).await,
    };
    let mut guest = asked.guest.clone();
    if let (None, Some(own)) = (asked.wanted, &signed_in.user.language) {
        guest.language = Language::parse(own).unwrap_or(guest.language);
    }
    let visit = Arc::new(Visit::new(guest, signed_in.user, signed_in.session));
    let response = match visited(app, request, &visit, permission).await {
        Ok(request) => run(app, request, next).await,
        Err(fault) => fault.into_response(),
    };
    asked.finish(app, response, Some(&visit)).await
}

/// A page by which one comes in: nobody needs to be signed in.
pub(crate) async fn entry(app: &App, request: Request, next: Next) -> Response {
    let asked = Asked::of(app, &request);
    let response = match entered(app, request, &asked.guest).await {
        Ok(request) => run(app, request, next).await,
        Err(fault) => fault.into_response(),
    };
    asked.finish(app, response, None).await
}

/// Checks role and form, and gives the handler what it needs.
async fn visited(
    app: &Shared,
    request: Request,
    visit: &Arc<Visit>,
    permission: Permission,
) -> Result<Request, Fault> {
    if !visit.may(permission) {
        return Err(Fault::Forbidden);
    }
    check_query(&request)?;
    let mut request = if is_read(request.method()) {
        request
    } else {
        let token = &visit.session.csrf;
        let (request, fields) = if upload::is_upload(&request) {
            upload::read(app, ours(app, request)?, token).await?
        } else {
            form(app, request).await?
        };
        if !fields.show(token) {
            return Err(Fault::Stale);
        }
        with_fields(request, fields)
    };
    request.extensions_mut().insert(Arc::clone(visit));
    Ok(request)
}

async fn entered(app: &Shared, request: Request, guest: &Guest) -> Result<Request, Fault> {
    check_query(&request)?;
    let mut request = if is_read(request.method()) {
        request
    } else {
        let (request, fields) = form(app, request).await?;
        with_fields(request, fields)
    };
    request.extensions_mut().insert(Arc::new(guest.clone()));
    Ok(request)
}

/// As in a form, there is no NUL.
fn check_query(request: &Request) -> Result<(), Fault> {
    match request.uri().query() {
        Some(query) if query.contains("%00") => Err(Fault::Refused),
        Some(_) | None => Ok(()),
    }
}

/// Reads the form of a request that comes from a page of ours.
async fn form(app: &Shared, request: Request) -> Result<(Request, Fields), Fault> {
    let (head, sent) = ours(app, request)?.into_parts();
    let bytes = body::read(sent, FORM_BYTES_MAX, app.settings.body_timeout).await?;
    let fields = Fields::read(bytes).await?;
    Ok((Request::from_parts(head, Body::empty()), fields))
}

/// The request, if it comes from a page of ours.
fn ours(app: &Shared, request: Request) -> Result<Request, Fault> {
    if origin::is_ours(request.headers(), app.settings.public_url.as_deref()) {
        Ok(request)
    } else {
        Err(Fault::Stale)
    }
}

fn with_fields(mut request: Request, fields: Fields) -> Request {
    request.extensions_mut().insert(Arc::new(fields));
    request
}

fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Nobody is signed in: a page leads to the sign-in and back, anything else says so.
fn nobody(guest: &Guest, request: &Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT);
    let stream = accepts.is_some_and(|value| value.as_bytes() == b"text/event-stream");
    if !is_read(request.method()) || stream {
        return Fault::SignedOut.into_response();
    }
    page::to(&format!("/login?next={}", encoded(&guest.here())))
}

/// A path with its query as the value of a parameter.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

async fn run(app: &Shared, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Fault::NotKnown.into_response(),
    }
}

/// What a request asks of the console, whoever sent it.
struct Asked {
    guest: Guest,
    /// The language, where the reader has chosen one.
    wanted: Option<Language>,
    /// What is to be remembered from the query string.
    language: Option<Language>,
    theme: Option<Theme>,
}

impl Asked {
    fn of(app: &Shared, request: &Request) -> Self {
        let (headers, uri) = (request.headers(), request.uri());
        let (language, theme, query) = split_tastes(uri);
        let (remembered, theme_remembered) = visit::tastes(headers);
        let wanted = language.or(remembered);
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let guest = Guest {
            language: wanted.unwrap_or_else(|| Language::accepted(headers)),
            theme: theme.unwrap_or(theme_remembered),
            path: uri.path().to_owned(),
            query,
            notice: visit::notice(headers, app.settings.scheme),
            address: address(request),
            agent: agent.chars().take(AGENT_CHARS_MAX).collect(),
            now: app.engine.now(),
        };
        Self {
            guest,
            wanted,
            language,
            theme,
        }
    }

    /// Turns a fault into its page and sets the cookies of tastes.
    async fn finish(&self, app: &Shared, response: Response, visit: Option<&Visit>) -> Response {
        let fault = response.extensions().get::<Fault>().copied();
        let mut response = match fault {
            Some(fault) => page::fault::show(app, &self.guest, visit, fault).await,
            None => response,
        };
        let shown = response.status().is_success();
        let headers = response.headers_mut();
        let taste = |name, value| Cookie {
            name,
            value,
            seconds: TASTE_SECONDS,
            readable: Readable::Script,
        };
        let scheme = app.settings.scheme;
        if let Some(language) = self.language {
            taste(LANGUAGE_COOKIE, language.as_str()).set(headers, scheme);
        }
        if let Some(theme) = self.theme {
            taste(THEME_COOKIE, theme.as_str()).set(headers, scheme);
        }
        if self.guest.notice.is_some() && shown {
            let gone = Cookie {
                name: NOTICE_COOKIE,
                value: "",
                seconds: 0,
                readable: Readable::RequestsOnly,
            };
            gone.set(headers, scheme);
        }
        response
    }
}

/// Language and theme of a query string, and the rest of it.
fn split_tastes(uri: &Uri) -> (Option<Language>, Option<Theme>, String) {
    let (mut language, mut theme, mut rest) = (None, None, Vec::new());
    for pair in uri.query().unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("lang", value)) => language = Language::parse(value),
            Some(("theme", value)) => theme = Theme::parse(value),
            _ if pair.is_empty() => {}
            _ => rest.push(pair),
        }
    }
    (language, theme, rest.join("&"))
}

/// From where a request comes. A proxy on this machine is believed, nobody else.
fn address(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| {
        peer.0.to_canonical()
    });
    if !peer.is_loopback() {
        return peer;
    }
    forwarded(request.headers()).unwrap_or(peer)
}

/// The last address of `X-Forwarded-For`: the one the nearest proxy saw itself.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all("x-forwarded-for").iter().next_back()?;
    let last = line.to_str().ok()?.rsplit(',').next()?;
    last.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tastes_are_taken_out_of_the_query_and_the_rest_stays() {
        let uri: Uri = "/console/refunds?status=unknown&lang=en&theme=dark&q=a%26b"
            .parse()
            .unwrap();
        let (language, theme, rest) = split_tastes(&uri);
        assert_eq!(language, Some(Language::English));
        assert_eq!(theme, Some(Theme::Dark));
        assert_eq!(rest, "status=unknown&q=a%26b");
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let from = |peer: &str| {
            let mut request = Request::new(Body::empty());
            let value = http::HeaderValue::from_static("6.6.6.6, 203.0.113.9");
            request.headers_mut().insert("x-forwarded-for", value);
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            address(&request).to_string()
        };
        assert_eq!(from("127.0.0.1"), "203.0.113.9");
        assert_eq!(from("198.51.100.7"), "198.51.100.7");
    }

    #[test]
    fn a_way_back_is_one_parameter() {
        assert_eq!(
            encoded("/console?a=1&b=退"),
            "/console%3Fa%3D1%26b%3D%E9%80%80"
        );
    }
}
