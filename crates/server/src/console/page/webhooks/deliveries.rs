//! One endpoint with the messages sent there: filtered by status and time, each with its body behind
//! a fold, and sent again one by one or as many as the filter shows.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use tuikuan_engine::REDELIVER_MAX;
use tuikuan_store::{Delivery, DeliveryFilter, DeliveryStatus, Endpoint};

use super::{known, state};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::page::{html, to, to_saying};
use crate::console::period;
use crate::console::text::fill;
use crate::console::text::notice::Notice;
use crate::console::text::webhooks::{Words, delivery, delivery_class};
use crate::console::visit::Visit;
use crate::policy::Permission;

/// Messages on a page.
const PAGE_ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "webhook.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
pub(super) struct EndpointPage {
    frame: Frame,
    words: &'static Words,
    asked: Asked,
    id: String,
    url: String,
    merchant: String,
    state: &'static str,
    class: &'static str,
    enabled: bool,
    why_off: Option<&'static str>,
    said: String,
    failing_since: Option<String>,
    created: String,
    statuses: Vec<(&'static str, &'static str, bool)>,
    filtered: bool,
    rows: Vec<Row>,
    next: Option<String>,
    may_operate: bool,
    may_administer: bool,
    redeliver_label: String,
    message: Option<(&'static str, String)>,
}

/// A message in the list.
struct Row {
    id: String,
    made: String,
    made_machine: String,
    event: String,
    refund: String,
    status: &'static str,
    class: &'static str,
    tries: String,
    answer: String,
    next: String,
    body: String,
}

/// What the address asks for. The same fields come with the form that sends again.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    status: String,
    from: String,
    to: String,
    after: String,
    done: Option<u32>,
}

/// What came of a test message.
pub(super) enum Tested {
    /// The receiver answered with this status.
    Answered(u16),
    /// It was not delivered.
    Failed(String),
}

impl Asked {
    /// The filter that is meant; what cannot be read is left out.
    fn filter(&self, endpoint: &Endpoint, limit: u32) -> DeliveryFilter {
        DeliveryFilter {
            endpoint: endpoint.id.clone(),
            status: DeliveryStatus::parse(&self.status),
            from: period::day_begins(&self.from),
            to: period::day_ends(&self.to),
            before: self.after.parse().ok(),
            limit,
        }
    }
}

/// `GET /console/webhooks/{id}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    html(&show((&app, &visit), &endpoint, asked, None).await?)
}

/// The page of an endpoint.
pub(super) async fn show(
    (app, visit): (&Shared, &Visit),
    endpoint: &Endpoint,
    asked: Asked,
    tested: Option<Tested>,
) -> Result<EndpointPage, Fault> {
    let language = visit.language();
    let words = Words::of(language);
    let found = app
        .engine
        .store()
        .deliveries(asked.filter(endpoint, PAGE_ROWS))
        .await?;
    let full = found.len() >= usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let here = format!("/console/webhooks/{}", endpoint.id);
    let next = found.last().filter(|_| full).map(|last| {
        address(
            &here,
            &[
                ("status", &asked.status),
                ("from", &asked.from),
                ("to", &asked.to),
                ("after", last.id.as_str()),
            ],
        )
    });
    let statuses = DeliveryStatus::ALL.map(|status| {
        let chosen = status.as_str() == asked.status;
        (status.as_str(), delivery(status, language), chosen)
    });
    let message = match tested {
        Some(tested) => Some(test_message(&tested, words)),
        None => asked.done.map(|count| {
            (
                "good",
                fill(words.redelivered, &[("n", &count.to_string())]),
            )
        }),
    };
    let (state, class) = state(endpoint, words);
    Ok(EndpointPage {
        id: endpoint.id.to_string(),
        url: endpoint.url.clone(),
        merchant: endpoint.merchant.to_string(),
        state,
        class,
        enabled: endpoint.enabled,
        why_off: (!endpoint.enabled).then_some(match endpoint.failing_since {
            Some(_) => words.off_by_failure,
            None => words.off_by_person,
        }),
        said: endpoint.disabled_reason.clone().unwrap_or_default(),
        failing_since: endpoint.failing_since.map(format::date_time),
        created: format::date_time(endpoint.created_at),
        statuses: statuses.into(),
        filtered: !(asked.status.is_empty() && asked.from.is_empty() && asked.to.is_empty()),
        rows: found.iter().map(|delivery| row(delivery, visit)).collect(),
        next,
        may_operate: visit.may(Permission::Operate),
        may_administer: visit.may(Permission::Administer),
        redeliver_label: fill(words.redeliver_page, &[("n", &REDELIVER_MAX.to_string())]),
        message,
        frame: Frame::of(app, visit, words.title).await?,
        asked,
        words,
    })
}

fn test_message(tested: &Tested, words: &Words) -> (&'static str, String) {
    match tested {
        Tested::Answered(status) => {
            let taken = (200..300).contains(status);
            let text = if taken {
                words.test_taken
            } else {
                words.test_refused
            };
            let text = fill(text, &[("status", &status.to_string())]);
            (if taken { "good" } else { "bad" }, text)
        }
        Tested::Failed(reason) => ("bad", fill(words.test_failed, &[("reason", reason)])),
    }
}

fn row(found: &Delivery, visit: &Visit) -> Row {
    let language = visit.language();
    let status = found.last_status.map(|status| status.to_string());
    let error = found.last_error.clone().unwrap_or_default();
    let answer = match (status, error.is_empty()) {
        (Some(status), true) => status,
        (_, _) => error,
    };
    let due = found
        .next_at
        .filter(|_| found.status == DeliveryStatus::Pending);
    Row {
        id: found.id.to_string(),
        made: format::short(found.created_at, visit.now()),
        made_machine: format::machine(found.created_at),
        event: found.event_type.clone(),
        refund: found.refund_id.to_string(),
        status: delivery(found.status, language),
        class: delivery_class(found.status),
        tries: format::count(i64::from(found.attempts)),
        answer,
        next: due.map_or(String::new(), |at| {
            format::relative(at, visit.now(), language)
        }),
        body: found.body.clone(),
    }
}

/// `POST /console/webhooks/{id}/deliveries/{delivery}/redeliver`.
pub(crate) async fn redeliver(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    let delivery = delivery.parse().ok().ok_or(Fault::NotFound)?;
    let found = app.engine.store().delivery(&delivery).await?;
    let found = found.filter(|found| found.endpoint_id == endpoint.id);
    let found = found.ok_or(Fault::NotFound)?;
    let by = visit.by();
    app.engine
        .redeliver_all(vec![found.id], &endpoint.id, &by)
        .await?;
    let here = format!("/console/webhooks/{}", endpoint.id);
    Ok(to_saying(&app, &here, Notice::Redelivered))
}

/// `POST /console/webhooks/{id}/redeliver`: what the filter shows, from where the page began.
pub(crate) async fn redeliver_all(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let endpoint = known(&app, &visit, &id).await?;
    let text = |name| fields.text(name).to_owned();
    let asked = Asked {
        status: text("status"),
        from: text("from"),
        to: text("to"),
        after: text("after"),
        done: None,
    };
    let most = u32::try_from(REDELIVER_MAX).unwrap_or(PAGE_ROWS);
    let found = app
        .engine
        .store()
        .deliveries(asked.filter(&endpoint, most))
        .await?;
    let ids = found.into_iter().map(|delivery| delivery.id).collect();
    let by = visit.by();
    let count = app.engine.redeliver_all(ids, &endpoint.id, &by).await?;
    Ok(to(&format!(
        "/console/webhooks/{}?done={count}",
        endpoint.id
    )))
}
