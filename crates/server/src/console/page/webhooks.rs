//! "Webhooks": endpoints of merchants' systems and what was sent there. Administrators keep the
//! endpoints, operators test them and send messages again. A secret is shown once (INV-36).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use secrecy::ExposeSecret;
use tuikuan_domain::MerchantName;
use tuikuan_engine::{EngineError, NewEndpoint};
use tuikuan_store::Endpoint;

use super::overview::visible;
use super::{again, html};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::text::fill;
use crate::console::text::webhooks::Words;
use crate::console::visit::Visit;
use crate::policy::Permission;

mod change;
mod deliveries;

pub(crate) use change::{delete, disable, enable, rotate, test};
pub(crate) use deliveries::{page as endpoint, redeliver, redeliver_all};

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    words: &'static Words,
    endpoints: Vec<Row>,
    merchants: Vec<String>,
    may_administer: bool,
    asked_url: String,
    wrong: Option<String>,
}

/// An endpoint in the list.
struct Row {
    id: String,
    merchant: String,
    url: String,
    state: &'static str,
    class: &'static str,
    created: String,
}

#[derive(Template)]
#[template(path = "webhook_secret.html")]
struct SecretPage {
    frame: Frame,
    words: &'static Words,
    id: String,
    url: String,
    secret: String,
}

/// `GET /console/webhooks`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Fault> {
    html(&WebhooksPage::read(&app, &visit).await?)
}

/// `POST /console/webhooks`.
pub(crate) async fn add(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let merchant: MerchantName = fields
        .text("merchant")
        .parse()
        .ok()
        .ok_or(Fault::NotFound)?;
    if !visit.covers(&merchant) {
        return Err(Fault::NotFound);
    }
    let url = fields.trimmed("url").to_owned();
    let new = NewEndpoint {
        merchant,
        url: url.clone(),
    };
    match app.engine.add_endpoint(new, &visit.by()).await {
        Ok(endpoint) => show_secret(&app, &visit, &endpoint).await,
        Err(EngineError::EndpointRefused { reason }) => {
            let mut page = WebhooksPage::read(&app, &visit).await?;
            page.wrong = Some(fill(page.words.url_bad, &[("reason", &reason)]));
            page.asked_url = url;
            again(&page)
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows a secret, this once.
async fn show_secret(app: &Shared, visit: &Visit, endpoint: &Endpoint) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    html(&SecretPage {
        frame: Frame::of(app, visit, words.secret_title).await?,
        words,
        id: endpoint.id.to_string(),
        url: endpoint.url.clone(),
        secret: endpoint.secret.expose_secret().to_owned(),
    })
}

/// The endpoint of an id, if the visit covers its merchant.
async fn known(app: &Shared, visit: &Visit, id: &str) -> Result<Endpoint, Fault> {
    let id = id.parse().ok().ok_or(Fault::NotFound)?;
    let endpoint = app
        .engine
        .store()
        .endpoint(&id)
        .await?
        .ok_or(Fault::NotFound)?;
    if visit.covers(&endpoint.merchant) {
        Ok(endpoint)
    } else {
        Err(Fault::NotFound)
    }
}

/// Whether an endpoint is on, in a word, with the class of its badge.
fn state(endpoint: &Endpoint, words: &Words) -> (&'static str, &'static str) {
    match (endpoint.enabled, endpoint.failing_since) {
        (true, None) => (words.enabled, "good"),
        (true, Some(_)) => (words.failing, "warn"),
        (false, None) => (words.disabled, "queued"),
        (false, Some(_)) => (words.disabled, "bad"),
    }
}

impl WebhooksPage {
    async fn read(app: &Shared, visit: &Visit) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let mut endpoints = app.engine.store().endpoints().await?;
        endpoints.retain(|endpoint| visit.covers(&endpoint.merchant));
        let rows = endpoints.iter().map(|endpoint| {
            let (state, class) = state(endpoint, words);
            Row {
                id: endpoint.id.to_string(),
                merchant: endpoint.merchant.to_string(),
                url: endpoint.url.clone(),
                state,
                class,
                created: format::short(endpoint.created_at, visit.now()),
            }
        });
        Ok(Self {
            endpoints: rows.collect(),
            merchants: visible(app, visit)
                .iter()
                .map(ToString::to_string)
                .collect(),
            may_administer: visit.may(Permission::Administer),
            asked_url: String::new(),
            wrong: None,
            frame: Frame::of(app, visit, words.title).await?,
            words,
        })
    }
}
