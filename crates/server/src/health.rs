//! `/healthz` says that the process lives, `/readyz` that it takes refunds. Neither tells anything
//! about merchants.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tuikuan_store::Store;
use utoipa::ToSchema;

use crate::api::json;
use crate::app::{App, Shared};

/// A store that takes longer to answer is not ready.
const ANSWER_MAX: Duration = Duration::from_secs(2);

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
    pub reasons: Vec<&'static str>,
    /// What somebody should look at, although refunds are taken.
    pub warnings: Vec<&'static str>,
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
    let reasons = reasons(&app).await;
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let warnings = warnings(&app);
    let body = ReadyBody {
        ready,
        reasons,
        warnings,
    };
    json(status, &body)
}

/// Whether the store answers soon. The workers say in the log what is wrong with it, once; whoever
/// asks here may ask every second.
async fn answers(store: &Store) -> bool {
    match tokio::time::timeout(ANSWER_MAX, store.next_due()).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the store did not answer a look at its health");
            false
        }
        Err(_) => false,
    }
}

/// What somebody should look at. None of it takes a node away: a clock of the database that is off would
/// take them all, and so would WeChat, for whom refunds are kept meanwhile.
fn warnings(app: &Shared) -> Vec<&'static str> {
    let offsets = app.engine.clock_offsets();
    let off = offsets.is_some_and(tuikuan_engine::Offsets::are_large);
    let off = off.then_some("a clock of this node is more than a second off the database's");
    let deaf = app.engine.hears_nothing();
    let deaf = deaf.then_some("nothing usable comes from WeChat for some merchant; see the log");
    off.into_iter().chain(deaf).collect()
}

/// Why refunds are not taken; empty when they are.
pub(crate) async fn reasons(app: &Shared) -> Vec<&'static str> {
    let store = app.engine.store();
    let mut reasons = Vec::new();
    if store.fatal().borrow().is_some() {
        reasons.push("the store has stopped after an I/O error; the process must be restarted");
    } else if !answers(store).await {
        reasons.push("the store does not answer");
    }
    if app.engine.merchants().is_empty() {
        reasons.push("no merchant is configured");
    }
    if app.stopping.is_cancelled() {
        reasons.push("the server is stopping");
    }
    reasons
}
