//! What every request passes: the policy of its route, a deadline, headers of safety, one count.
//! A handler never runs for a route without a row in the table of policies.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

use crate::app::App;
use crate::code::Code;
use crate::policy::{self, Policy, Row};
use crate::problem::Problem;
use crate::settings::MetricsAccess;

/// Lets a request in, or answers it here.
pub(crate) async fn gate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (row, mut response) = match admit(&app, &mut request) {
        Ok(row) => (Some(row), run(&app, request, next).await),
        Err((row, problem)) => (row, problem.into_response()),
    };
    guard(row, &mut response);
    app.metrics
        .count_request(row, response.status().as_u16(), begun.elapsed());
    response
}

type Refused = (Option<&'static Row>, Problem);

fn admit(app: &App, request: &mut Request) -> Result<&'static Row, Refused> {
    let nowhere = || (None, Problem::new(Code::NOT_FOUND, "there is no such path"));
    let pattern = request
        .extensions()
        .get::<MatchedPath>()
        .ok_or_else(nowhere)?;
    let Some(row) = policy::route(request.method(), pattern.as_str()) else {
        let allow = policy::methods(pattern.as_str()).ok_or_else(nowhere)?;
        return Err((None, Problem::method_not_allowed(allow)));
    };
    let needs_key = match row.policy {
        Policy::Key => true,
        Policy::Open | Policy::Notification => false,
        Policy::Metrics => match app.settings.metrics_access {
            MetricsAccess::Key => true,
            MetricsAccess::Local => !is_local(request),
            MetricsAccess::Everybody => false,
        },
    };
    if needs_key {
        let engine = &app.engine;
        let caller = app
            .keys
            .caller(request.headers(), engine.store(), engine.now())
            .map_err(|problem| (Some(row), problem))?;
        request.extensions_mut().insert(caller);
    }
    Ok(row)
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

/// Everything else is data and never a page.
const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

fn guard(row: Option<&'static Row>, response: &mut Response) {
    let docs = row.is_some_and(|row| row.path.starts_with("/docs"));
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    let policy = HeaderValue::from_static(if docs { DOCS_CSP } else { DATA_CSP });
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if docs {
        let frame: HeaderName = header::X_FRAME_OPTIONS;
        headers.insert(frame, HeaderValue::from_static("DENY"));
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
