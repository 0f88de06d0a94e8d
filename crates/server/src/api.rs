//! The JSON interface under `/v1`. Handlers read, ask the engine, and write shapes; they decide
//! nothing about refunds. What a caller's merchants do not cover looks absent.

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tuikuan_domain::{MerchantName, Refund};
use tuikuan_store::{Job, JobKey};

use crate::app::Shared;
use crate::auth::Caller;
use crate::code::Code;
use crate::problem::Problem;
use crate::shape::{Next, RefundBody};

pub(crate) mod abnormal;
pub(crate) mod batch;
pub(crate) mod command;
pub(crate) mod decision;
pub(crate) mod note;
pub(crate) mod payment;
pub(crate) mod reconciliation;
pub(crate) mod refund;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod webhook;

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let mut response = bytes.into_response();
            *response.status_mut() = status;
            let media = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, media);
            response
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Problem::new(Code::INTERNAL, "the answer could not be written").into_response()
        }
    }
}

/// A merchant that is configured and covered by the caller.
pub(crate) fn merchant(app: &Shared, caller: &Caller, name: &MerchantName) -> Result<(), Problem> {
    if caller.covers(name) && app.engine.merchant(name).is_some() {
        return Ok(());
    }
    Err(Problem::new(
        Code::MERCHANT_NOT_FOUND,
        "no merchant has this name",
    ))
}

/// The shapes of refunds, in their order, each with what happens to it next.
pub(crate) async fn refund_bodies<'a>(
    app: &Shared,
    refunds: &'a [Refund],
) -> Result<Vec<RefundBody<'a>>, Problem> {
    let open = refunds.iter().filter(|refund| !refund.status.is_end());
    let keys: Vec<JobKey> = open
        .map(|refund| JobKey::Refund(refund.id.clone()))
        .collect();
    let jobs = app.engine.store().jobs(&keys).await?;
    let jobs: HashMap<JobKey, Job> = jobs.into_iter().map(|job| (job.key.clone(), job)).collect();
    let bodies = refunds.iter().map(|refund| {
        let job = jobs.get(&JobKey::Refund(refund.id.clone()));
        RefundBody::of(refund, job.and_then(Next::of))
    });
    Ok(bodies.collect())
}

/// The refund's shape, with what happens to it next.
pub(crate) async fn refund_body<'a>(
    app: &Shared,
    refund: &'a Refund,
) -> Result<RefundBody<'a>, Problem> {
    let job = if refund.status.is_end() {
        None
    } else {
        app.engine
            .store()
            .job(&JobKey::Refund(refund.id.clone()))
            .await?
    };
    Ok(RefundBody::of(refund, job.as_ref().and_then(Next::of)))
}
