//! What every request passes: the policy of its route, a deadline, headers of safety, one count.
//! A handler never runs for a route without a row in the table of policies.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use tuikuan_store::Merchants;

use crate::app::App;
use crate::code::Code;
use crate::console::door;
use crate::policy::{self, Permission, Policy, Row};
use crate::problem::Problem;
use crate::settings::MetricsAccess;

/// Lets a request in, or answers it here.
pub(crate) async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (row, mut response) = match row_of(&request) {
        Ok(row) => (Some(row), admit(&app, row, request, next).await),
        Err(problem) => (None, problem.into_response()),
    };
    guard(row, &mut response);
    app.metrics
        .count_request(row, response.status().as_u16(), begun.elapsed());
    response
}

fn row_of(request: &Request) -> Result<&'static Row, Problem> {
    let nowhere = || Problem::new(Code::NOT_FOUND, "there is no such path");
    let pattern = request
        .extensions()
        .get::<MatchedPath>()
        .ok_or_else(nowhere)?;
    let Some(row) = policy::route(request.method(), pattern.as_str()) else {
        let allow = policy::methods(pattern.as_str()).ok_or_else(nowhere)?;
        return Err(Problem::method_not_allowed(allow));
    };
    Ok(row)
}

/// Checks what the route asks, and runs its handler.
async fn admit(app: &App, row: &'static Row, mut request: Request, next: Next) -> Response {
    let asked = match row.policy {
        Policy::Key(permission) => Some(permission),
        Policy::Open | Policy::Notification => None,
        Policy::Console(permission) => {
            return door::console(app, request, next, permission).await;
        }
        Policy::Entry => return door::entry(app, request, next).await,
        Policy::Metrics => match app.settings.metrics_access {
            MetricsAccess::Key => Some(Permission::View),
            MetricsAccess::Local => (!is_local(&request)).then_some(Permission::View),
            MetricsAccess::Everybody => None,
        },
    };
    if let Some(permission) = asked {
        let (store, now) = (app.engine.store(), app.engine.now());
        let caller = app.keys.caller(request.headers(), (store, now), permission);
        match caller.await {
            Ok(caller) if row.policy == Policy::Metrics && caller.merchants != Merchants::All => {
                let detail = "the figures name all merchants, the key does not cover them";
                return Problem::new(Code::FORBIDDEN, detail).into_response();
            }
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(problem) => return problem.into_response(),
        };
    }
    run(app, request, next).await
}

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) std::net::IpAddr);

/// Whether the request comes from this machine itself and not through a proxy on it.
fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>();
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| request.headers().contains_key(*name));
    !forwarded && peer.is_some_and(|peer| peer.0.to_canonical().is_loopback())
}

async fn run(app: &App, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "the request was not finished in time; it may have been carried out";
            Problem::new(Code::TIMEOUT, detail).into_response()
        }
    }
}

/// The Swagger pages are scripts and styles of our own; nothing comes from elsewhere.
const DOCS_CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The console's pages: style, script and pictures of our own files, nothing inline.
const PAGE_CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// Everything else is data and never a page.
const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

/// What kind of content a route gives, as far as browsers must know.
enum Kind {
    Data,
    Docs,
    Page,
}

impl Kind {
    fn of(row: Option<&'static Row>) -> Self {
        match row {
            Some(row) if row.path.starts_with("/docs") => Self::Docs,
            Some(row) if matches!(row.policy, Policy::Console(_) | Policy::Entry) => Self::Page,
            Some(_) | None => Self::Data,
        }
    }
}

fn guard(row: Option<&'static Row>, response: &mut Response) {
    let kind = Kind::of(row);
    // Browsers name the origin of a form only where they may send a referrer; pages need that.
    let (csp, referrer) = match kind {
        Kind::Data => (DATA_CSP, "no-referrer"),
        Kind::Docs => (DOCS_CSP, "no-referrer"),
        Kind::Page => (PAGE_CSP, "same-origin"),
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
        (header::CONTENT_SECURITY_POLICY, csp),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    match kind {
        Kind::Data => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        Kind::Docs => frame_options(headers),
        Kind::Page => {
            frame_options(headers);
            // Style and script say themselves that they may be kept.
            let keep = headers.entry(header::CACHE_CONTROL);
            keep.or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

fn frame_options(headers: &mut HeaderMap) {
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}
