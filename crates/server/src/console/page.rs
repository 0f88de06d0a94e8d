//! Pages: one file each. A handler reads, makes a template's value, and renders it; it changes
//! something only through the engine, and then redirects.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::cookie::{Cookie, Readable};
use super::fault::Fault;
use super::text::notice::Notice;
use super::visit::NOTICE_COOKIE;
use crate::app::Shared;

pub(crate) mod account;
pub(crate) mod approvals;
pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod batches;
pub(crate) mod fault;
pub(crate) mod login;
pub(crate) mod merchants;
pub(crate) mod new_refund;
pub(crate) mod notifications;
pub(crate) mod overview;
pub(crate) mod payment;
pub(crate) mod reconciliation;
pub(crate) mod refund;
pub(crate) mod refunds;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod users;
pub(crate) mod webhooks;

/// A notice waits so long for the page after the redirect.
const NOTICE_SECONDS: i64 = 60;

/// A page.
///
/// # Errors
/// [`Fault::Internal`] when the template cannot be written.
pub(crate) fn html<T: Template>(page: &T) -> Result<Response, Fault> {
    Ok(Html(page.render()?).into_response())
}

/// A page that shows again what was sent, with what is wrong about it.
///
/// # Errors
/// [`Fault::Internal`] when the template cannot be written.
pub(crate) fn again<T: Template>(page: &T) -> Result<Response, Fault> {
    let mut response = html(page)?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// After a change: look there (303), so that a reload repeats nothing.
pub(crate) fn to(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(path);
    let location = location.unwrap_or_else(|_| HeaderValue::from_static("/console"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The same, and the next page says something.
pub(crate) fn to_saying(app: &Shared, path: &str, notice: Notice) -> Response {
    let mut response = to(path);
    let cookie = Cookie {
        name: NOTICE_COOKIE,
        value: notice.as_str(),
        seconds: NOTICE_SECONDS,
        readable: Readable::RequestsOnly,
    };
    cookie.set(response.headers_mut(), app.settings.scheme);
    response
}
