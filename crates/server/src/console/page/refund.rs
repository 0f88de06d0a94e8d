//! "Refund": one refund with everything that happened to it, what happens next and when, and what a
//! person can do now. Its parts are renewed without a reload while the page is open.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_domain::{Actor, Payment, Refund};
use tuikuan_store::{
    Attempt, Delivery, InboxRecord, Job, JobKey, LIST_MAX, StoredEvent, StoredExchange,
};

use super::{again, html};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::names::Names;
use crate::console::text::refund::Words;
use crate::console::text::{self, advice, status, story};
use crate::console::visit::Visit;

mod acts;
mod box_of_payment;
mod elsewhere;
mod facts;
mod journey;
mod timeline;

pub(crate) use acts::{cancel, note, notice_of, query, redeliver, resolve, retry};
pub(crate) use box_of_payment::PaymentBox;
pub(crate) use elsewhere::{page as elsewhere_page, send as elsewhere_send};

use acts::Acts;
use facts::Facts;

#[derive(Template)]
#[template(path = "refund.html")]
struct RefundPage {
    frame: Frame,
    words: &'static Words,
    id: String,
    number: String,
    link: String,
    amount: String,
    status: &'static str,
    status_word: &'static str,
    steps: Vec<journey::Step>,
    next: &'static str,
    when: Option<String>,
    needs: Option<Needs>,
    error: Option<Trouble>,
    timeline: Vec<timeline::Entry>,
    payment: Option<PaymentBox>,
    facts: Facts,
    acts: Acts,
    buyer: String,
    wrong: Option<Wrong>,
}

/// Why a person is needed, and what to do.
struct Needs {
    reason: &'static str,
    since: String,
    advice: &'static str,
}

/// The last error in words.
struct Trouble {
    code: String,
    message: String,
    advice: advice::Advice,
}

/// What was typed and cannot be taken.
pub(super) struct Wrong {
    /// `note` or `resolve`.
    field: &'static str,
    /// What was typed.
    typed: String,
}

/// Everything about one refund, as read.
pub(super) struct Story {
    refund: Refund,
    payment: Option<Payment>,
    events: Vec<StoredEvent>,
    attempts: Vec<Attempt>,
    exchanges: Vec<StoredExchange>,
    deliveries: Vec<Delivery>,
    notifications: Vec<InboxRecord>,
    siblings: Vec<Refund>,
    job: Option<Job>,
}

/// `GET /console/refunds/{id}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let refund = visible(&app, &visit, &id).await?;
    html(&RefundPage::read(&app, &visit, refund, None).await?)
}

/// The page once more, with what was typed and cannot be taken.
async fn refuse(
    app: &Shared,
    visit: &Visit,
    refund: Refund,
    wrong: Wrong,
) -> Result<Response, Fault> {
    again(&RefundPage::read(app, visit, refund, Some(wrong)).await?)
}

/// A refund of a merchant that the person may see.
pub(crate) async fn visible(app: &Shared, visit: &Visit, id: &str) -> Result<Refund, Fault> {
    let id = id.parse().map_err(|_foreign| Fault::NotFound)?;
    let refund = app
        .engine
        .store()
        .refund(&id)
        .await?
        .ok_or(Fault::NotFound)?;
    if visit.covers(&refund.merchant) {
        Ok(refund)
    } else {
        Err(Fault::NotFound)
    }
}

/// Where the page of a refund is.
pub(crate) fn href(refund: &Refund) -> String {
    format!("/console/refunds/{}", refund.id)
}

impl Story {
    async fn read(app: &Shared, refund: Refund) -> Result<Self, Fault> {
        let store = app.engine.store();
        let id = refund.id.clone();
        // Read anew with its payment: both at one instant.
        let seen = store.refund_and_payment(&id).await?;
        let siblings = match &seen.payment {
            Some(payment) => store.refunds_of(&payment.id).await?,
            None => Vec::new(),
        };
        let job = if refund.status.is_end() {
            None
        } else {
            store.job(&JobKey::Refund(id.clone())).await?
        };
        let refund = seen.refund.unwrap_or(refund);
        let first = refund.version.saturating_sub(i64::from(LIST_MAX));
        Ok(Self {
            events: store.events_of(&id, first, LIST_MAX).await?,
            attempts: store.attempts_of(&id).await?,
            exchanges: store.exchanges_of(&id).await?,
            deliveries: store.deliveries_of(&id).await?,
            notifications: store.notifications_of(&id).await?,
            payment: seen.payment,
            refund,
            siblings,
            job,
        })
    }

    /// Everybody who did something.
    fn actors(&self) -> Vec<Actor> {
        let mut actors: Vec<Actor> = self.refund.requested_by.clone().into_iter().collect();
        if let Some((by, _, _)) = self.refund.approval.given() {
            actors.push(by.clone());
        }
        actors.extend(self.events.iter().filter_map(timeline::actor_of));
        actors
    }
}

impl RefundPage {
    async fn read(
        app: &Shared,
        visit: &Visit,
        refund: Refund,
        wrong: Option<Wrong>,
    ) -> Result<Self, Fault> {
        let (language, now) = (visit.language(), visit.now());
        let words = Words::of(language);
        let story = Story::read(app, refund).await?;
        let names = Names::of(app, story.actors()).await?;
        let refund = &story.refund;
        let number = refund.out_refund_no.to_string();
        let title = text::fill(words.title, &[("number", &number)]);
        let base = app.settings.public_url.as_deref().unwrap_or_default();
        Ok(Self {
            frame: Frame::of(app, visit, title).await?,
            words,
            id: refund.id.to_string(),
            link: format!("{base}{}", href(refund)),
            amount: format::money(refund.content.amount),
            status: refund.status.as_str(),
            status_word: status::status(refund.status, language),
            steps: journey::steps(&story, visit),
            next: text::refund::next(refund.status, language),
            when: journey::when(&story, visit),
            needs: refund.attention.map(|attention| Needs {
                reason: story::attention(attention.reason, language),
                since: format::relative(attention.since, now, language),
                advice: story::attention_advice(attention.reason, language),
            }),
            error: refund.error.as_ref().map(|note| Trouble {
                code: note.code.clone(),
                message: note.message.clone(),
                advice: advice::advice(&note.code, language),
            }),
            timeline: timeline::entries(&story, &names, language),
            payment: story
                .payment
                .as_ref()
                .map(|payment| PaymentBox::of(payment, visit)),
            facts: Facts::of(app, &story, &names, language),
            acts: Acts::of(refund, visit),
            buyer: for_buyer(refund),
            number,
            wrong,
        })
    }

    fn typed(&self, field: &str) -> &str {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.field == field);
        wrong.map_or("", |wrong| &wrong.typed)
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.wrong
            .as_ref()
            .is_some_and(|wrong| wrong.field == field)
    }
}

/// What to tell the buyer.
fn for_buyer(refund: &Refund) -> String {
    let account = refund.user_received_account.as_deref();
    let time = refund.succeeded_at.map_or_else(String::new, format::minute);
    text::fill(
        text::refund::for_buyer(refund.status),
        &[
            ("amount", &refund.content.amount.to_yuan()),
            ("account", account.unwrap_or("原支付账户")),
            ("time", &time),
        ],
    )
}
