//! The router: every path with its handler, its documentation, and the gate in front of all.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tuikuan_engine::Engine;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::batch::steer;
use crate::api::{
    abnormal, batch, command, decision, note, payment, reconciliation, refund, stream, webhook,
};
use crate::app::{App, Shared};
use crate::auth::Keys;
use crate::code::Code;
use crate::console::{self, Console};
use crate::documentation::{self, Document};
use crate::gate::gate;
use crate::metrics::{self, Metrics};
use crate::places::{EACH_MAX, PAGES_EACH_MAX, Places};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{health, notify};

fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(refund::create, refund::list))
        .routes(routes!(refund::read))
        .routes(routes!(refund::events))
        .routes(routes!(decision::approve))
        .routes(routes!(decision::reject))
        .routes(routes!(command::cancel))
        .routes(routes!(command::retry))
        .routes(routes!(command::resolve))
        .routes(routes!(command::query))
        .routes(routes!(abnormal::send))
        .routes(routes!(note::note))
        .routes(routes!(payment::register, payment::read))
        .routes(routes!(batch::create, batch::list))
        .routes(routes!(batch::read))
        .routes(routes!(batch::lines))
        .routes(routes!(batch::result))
        .routes(routes!(steer::submit))
        .routes(routes!(steer::approve))
        .routes(routes!(steer::reject))
        .routes(routes!(steer::pause))
        .routes(routes!(steer::resume))
        .routes(routes!(steer::cancel))
        .routes(routes!(reconciliation::list))
        .routes(routes!(reconciliation::read))
        .routes(routes!(reconciliation::run))
        .routes(routes!(reconciliation::resolve))
        .routes(routes!(stream::stream))
        .routes(routes!(webhook::create, webhook::list))
        .routes(routes!(webhook::read, webhook::update, webhook::delete))
        .routes(routes!(webhook::rotate))
        .routes(routes!(webhook::test))
        .routes(routes!(webhook::deliveries))
        .routes(routes!(webhook::redeliver))
        .routes(routes!(notify::v3))
        .routes(routes!(notify::v2_refund))
        .routes(routes!(notify::v2_payment))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}

/// The OpenAPI document of the interface.
#[must_use]
pub fn openapi() -> OpenApi {
    documented().into_openapi()
}

/// What handlers share, for one engine.
pub(crate) fn shared(engine: Engine, settings: Settings, stopping: CancellationToken) -> App {
    let document = serde_json::to_vec_pretty(&openapi()).unwrap_or_default();
    Arc::new(Shared {
        engine,
        keys: Keys::new(settings.key_cache),
        metrics: Metrics::new(),
        console: Console::new(),
        uploads: Arc::new(Semaphore::new(settings.uploads_max)),
        streams: Places::new(settings.streams_max, EACH_MAX),
        pages: Places::new(settings.pages_max, PAGES_EACH_MAX),
        exports: Places::new(settings.exports_max, EACH_MAX),
        tasks: TaskTracker::new(),
        stopping,
        openapi: Bytes::from(document),
        settings,
    })
}

/// The router over what handlers share.
pub(crate) fn router(app: &App) -> Router {
    let (routes, _document) = documented().split_for_parts();
    routes
        .route("/openapi.json", get(documentation::openapi))
        .route("/", get(to_console))
        .route("/docs", get(documentation::to_docs))
        .route("/docs/", get(documentation::start_page))
        .route("/docs/problems", get(documentation::problem_page))
        .route("/docs/{*file}", get(documentation::part))
        .merge(console::router())
        .fallback(nowhere)
        .layer(from_fn_with_state(Arc::clone(app), gate))
        .with_state(Arc::clone(app))
}

/// `GET /`.
async fn to_console() -> Redirect {
    Redirect::to("/console")
}

async fn nowhere() -> Problem {
    Problem::new(Code::NOT_FOUND, "there is no such path")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, ROUTES};

    #[test]
    fn every_route_of_the_table_that_is_an_interface_is_documented_and_the_reverse() {
        let document = serde_json::to_value(openapi()).unwrap();
        let mut documented = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                documented.push((method.to_uppercase(), path.clone()));
            }
        }
        let interface = ROUTES.iter().filter(|row| {
            row.policy != Policy::Open || row.path == "/healthz" || row.path == "/readyz"
        });
        let mut table: Vec<_> = interface
            .map(|row| (row.method.to_owned(), row.path.to_owned()))
            .collect();
        documented.sort();
        table.sort();
        assert_eq!(table, documented);
    }
}
