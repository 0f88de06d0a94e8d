//! Bills on the control side: differences to be found, and a bill to look at.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tuikuan_wechat::bill::BillKind;

use super::super::Shared;
use super::{Answer, Here, Refused, read};
use crate::bill::BillDifference;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/bills/differences",
            get(differences).post(plant).delete(clear),
        )
        .route("/bills/{mch_id}/{date}", get(bill))
}

async fn differences(State(shared): Here) -> Json<Value> {
    let world = shared.world();
    let all: Vec<&BillDifference> = world.differences().collect();
    Json(json!(all))
}

async fn plant(State(shared): Here, body: Bytes) -> Answer {
    let difference: BillDifference = read(&body)?;
    shared.world().plant_difference(difference)?;
    Ok(differences(State(shared)).await)
}

async fn clear(State(shared): Here) -> Json<Value> {
    shared.world().clear_differences();
    differences(State(shared)).await
}

/// Which bill is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    bill_type: Option<String>,
}

/// A bill as it would be sent now.
async fn bill(
    State(shared): Here,
    Path((mch_id, date)): Path<(String, String)>,
    Query(look): Query<Look>,
) -> Result<Response, Refused> {
    let word = look.bill_type.as_deref().unwrap_or("REFUND");
    let kind = BillKind::parse(word)
        .ok_or_else(|| Refused::bad("bill_type must be ALL, SUCCESS, REFUND or FUND_FLOW"))?;
    let file = shared.world().bill(&mch_id, &date, kind)?;
    match file {
        Some(bytes) => {
            Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], bytes).into_response())
        }
        None => Err(Refused {
            status: StatusCode::NOT_FOUND,
            ..Refused::bad("there is no bill of that day")
        }),
    }
}
