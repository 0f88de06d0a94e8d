//! "Refunds": the search, its filter in the address, pages by keyset, and the same as CSV.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use tuikuan_domain::{Refund, Source, Status};

use super::html;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::language::Language;
use crate::console::text::refunds::Words;
use crate::console::text::{self, status, story};
use crate::console::visit::Visit;
use crate::policy::Permission;

pub(crate) mod csv;
mod export;
mod filter;

pub(crate) use export::export;
use filter::Filter;

/// Refunds on one page.
const PAGE: u32 = 50;

/// What stands in the address, in its order.
pub(crate) type Asked = Query<Vec<(String, String)>>;

#[derive(Template)]
#[template(path = "refunds.html")]
struct RefundsPage {
    frame: Frame,
    words: &'static Words,
    filter: Filter,
    choices: Choices,
    rows: Vec<Row>,
    total: Option<String>,
    newest: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    reached: Option<String>,
    export: String,
    may_ask: bool,
}

/// What can be chosen in the filter.
struct Choices {
    merchants: Vec<String>,
    statuses: Vec<(&'static str, &'static str)>,
    origins: Vec<(&'static str, &'static str)>,
}

/// One refund in the table.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) order: Option<String>,
    pub(crate) order_href: Option<String>,
    pub(crate) amount: String,
    pub(crate) status: &'static str,
    pub(crate) status_word: &'static str,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
    pub(crate) attention: Option<&'static str>,
    pub(crate) took: String,
    pub(crate) created: String,
    pub(crate) created_full: String,
    pub(crate) created_machine: String,
}

/// `GET /console/refunds`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Asked,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let filter = Filter::read(&asked);
    let found = match filter.search(&visit, PAGE) {
        Some(search) => app.engine.store().search_refunds(search).await?,
        None => tuikuan_store::Found::default(),
    };
    let at = |name: &str, cursor: &tuikuan_store::Cursor| {
        filter.href("/console/refunds", &[(name, &cursor.to_string())])
    };
    let reached = found
        .reached
        .map(|time| text::fill(words.reached, &[("time", &format::date_time(time))]));
    html(&RefundsPage {
        frame: Frame::of(&app, &visit, words.title).await?,
        words,
        rows: found
            .items
            .iter()
            .map(|refund| Row::of(refund, visit.now(), visit.language()))
            .collect(),
        total: total(&app, &visit, &filter).await?,
        newest: filter
            .turned()
            .then(|| filter.href("/console/refunds", &[])),
        newer: found.newer.as_ref().map(|cursor| at("before", cursor)),
        older: found.older.as_ref().map(|cursor| at("after", cursor)),
        reached,
        export: filter.href("/console/refunds/export.csv", &[]),
        choices: Choices::of(&app, &visit),
        may_ask: visit.may(Permission::Operate),
        filter,
    })
}

/// How many there are, where counters know it.
async fn total(app: &Shared, visit: &Visit, filter: &Filter) -> Result<Option<String>, Fault> {
    if !filter.counted() {
        return Ok(None);
    }
    let mut sum: i64 = 0;
    for count in app.engine.store().counts().await? {
        let wanted = filter.counts(&count.merchant, count.status);
        if wanted && visit.covers(&count.merchant) {
            sum = sum.saturating_add(count.refunds);
        }
    }
    let words = Words::of(visit.language());
    Ok(Some(text::fill(words.total, &[("n", &format::count(sum))])))
}

impl Choices {
    fn of(app: &Shared, visit: &Visit) -> Self {
        let language = visit.language();
        let merchants = app.engine.merchants().iter().map(|merchant| &merchant.name);
        Self {
            merchants: merchants
                .filter(|name| visit.covers(name))
                .map(ToString::to_string)
                .collect(),
            statuses: Status::ALL
                .map(|one| (one.as_str(), status::status(one, language)))
                .to_vec(),
            origins: ORIGINS
                .map(|origin| (origin.as_str(), story::source(origin, language)))
                .to_vec(),
        }
    }
}

/// From where a refund can come.
const ORIGINS: [Source; 7] = [
    Source::Api,
    Source::Console,
    Source::Cli,
    Source::Batch,
    Source::Notification,
    Source::Query,
    Source::Bill,
];

impl Row {
    /// A refund as it stands.
    pub(crate) fn of(refund: &Refund, now: Timestamp, language: Language) -> Self {
        let order = &refund.content.order;
        let number = order.out_trade_no.as_ref().map(ToString::to_string);
        let transaction = order.transaction_id.as_ref().map(ToString::to_string);
        Self {
            id: refund.id.to_string(),
            number: refund.out_refund_no.to_string(),
            order_href: order
                .out_trade_no
                .as_ref()
                .map(|number| payment_href(refund.merchant.as_str(), number.as_str())),
            order: number.or(transaction),
            amount: format::yuan(refund.content.amount),
            status: refund.status.as_str(),
            status_word: status::status(refund.status, language),
            reason: refund
                .content
                .reason
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            hint: hint(refund, language),
            attention: refund
                .attention
                .map(|attention| story::attention(attention.reason, language)),
            took: took(refund, now, language),
            created: format::short(refund.created_at, now),
            created_full: format::date_time(refund.created_at),
            created_machine: format::machine(refund.created_at),
        }
    }
}

/// Where the page of a payment is.
pub(crate) fn payment_href(merchant: &str, number: &str) -> String {
    format!(
        "/console/payments/{merchant}/{}",
        crate::console::door::encoded(number)
    )
}

/// What it waits for, or what went wrong.
fn hint(refund: &Refund, language: Language) -> Option<String> {
    if let Some(reason) = refund.pending_reason {
        return Some(status::pending(reason, language).to_owned());
    }
    let error = refund.error.as_ref()?;
    Some(error.code.clone())
}

/// How long it took, or has taken so far.
fn took(refund: &Refund, now: Timestamp, language: Language) -> String {
    let end = match refund.status {
        Status::Cancelled | Status::AwaitingApproval => return "—".to_owned(),
        Status::Succeeded => refund.succeeded_at.or(refund.ended_at),
        Status::SettledOffline | Status::Closed | Status::Rejected => refund.ended_at,
        Status::Queued
        | Status::Submitting
        | Status::Unknown
        | Status::Processing
        | Status::Abnormal => None,
    };
    // WeChat's clock knows whole seconds only, and may be behind ours.
    let length = end.unwrap_or(now).duration_since(refund.created_at);
    format::duration(length.max(jiff::SignedDuration::ZERO), language)
}
