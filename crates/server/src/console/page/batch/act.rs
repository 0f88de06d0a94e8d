//! What people do to a batch on its page. What is refused is said on the page itself.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_domain::batch::{Batch, Faulty, Steer, SteerRefusal};
use tuikuan_engine::batch::BatchError;

use super::super::batches::fault;
use super::super::{again, to_saying};
use super::{BatchPage, Shown, known};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::text::batches::Words;
use crate::console::text::notice::Notice;
use crate::console::visit::Visit;

/// `POST /console/batches/{id}/submit`.
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let batch = known(&app, &visit, &id).await?;
    let faulty = if fields.ticked("leave_out") {
        Faulty::LeaveOut
    } else {
        Faulty::Refuse
    };
    let done = app
        .engine
        .submit_batch(&batch.id, faulty, &visit.by())
        .await;
    answer(&app, &visit, batch, done).await
}

/// `POST /console/batches/{id}/approve`.
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let content = fields.text("content").to_owned();
    act(&app, &visit, &id, Steer::Approve { content }).await
}

/// `POST /console/batches/{id}/reject`.
pub(crate) async fn reject(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    act(&app, &visit, &id, Steer::Reject).await
}

/// `POST /console/batches/{id}/pause`.
pub(crate) async fn pause(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    act(&app, &visit, &id, Steer::Pause).await
}

/// `POST /console/batches/{id}/resume`.
pub(crate) async fn resume(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    act(&app, &visit, &id, Steer::Resume).await
}

/// `POST /console/batches/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    act(&app, &visit, &id, Steer::Cancel).await
}

async fn act(app: &Shared, visit: &Visit, id: &str, act: Steer) -> Result<Response, Fault> {
    let batch = known(app, visit, id).await?;
    let done = app.engine.steer_batch(&batch.id, &act, &visit.by()).await;
    answer(app, visit, batch, done).await
}

async fn answer(
    app: &Shared,
    visit: &Visit,
    batch: Batch,
    done: Result<Batch, BatchError>,
) -> Result<Response, Fault> {
    let path = format!("/console/batches/{}", batch.id);
    let refusal = match done {
        Ok(_) => return Ok(to_saying(app, &path, Notice::Saved)),
        Err(BatchError::Refused(refusal)) => refusal,
        Err(error) => return Err(fault(error)),
    };
    let words = Words::of(visit.language());
    let mut page = BatchPage::read(app, visit, batch, &Shown::default()).await?;
    page.wrong = Some(match refusal {
        SteerRefusal::NotIn { .. } | SteerRefusal::Expired { .. } => words.moved_on,
        SteerRefusal::Faulty { .. } => words.has_faults,
        SteerRefusal::Nothing => words.nothing,
        SteerRefusal::SamePerson | SteerRefusal::NotAPerson => words.same_person,
        SteerRefusal::ContentChanged => words.changed,
    });
    again(&page)
}
