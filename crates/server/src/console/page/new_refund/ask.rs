//! A confirmed form becomes a refund, once. An answer that does not come in time is "not known yet",
//! never "failed": what became of it is looked up under the form's own identity.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use tuikuan_domain::{MerchantName, Refusal};
use tuikuan_engine::{EngineError, RefundRequest, Requested, number_of};

use super::form::{Form, Wrong, identity};
use super::{FormPage, page_of};
use crate::app::{App, Shared};
use crate::console::door::encoded;
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::frame::Frame;
use crate::console::page::refund::href;
use crate::console::page::refunds::Asked;
use crate::console::page::{again, html, to, to_saying};
use crate::console::secret;
use crate::console::text::new_refund::{Words, refused};
use crate::console::text::notice::{Notice, Told};
use crate::console::visit::Visit;

/// The answer to a request is awaited so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

#[derive(Template)]
#[template(path = "not_known.html")]
struct NotKnownPage {
    frame: Frame,
    words: &'static Words,
    link: Option<String>,
}

/// `POST /console/refunds/new`.
pub(crate) async fn ask(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let form = Form::read(&app, &visit, &fields).await?;
    let known = known_href(&form.merchant, &form.key);
    // Who sends a form twice gets the refund it made: what is left of the order has changed by it.
    if let Some(refund) = made(&app, &visit, &form.merchant, &form.key).await? {
        let same = form.taken(None, words).is_ok_and(|good| {
            good.amount == refund.content.amount && good.reason == refund.content.reason
        });
        if same {
            let notice = Notice::Refund(Told::RefundKnown);
            return Ok(to_saying(&app, &href(&refund), notice));
        }
        return differs(&app, &visit, form, &known).await;
    }
    let payment = form.payment(&app).await?;
    let good = match form.taken(payment.as_ref(), words) {
        Ok(good) => good,
        Err(wrong) => return refuse(&app, &visit, form, wrong).await,
    };
    let request = form.request(&visit, good)?;
    match answer(&app, &visit, request).await {
        Some(Ok(requested)) => {
            let told = match requested.created {
                true => Told::RefundAsked,
                false => Told::RefundKnown,
            };
            let notice = Notice::Refund(told);
            Ok(to_saying(&app, &href(&requested.refund), notice))
        }
        Some(Err(EngineError::Refused(Refusal::ContentDiffers { .. }))) => {
            differs(&app, &visit, form, &known).await
        }
        Some(Err(EngineError::Refused(refusal))) => {
            let wrong = Wrong::Refused(refused(&refusal, visit.language()));
            refuse(&app, &visit, form, wrong).await
        }
        // The store may have written it, and only the answer was lost.
        None | Some(Err(EngineError::StoreUnavailable(_) | EngineError::Interrupted)) => {
            not_known(&app, &visit, Some(known)).await
        }
        Some(Err(error)) => Err(error.into()),
    }
}

/// Asks on a task of its own: a browser that goes away takes nothing back. `None`: no answer yet.
async fn answer(
    app: &App,
    visit: &Arc<Visit>,
    request: RefundRequest,
) -> Option<Result<Requested, EngineError>> {
    let (shared, by) = (Arc::clone(app), visit.by());
    let task = app
        .tasks
        .spawn(async move { shared.engine.request(request, &by).await });
    match tokio::time::timeout(ANSWER_WITHIN, task).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) | Err(_) => None,
    }
}

async fn refuse(app: &Shared, visit: &Visit, form: Form, wrong: Wrong) -> Result<Response, Fault> {
    again(&page_of(app, visit, form, Some(wrong)).await?)
}

async fn differs(app: &Shared, visit: &Visit, form: Form, known: &str) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let page = FormPage {
        known: Some(known.to_owned()),
        ..page_of(app, visit, form, Some(Wrong::Refused(words.differs))).await?
    };
    again(&page)
}

async fn not_known(app: &Shared, visit: &Visit, link: Option<String>) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let mut response = html(&NotKnownPage {
        frame: Frame::of(app, visit, words.unknown_title).await?,
        words,
        link,
    })?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}

/// Where it is told what is known of a form.
fn known_href(merchant: &MerchantName, key: &str) -> String {
    format!(
        "/console/refunds/new/known?merchant={merchant}&key={}",
        encoded(key)
    )
}

/// The refund that a person's form has made.
async fn made(
    app: &Shared,
    visit: &Visit,
    merchant: &MerchantName,
    key: &str,
) -> Result<Option<tuikuan_domain::Refund>, Fault> {
    let configured = app.engine.merchant(merchant).ok_or(Fault::NotFound)?;
    let number = number_of(&configured.mch_id, &identity(visit, key));
    let store = app.engine.store();
    Ok(store.refund_by_number(&configured.mch_id, &number).await?)
}

/// `GET /console/refunds/new/known`.
pub(crate) async fn known(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Asked,
) -> Result<Response, Fault> {
    let value = |name: &str| {
        let found = asked.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let merchant: MerchantName = value("merchant")
        .parse()
        .map_err(|_foreign| Fault::Refused)?;
    let key = value("key");
    if secret::hash_of(key).is_none() {
        return Err(Fault::Refused);
    }
    if !visit.covers(&merchant) {
        return Err(Fault::NotFound);
    }
    match made(&app, &visit, &merchant, key).await? {
        Some(refund) => Ok(to(&href(&refund))),
        None => not_known(&app, &visit, None).await,
    }
}
