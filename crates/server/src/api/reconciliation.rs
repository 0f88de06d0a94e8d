//! Days of bills and their differences: read, run again, settle with a note.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use tuikuan_domain::MerchantName;
use tuikuan_domain::reconcile::{Class, DifferenceState};
use tuikuan_engine::books::month_of;
use tuikuan_store::DifferenceFilter;
use utoipa::ToSchema;

use crate::api::command::require_empty;
use crate::api::{json, merchant};
use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::body::{self, API_BYTES_MAX};
use crate::code::Code;
use crate::documentation::{ReadProblems, WriteProblems};
use crate::json::Fields;
use crate::parameters::Parameters;
use crate::problem::{Fault, Problem};
use crate::shape::{DifferenceBody, Page, ReconciliationBody};

/// A day with its differences.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = ReconciliationDay)]
pub(crate) struct DayBody<'a> {
    /// The day.
    #[serde(flatten)]
    pub day: ReconciliationBody<'a>,
    /// A page of its differences, in the order in which they were found.
    pub data: Vec<DifferenceBody<'a>>,
    /// Where the next page begins, for the parameter `cursor`; null on the last page.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A day: where its bills stand, how many refunds agree, and what differs.
#[utoipa::path(get, operation_id = "read_reconciliation", path = "/v1/reconciliations/{merchant}/{date}", tag = "reconciliations",
    params(("merchant" = String, Path, description = "The merchant's short name"),
        ("date" = String, Path, description = "The day in Beijing, such as 2026-11-20"),
        ("class" = Option<String>, Query, description = "Differences of this class only"),
        ("state" = Option<String>, Query, description = "Differences in this state only"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 when not said", minimum = 1, maximum = 200)),
    responses((status = 200, description = "The day", body = DayBody<'static>), ReadProblems))]
pub(crate) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((name, date)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (name, day) = named(&app, &caller, &name, &date)?;
    let mut parameters = Parameters::of(request.uri());
    let mut filter = DifferenceFilter::of(caller.merchants.clone(), name.clone(), day);
    filter.class = parameters.word("class", Class::parse);
    filter.state = parameters.word("state", DifferenceState::parse);
    filter.after = parameters.parsed("cursor");
    filter.limit = parameters.limit();
    parameters.finish()?;
    let store = app.engine.store();
    let (allowed, days) = (caller.merchants.clone(), (day, day));
    let bills = store.bill_days(allowed.clone(), name.clone(), days).await?;
    if bills.is_empty() {
        return Err(Problem::new(
            Code::NOT_FOUND,
            "the bill of this day was never wanted; POST .../run asks for it",
        ));
    }
    let counts = store.difference_counts(allowed, name.clone(), days).await?;
    let page = store.differences(filter).await?;
    let known: Vec<_> = bills.iter().collect();
    let date = day.to_string();
    let body = DayBody {
        day: ReconciliationBody::of((name.as_str(), date), &known, &counts),
        data: page.items.iter().map(DifferenceBody::of).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    };
    Ok(json(StatusCode::OK, &body))
}

/// The days of a month of a merchant, oldest first.
#[utoipa::path(get, operation_id = "list_reconciliations", path = "/v1/reconciliations", tag = "reconciliations",
    params(("merchant" = String, Query, description = "The merchant's short name"),
        ("month" = String, Query, description = "The month, such as 2026-11")),
    responses((status = 200, description = "The days whose bills are known", body = Page<ReconciliationBody<'static>>), ReadProblems))]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(request.uri());
    let name: Option<MerchantName> = parameters.parsed("merchant");
    let month = parameters.word("month", |text| format!("{text}-01").parse::<Date>().ok());
    parameters.finish()?;
    let (Some(name), Some(month)) = (name, month) else {
        return Err(Problem::parameters(vec![Fault::parameter(
            "month",
            "required",
            "merchant and month are required",
        )]));
    };
    merchant(&app, &caller, &name)?;
    let days = month_of(month);
    let (store, allowed) = (app.engine.store(), caller.merchants.clone());
    let bills = store.bill_days(allowed.clone(), name.clone(), days).await?;
    let counts = store.difference_counts(allowed, name.clone(), days).await?;
    let mut data = Vec::new();
    for group in bills.chunk_by(|a, b| a.bill.day == b.bill.day) {
        let Some(day) = group.first().map(|bill| bill.bill.day) else {
            continue;
        };
        let of_day: Vec<_> = counts.iter().copied().filter(|c| c.day == day).collect();
        let known: Vec<_> = group.iter().collect();
        let named = (name.as_str(), day.to_string());
        data.push(ReconciliationBody::of(named, &known, &of_day));
    }
    let next_cursor = None;
    Ok(json(StatusCode::OK, &Page { data, next_cursor }))
}

/// Fetch and compare the bills of a day now, again or for the first time.
///
/// The answer comes before the work is done; read the day to see what came of it. What was settled
/// stays settled, and a run that finds the same changes nothing.
#[utoipa::path(post, operation_id = "run_reconciliation", path = "/v1/reconciliations/{merchant}/{date}/run", tag = "reconciliations",
    params(("merchant" = String, Path, description = "The merchant's short name"),
        ("date" = String, Path, description = "The day in Beijing, such as 2026-11-20")),
    responses((status = 202, description = "It is due now"), WriteProblems))]
pub(crate) async fn run(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((name, date)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    require_empty(&app, request.into_body()).await?;
    let (name, day) = named(&app, &caller, &name, &date)?;
    app.engine.reconcile(&name, day, &caller.by()).await?;
    let body = serde_json::json!({ "merchant": name.as_str(), "date": day.to_string() });
    Ok(json(StatusCode::ACCEPTED, &body))
}

/// What was done about a difference.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DifferenceResolution)]
pub(crate) struct DifferenceResolutionBody {
    /// What was done, for the others: 1 to 500 characters.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "paid back by hand on 21 November, agreed with the shop"
    )]
    pub note: String,
}

/// Settle a difference, with a note.
#[utoipa::path(post, operation_id = "resolve_difference", path = "/v1/differences/{id}/resolve", tag = "reconciliations",
    params(("id" = String, Path, description = "The id of the difference")),
    request_body = DifferenceResolutionBody,
    responses((status = 200, description = "The difference as it stands now", body = DifferenceBody<'static>), WriteProblems))]
pub(crate) async fn resolve(
    State(app): State<App>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let absent = || Problem::new(Code::DIFFERENCE_NOT_FOUND, "no difference has this id");
    let id = id.parse().ok().ok_or_else(absent)?;
    let (head, body) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(body, API_BYTES_MAX, app.settings.body_timeout).await?;
    let mut fields = Fields::of(&bytes)?;
    let note = fields.text("note");
    let note = fields.require("note", note);
    fields.finish()?;
    let seen = (&id, &caller.merchants);
    let settled = app
        .engine
        .resolve_difference(seen, &note.unwrap_or_default(), &caller.by())
        .await;
    match settled {
        Ok(difference) => Ok(json(StatusCode::OK, &DifferenceBody::of(&difference))),
        Err(tuikuan_engine::EngineError::NotFound) => Err(absent()),
        Err(error) => Err(error.into()),
    }
}

fn named(
    app: &Shared,
    caller: &Caller,
    name: &str,
    date: &str,
) -> Result<(MerchantName, Date), Problem> {
    let absent = || Problem::new(Code::MERCHANT_NOT_FOUND, "no merchant has this name");
    let name: MerchantName = name.parse().ok().ok_or_else(absent)?;
    merchant(app, caller, &name)?;
    let day = read_day(date).ok_or_else(|| {
        let fault = Fault::parameter("date", "format", "a date is a day such as 2026-11-20");
        Problem::parameters(vec![fault])
    })?;
    Ok((name, day))
}

/// A day written in the one form that is printed everywhere.
pub(crate) fn read_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    (day.to_string() == text).then_some(day)
}
