//! What operators do: run a day again, settle a difference with a note.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_engine::EngineError;

use super::{HERE, named};
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::page::to_saying;
use crate::console::text::notice::Notice;
use crate::console::visit::Visit;

/// `POST /console/reconciliation/{merchant}/{date}/run`.
pub(crate) async fn run(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path((name, date)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let (merchant, day) = named(&app, &visit, &name, &date)?;
    let here = format!("{HERE}/{merchant}/{day}");
    let notice = match app.engine.reconcile(&merchant, day, &visit.by()).await {
        Ok(()) => Notice::BillWanted,
        Err(EngineError::NoBill { .. }) => Notice::NoBill,
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(&app, &here, notice))
}

/// `POST /console/differences/{id}/resolve`.
pub(crate) async fn resolve(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let id = id.parse().ok().ok_or(Fault::NotFound)?;
    let store = app.engine.store();
    let found = store.difference(visit.merchants.clone(), id).await?;
    let found = found.ok_or(Fault::NotFound)?;
    let here = format!("{HERE}/{}/{}", found.merchant, found.day);
    let (seen, note) = ((&found.id, &visit.merchants), fields.trimmed("note"));
    let settled = app.engine.resolve_difference(seen, note, &visit.by()).await;
    let notice = match settled {
        Ok(_) => Notice::Settled,
        Err(EngineError::NoteRefused) => Notice::NoteMissing,
        Err(EngineError::DifferenceSettled) => Notice::ChangedMeanwhile,
        Err(error) => return Err(error.into()),
    };
    Ok(to_saying(&app, &here, notice))
}
