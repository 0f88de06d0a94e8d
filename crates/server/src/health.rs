//! `/healthz` says that the process lives, `/readyz` that it takes refunds. Neither tells anything
//! about merchants.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa::ToSchema;

use crate::api::json;
use crate::app::App;

/// Whether the process lives.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Alive)]
pub struct AliveBody {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
}

/// Whether refunds are taken.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct ReadyBody {
    /// Whether refunds are taken.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()),
    responses((status = 200, description = "It lives", body = AliveBody)))]
pub(crate) async fn alive() -> Response {
    json(StatusCode::OK, &AliveBody { status: "ok" })
}

/// Refunds are taken.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, description = "Refunds are taken", body = ReadyBody),
        (status = 503, description = "Not now; `reasons` says why", body = ReadyBody)))]
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let health = app.engine.health();
    let stopping = app.stopping.is_cancelled();
    let mut reasons = health.reasons;
    if stopping {
        reasons.push("the server is stopping".to_owned());
    }
    let ready = health.ready && !stopping;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &ReadyBody { ready, reasons })
}
