//! What administrators do with an endpoint, and the test that operators may make.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_engine::EngineError;
use tuikuan_store::Endpoint;

use super::deliveries::{Asked, Tested, show};
use super::{known, show_secret};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::page::{html, to_saying};
use crate::console::text::notice::Notice;
use crate::console::visit::Visit;

/// Why an endpoint is off that somebody switched off here.
const SWITCHED_OFF: &str = "switched off in the console";

/// `POST /console/webhooks/{id}/rotate`.
pub(crate) async fn rotate(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    let by = visit.by();
    let rotated = app.engine.rotate_endpoint_secret(&endpoint.id, &by);
    show_secret(&app, &visit, &rotated.await?).await
}

/// `POST /console/webhooks/{id}/enable`. Former failures are forgotten.
pub(crate) async fn enable(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = Endpoint {
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        ..known(&app, &visit, &id).await?
    };
    update(&app, &visit, endpoint).await
}

/// `POST /console/webhooks/{id}/disable`.
pub(crate) async fn disable(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = Endpoint {
        enabled: false,
        disabled_reason: Some(SWITCHED_OFF.to_owned()),
        failing_since: None,
        ..known(&app, &visit, &id).await?
    };
    update(&app, &visit, endpoint).await
}

async fn update(app: &Shared, visit: &Visit, endpoint: Endpoint) -> Result<Response, Fault> {
    let here = format!("/console/webhooks/{}", endpoint.id);
    let by = visit.by();
    app.engine.update_endpoint(endpoint, &by).await?;
    Ok(to_saying(app, &here, Notice::Saved))
}

/// `POST /console/webhooks/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    let by = visit.by();
    app.engine.delete_endpoint(&endpoint.id, &by).await?;
    Ok(to_saying(
        &app,
        "/console/webhooks",
        Notice::EndpointDeleted,
    ))
}

/// `POST /console/webhooks/{id}/test`: nothing is stored, so the answer is the page itself.
pub(crate) async fn test(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    let tested = match app.engine.send_test(&endpoint.id, &visit.by()).await {
        Ok(status) => Tested::Answered(status),
        Err(EngineError::EndpointRefused { reason }) => Tested::Failed(reason),
        Err(error) => return Err(error.into()),
    };
    html(&show((&app, &visit), &endpoint, Asked::default(), Some(tested)).await?)
}
