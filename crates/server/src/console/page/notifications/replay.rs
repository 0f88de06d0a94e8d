//! Notifications are taken in once more: one, or those of a page.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_engine::{EngineError, Replayed};

use super::Asked;
use super::one::visible;
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::link::address;
use crate::console::page::overview::chosen;
use crate::console::page::{to, to_saying};
use crate::console::text::notice::Notice;
use crate::console::visit::Visit;

/// `POST /console/notifications/{number}/replay`.
pub(crate) async fn one(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(number): Path<String>,
) -> Result<Response, Fault> {
    let row = visible(&app, &visit, &number).await?;
    let by = visit.by();
    let notice = match Box::pin(app.engine.replay(row.number, &by)).await? {
        Replayed::Done { .. } => Notice::Replayed,
        Replayed::Gone => Notice::ReplayGone,
        Replayed::NotUnderstood { .. } => Notice::ReplayRefused,
    };
    let here = format!("/console/notifications/{}", row.number);
    Ok(to_saying(&app, &here, notice))
}

/// `POST /console/notifications/replay`: those that the page with this filter shows, the oldest
/// first, as they came.
pub(crate) async fn all(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let text = |name| fields.text(name).to_owned();
    let asked = Asked {
        merchant: text("merchant"),
        outcome: text("outcome"),
        from: text("from"),
        to: text("to"),
        after: text("after"),
        done: None,
        failed: None,
    };
    let merchant = chosen(&app, &visit, &asked.merchant)?;
    let filter = asked.filter(&visit, merchant.as_ref());
    let found = app.engine.store().notifications(filter).await?;
    let by = visit.by();
    let (mut done, mut failed) = (0_u32, 0_u32);
    for row in found.iter().rev() {
        match Box::pin(app.engine.replay(row.number, &by)).await {
            Ok(Replayed::Done { .. }) => done = done.saturating_add(1),
            Ok(Replayed::Gone | Replayed::NotUnderstood { .. })
            | Err(EngineError::UnknownMerchant | EngineError::NotFound) => {
                failed = failed.saturating_add(1);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (done, failed) = (done.to_string(), failed.to_string());
    Ok(to(&address(
        "/console/notifications",
        &[
            ("merchant", &asked.merchant),
            ("outcome", &asked.outcome),
            ("from", &asked.from),
            ("to", &asked.to),
            ("done", &done),
            ("failed", &failed),
        ],
    )))
}
