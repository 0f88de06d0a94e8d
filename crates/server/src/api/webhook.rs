//! Webhook endpoints of merchants' systems: where messages go, what became of them, and sending one
//! again. The signing secret is shown when it is made and never again (INV-36).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use secrecy::ExposeSecret;
use tuikuan_domain::MerchantName;
use tuikuan_engine::{EngineError, NewEndpoint};
use tuikuan_store::{DeliveryId, Endpoint, Merchants};
use utoipa::ToSchema;

use crate::api::command::require_empty;
use crate::api::json;
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::code::Code;
use crate::documentation::{ReadProblems, WriteProblems};
use crate::json::Fields;
use crate::parameters::Parameters;
use crate::problem::{Fault, Problem};
use crate::shape::{DeliveryBody, EndpointBody, Page};

/// The longest address of an endpoint.
const URL_BYTES_MAX: usize = 1024;

/// Why an endpoint is off that somebody switched off here.
const SWITCHED_OFF: &str = "switched off through the interface";

/// A new endpoint.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewEndpointBody {
    /// Whose refunds it hears of.
    #[schema(example = "main")]
    pub merchant: String,
    /// Where messages go: https, and an address that the operator allows.
    #[schema(max_length = 1024, example = "https://shop.example.com/hooks/refunds")]
    pub url: String,
}

/// What changes of an endpoint.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub struct EndpointChangeBody {
    /// Where messages go from now on.
    #[schema(max_length = 1024)]
    pub url: Option<String>,
    /// Whether messages are made and sent. Switching it on again forgets former failures.
    pub enabled: Option<bool>,
}

/// Add an endpoint. The answer shows its signing secret, this once.
#[utoipa::path(post, operation_id = "create_webhook", path = "/v1/webhooks", tag = "webhooks", request_body = NewEndpointBody,
    responses((status = 201, description = "Added, with its secret", body = EndpointBody<'static>), WriteProblems))]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let merchant = fields.parsed::<MerchantName>("merchant");
    let merchant = fields.require("merchant", merchant);
    let url = url(&mut fields);
    let url = fields.require("url", url);
    fields.finish()?;
    let (Some(merchant), Some(url)) = (merchant, url) else {
        return Err(Problem::fields(vec![Fault::field(
            "",
            "required",
            "fields are missing",
        )]));
    };
    crate::api::merchant(&app, &caller, &merchant)?;
    let new = NewEndpoint { merchant, url };
    let endpoint = app.engine.add_endpoint(new, &caller.by()).await?;
    Ok(json(StatusCode::CREATED, &with_secret(&endpoint)))
}

fn url(fields: &mut Fields<'_>) -> Option<String> {
    let url = fields.text("url")?;
    if url.len() > URL_BYTES_MAX || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        fields.fault(
            "url",
            "format",
            "url is one address of at most 1024 bytes, without spaces",
        );
        return None;
    }
    Some(url)
}

fn with_secret(endpoint: &Endpoint) -> EndpointBody<'_> {
    let secret = Some(endpoint.secret.expose_secret());
    EndpointBody {
        secret,
        ..EndpointBody::of(endpoint)
    }
}

/// The endpoints the key may see.
#[utoipa::path(get, operation_id = "list_webhooks", path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, description = "All of them, on one page", body = Page<EndpointBody<'static>>), ReadProblems))]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    Parameters::of(request.uri()).finish()?;
    let mut endpoints = app.engine.store().endpoints().await?;
    endpoints.retain(|endpoint| sees(&caller, endpoint));
    let data: Vec<_> = endpoints.iter().map(EndpointBody::of).collect();
    Ok(json(
        StatusCode::OK,
        &Page {
            data,
            next_cursor: None,
        },
    ))
}

/// One endpoint.
#[utoipa::path(get, operation_id = "read_webhook", path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint, without its secret", body = EndpointBody<'static>), ReadProblems))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    Ok(json(StatusCode::OK, &EndpointBody::of(&endpoint)))
}

/// Change an endpoint's address, or switch it on or off.
#[utoipa::path(patch, operation_id = "update_webhook", path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    request_body = EndpointChangeBody,
    responses((status = 200, description = "The endpoint as it is now", body = EndpointBody<'static>), WriteProblems))]
pub(crate) async fn update(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut endpoint = visible(&app, &caller, &id).await?;
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let (url, enabled) = (url(&mut fields), fields.flag("enabled"));
    fields.finish()?;
    if let Some(url) = url {
        endpoint.url = url;
    }
    if let Some(enabled) = enabled {
        endpoint.enabled = enabled;
        endpoint.failing_since = None;
        endpoint.disabled_reason = (!enabled).then(|| SWITCHED_OFF.to_owned());
    }
    let endpoint = app.engine.update_endpoint(endpoint, &caller.by()).await?;
    Ok(json(StatusCode::OK, &EndpointBody::of(&endpoint)))
}

/// Remove an endpoint. What was pending for it is not sent any more.
#[utoipa::path(delete, operation_id = "delete_webhook", path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "It is gone"), WriteProblems))]
pub(crate) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    app.engine
        .delete_endpoint(&endpoint.id, &caller.by())
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Make a new signing secret. The answer shows it, this once; the old one is no longer used.
#[utoipa::path(post, operation_id = "rotate_webhook_secret", path = "/v1/webhooks/{id}/rotate", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint with its new secret", body = EndpointBody<'static>), WriteProblems))]
pub(crate) async fn rotate(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    require_empty(&app, request.into_body()).await?;
    let endpoint = app
        .engine
        .rotate_endpoint_secret(&endpoint.id, &caller.by())
        .await?;
    Ok(json(StatusCode::OK, &with_secret(&endpoint)))
}

/// What came of a test message.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = TestResult)]
pub struct TestBody {
    /// Whether the receiver took it (any 2xx).
    pub delivered: bool,
    /// The receiver's HTTP status, if it answered.
    #[schema(required = true)]
    pub http_status: Option<u16>,
    /// What went wrong.
    #[schema(required = true)]
    pub error: Option<String>,
}

/// Send a signed test message now, once, and say what came of it.
#[utoipa::path(post, operation_id = "test_webhook", path = "/v1/webhooks/{id}/test", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "What came of it", body = TestBody), WriteProblems))]
pub(crate) async fn test(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    require_empty(&app, request.into_body()).await?;
    let (http_status, error) = match app.engine.send_test(&endpoint.id, &caller.by()).await {
        Ok(status) => (Some(status), None),
        Err(EngineError::EndpointRefused { reason }) => (None, Some(reason)),
        Err(error) => return Err(error.into()),
    };
    let delivered = http_status.is_some_and(|status| (200..300).contains(&status));
    Ok(json(
        StatusCode::OK,
        &TestBody {
            delivered,
            http_status,
            error,
        },
    ))
}

/// Messages to an endpoint, newest first.
#[utoipa::path(get, operation_id = "list_deliveries", path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 when not said", minimum = 1, maximum = 200)),
    responses((status = 200, description = "A page of deliveries", body = Page<DeliveryBody<'static>>), ReadProblems))]
pub(crate) async fn deliveries(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    let mut parameters = Parameters::of(request.uri());
    let before = parameters.parsed::<DeliveryId>("cursor");
    let limit = parameters.limit();
    parameters.finish()?;
    let found = app
        .engine
        .store()
        .list_deliveries(&endpoint.id, before.as_ref(), limit)
        .await?;
    let full = u32::try_from(found.len()).is_ok_and(|count| count >= limit);
    let next_cursor = found
        .last()
        .filter(|_| full)
        .map(|delivery| delivery.id.to_string());
    let data: Vec<_> = found.iter().map(DeliveryBody::of).collect();
    Ok(json(StatusCode::OK, &Page { data, next_cursor }))
}

/// Send a message again, from its first try, with the same id and body.
#[utoipa::path(post, operation_id = "redeliver", path = "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id"),
        ("delivery" = String, Path, description = "The delivery's id")),
    responses((status = 202, description = "It will be sent", body = DeliveryBody<'static>), WriteProblems))]
pub(crate) async fn redeliver(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((id, delivery)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let endpoint = visible(&app, &caller, &id).await?;
    require_empty(&app, request.into_body()).await?;
    let absent = || Problem::new(Code::DELIVERY_NOT_FOUND, "no delivery has this id");
    let delivery: DeliveryId = delivery.parse().ok().ok_or_else(absent)?;
    let store = app.engine.store();
    let found = store
        .delivery(&delivery)
        .await?
        .filter(|found| found.endpoint_id == endpoint.id);
    let found = found.ok_or_else(absent)?;
    app.engine.redeliver(&found.id, &caller.by()).await?;
    let after = store.delivery(&delivery).await?.ok_or_else(absent)?;
    Ok(json(StatusCode::ACCEPTED, &DeliveryBody::of(&after)))
}

async fn visible(app: &Shared, caller: &Caller, id: &str) -> Result<Endpoint, Problem> {
    let absent = || Problem::new(Code::WEBHOOK_NOT_FOUND, "no webhook endpoint has this id");
    let id = id.parse().ok().ok_or_else(absent)?;
    let endpoint = app.engine.store().endpoint(&id).await?.ok_or_else(absent)?;
    if sees(caller, &endpoint) {
        Ok(endpoint)
    } else {
        Err(absent())
    }
}

fn sees(caller: &Caller, endpoint: &Endpoint) -> bool {
    match &caller.merchants {
        Merchants::All => true,
        Merchants::Only(names) => names.contains(&endpoint.merchant),
    }
}
