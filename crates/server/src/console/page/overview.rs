//! The start of the console: the first page there is.

use axum::response::Response;
use http::Method;

use super::to;
use crate::policy;

/// `GET /console`.
pub(crate) async fn page() -> Response {
    let refunds = "/console/refunds";
    match policy::route(&Method::GET, refunds) {
        Some(_) => to(refunds),
        None => to("/console/account"),
    }
}
