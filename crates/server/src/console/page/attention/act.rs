//! What people do about things that need them. The form says which version it was made from.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use tuikuan_domain::refund::Command;
use tuikuan_domain::{MerchantName, PersonId};
use tuikuan_engine::{Cared, Caring, EngineError};
use tuikuan_store::{Care, Subject};

use super::sees;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::page::to_saying;
use crate::console::period;
use crate::console::text::notice::Notice;
use crate::console::visit::Visit;

const HERE: &str = "/console/attention";

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// `POST /console/attention/assign`.
pub(crate) async fn assign(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let care = seen(&app, &visit, &fields).await?;
    let to = match fields.text("to") {
        "" => None,
        id => Some(candidate(&app, id, &care.merchant).await?),
    };
    done(&app, &visit, care, Caring::Assign(to)).await
}

/// `POST /console/attention/snooze`.
pub(crate) async fn snooze(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let care = seen(&app, &visit, &fields).await?;
    let days = match fields.text("days") {
        "0" => return done(&app, &visit, care, Caring::Wake).await,
        "1" => 1,
        "3" => 3,
        _ => return Err(Fault::Refused),
    };
    let until = period::morning_after(visit.now(), days).ok_or(Fault::Refused)?;
    done(&app, &visit, care, Caring::Snooze(until)).await
}

/// `POST /console/attention/settle`.
pub(crate) async fn settle(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let care = seen(&app, &visit, &fields).await?;
    let note = fields.trimmed("note");
    if note.is_empty() || note.chars().count() > NOTE_CHARS_MAX {
        return Ok(to_saying(&app, HERE, Notice::NoteMissing));
    }
    let note = note.to_owned();
    let id = match &care.subject {
        Subject::Refund(id) => id.clone(),
        Subject::Notification(_) => return done(&app, &visit, care, Caring::Settle { note }).await,
        // It is dealt with by switching it on again, or by removing it.
        Subject::Endpoint(_) => return Err(Fault::Refused),
    };
    let by = visit.by();
    match app
        .engine
        .command(&id, Command::Resolve { note }, &by)
        .await
    {
        Ok(_) => Ok(to_saying(&app, HERE, Notice::Settled)),
        Err(EngineError::Refused(_)) => Ok(to_saying(&app, HERE, Notice::CannotSettle)),
        Err(error) => Err(error.into()),
    }
}

async fn done(app: &Shared, visit: &Visit, care: Care, caring: Caring) -> Result<Response, Fault> {
    let notice = match &caring {
        Caring::Assign(_) | Caring::Wake => Notice::Saved,
        Caring::Snooze(_) => Notice::Snoozed,
        Caring::Settle { .. } => Notice::Settled,
    };
    let by = visit.by();
    let notice = match app.engine.care(care, caring, &by).await? {
        Cared::Done => notice,
        Cared::ChangedMeanwhile => Notice::ChangedMeanwhile,
    };
    Ok(to_saying(app, HERE, notice))
}

/// What the person saw, under the reason of now; absent when its merchant is not covered.
async fn seen(app: &Shared, visit: &Visit, fields: &Fields) -> Result<Care, Fault> {
    let subject = Subject::parse(fields.text("subject")).ok_or(Fault::NotFound)?;
    let version: i64 = fields.text("version").parse().ok().ok_or(Fault::Refused)?;
    let (merchant, reason) = place(app, &subject).await?;
    if !visit.covers(&merchant) {
        return Err(Fault::NotFound);
    }
    let stored = app.engine.store().cares(vec![subject.clone()]).await?;
    let care = stored.into_iter().next();
    let care = care.unwrap_or_else(|| Care::none(subject, merchant, &reason));
    Ok(Care {
        reason,
        version,
        ..care
    })
}

/// Whose a thing is, and why it needs a person now.
async fn place(app: &Shared, subject: &Subject) -> Result<(MerchantName, String), Fault> {
    let store = app.engine.store();
    match subject {
        Subject::Refund(id) => {
            let refund = store.refund(id).await?.ok_or(Fault::NotFound)?;
            let attention = refund.attention.map(|attention| attention.reason.as_str());
            Ok((refund.merchant, attention.unwrap_or_default().to_owned()))
        }
        Subject::Notification(number) => {
            let row = store.inbox(*number).await?.ok_or(Fault::NotFound)?;
            Ok((row.entry.merchant, row.entry.outcome))
        }
        Subject::Endpoint(id) => {
            let endpoint = store.endpoint(id).await?.ok_or(Fault::NotFound)?;
            Ok((endpoint.merchant, "failing".to_owned()))
        }
    }
}

/// Somebody who may see what is of a merchant.
async fn candidate(app: &Shared, id: &str, merchant: &MerchantName) -> Result<PersonId, Fault> {
    let id: PersonId = id.parse().ok().ok_or(Fault::Refused)?;
    let user = app.engine.store().user(&id).await?.ok_or(Fault::Refused)?;
    let may = user.disabled_at.is_none() && sees(&user.scope, merchant);
    may.then_some(id).ok_or(Fault::Refused)
}
