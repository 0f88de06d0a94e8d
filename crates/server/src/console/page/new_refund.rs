//! "New refund": find the payment, say how much, check, confirm. Every step works without scripts;
//! one opened form is one refund, however often it is sent.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use tuikuan_domain::{MerchantName, Payment, Status};
use tuikuan_store::NumberText;
use tuikuan_terms::Fen;

use super::refund::{PaymentBox, visible};
use super::refunds::Asked;
use super::{again, html};
use crate::app::{App, Shared};
use crate::console::capital::capital;
use crate::console::door::encoded;
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::text;
use crate::console::text::new_refund::Words;
use crate::console::text::refund::Words as RefundWords;
use crate::console::visit::Visit;

mod ask;
mod form;

pub(crate) use ask::{ask, known};
use form::{Form, Wrong, order_ref};

#[derive(Template)]
#[template(path = "find_payment.html")]
struct FindPage {
    frame: Frame,
    words: &'static Words,
    asked: String,
    wrong: bool,
    /// The order is not known here: whose is it?
    choices: Vec<(String, String)>,
    note: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "new_refund.html")]
pub(super) struct FormPage {
    frame: Frame,
    words: &'static Words,
    refund_words: &'static RefundWords,
    form: Form,
    payment: Option<PaymentBox>,
    others: Option<String>,
    rest: Option<String>,
    reasons: Vec<String>,
    wrong: Option<Wrong>,
    over: String,
    /// What the form has made already.
    known: Option<String>,
}

#[derive(Template)]
#[template(path = "check_refund.html")]
struct CheckPage {
    frame: Frame,
    words: &'static Words,
    refund_words: &'static RefundWords,
    form: Form,
    amount: String,
    capital: String,
    left_after: Option<String>,
    second: bool,
}

/// `GET /console/refunds/new`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Asked,
) -> Result<Response, Fault> {
    let value = |name: &str| {
        let found = asked.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    };
    if !value("replaces").is_empty() {
        return replacing(&app, &visit, value("replaces")).await;
    }
    let (q, merchant) = (value("q"), value("merchant"));
    let mut page = FindPage::empty(&app, &visit, q).await?;
    if q.is_empty() {
        return html(&page);
    }
    let number: Result<NumberText, _> = q.parse();
    let (Ok(number), Some(_)) = (number, order_ref(q)) else {
        page.wrong = true;
        return again(&page);
    };
    let store = app.engine.store();
    let mut payments = store.payments_under(&number, &visit.merchants).await?;
    payments.retain(|payment| merchant.is_empty() || payment.merchant.as_str() == merchant);
    match payments.as_slice() {
        [payment] => {
            let form = Form::fresh(&payment.merchant, payment.out_trade_no.as_str())?;
            html(&page_of(&app, &visit, form, None).await?)
        }
        [] => elsewhere(&app, &visit, page, (q, merchant)).await,
        several => {
            page.note = Some(page.words.several);
            page.choices = several.iter().map(|one| choice(q, &one.merchant)).collect();
            html(&page)
        }
    }
}

/// A refund that stands in for one that WeChat has closed.
async fn replacing(app: &Shared, visit: &Visit, id: &str) -> Result<Response, Fault> {
    let old = visible(app, visit, id).await?;
    if old.status != Status::Closed {
        return Err(Fault::Refused);
    }
    let order = &old.content.order;
    let number = match (&order.out_trade_no, &order.transaction_id) {
        (Some(number), _) => number.to_string(),
        (None, Some(number)) => number.to_string(),
        (None, None) => return Err(Fault::Refused),
    };
    let mut form = Form::fresh(&old.merchant, &number)?;
    form.amount = old.content.amount.to_yuan();
    form.reason = old
        .content
        .reason
        .map_or_else(String::new, |reason| reason.to_string());
    form.replaces = Some(old.id);
    html(&page_of(app, visit, form, None).await?)
}

/// An order that is not known here: whose it is must be said; then WeChat is asked for it.
async fn elsewhere(
    app: &Shared,
    visit: &Visit,
    mut page: FindPage,
    (q, merchant): (&str, &str),
) -> Result<Response, Fault> {
    let merchants = app.engine.merchants().iter().map(|merchant| &merchant.name);
    let mut covered: Vec<&MerchantName> = merchants.filter(|name| visit.covers(name)).collect();
    covered.retain(|name| merchant.is_empty() || name.as_str() == merchant);
    if let [one] = covered.as_slice() {
        let form = Form::fresh(one, q)?;
        return html(&page_of(app, visit, form, None).await?);
    }
    page.note = Some(page.words.not_known);
    page.choices = covered.into_iter().map(|name| choice(q, name)).collect();
    html(&page)
}

fn choice(q: &str, merchant: &MerchantName) -> (String, String) {
    let href = format!("/console/refunds/new?q={}&merchant={merchant}", encoded(q));
    (merchant.to_string(), href)
}

/// `POST /console/refunds/new/check`.
pub(crate) async fn check(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let mut form = Form::read(&app, &visit, &fields).await?;
    let payment = form.payment(&app).await?;
    let left = payment.as_ref().map(Payment::refundable);
    if let Some(left) = left.filter(|_| fields.ticked("rest")) {
        form.amount = left.to_yuan();
    }
    if form.expected.is_some() && form.expected != left {
        let changed = tuikuan_domain::Refusal::RefundableChanged {
            expected: form.expected.unwrap_or(Fen::ZERO),
            actual: left.unwrap_or(Fen::ZERO),
        };
        let text = text::new_refund::refused(&changed, visit.language());
        return again(&page_of(&app, &visit, form, Some(Wrong::Refused(text))).await?);
    }
    let good = match form.taken(payment.as_ref(), words) {
        Ok(good) => good,
        Err(wrong) => return again(&page_of(&app, &visit, form, Some(wrong)).await?),
    };
    let rules = app.engine.rules_of(&form.merchant).await?;
    let above = rules.approval_above.is_some_and(|max| good.amount > max);
    html(&CheckPage {
        frame: Frame::of(&app, &visit, words.check_title).await?,
        words,
        refund_words: RefundWords::of(visit.language()),
        amount: format::money(good.amount),
        capital: capital(good.amount),
        left_after: left
            .and_then(|left| left.checked_sub(good.amount))
            .map(format::money),
        second: above || rules.approval_person_day.is_some(),
        form,
    })
}

/// `POST /console/refunds/new/edit`: back to the form, with what was typed.
pub(crate) async fn edit(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let form = Form::read(&app, &visit, &fields).await?;
    html(&page_of(&app, &visit, form, None).await?)
}

/// `GET /console/refunds/new/echo?amount=`: an amount in words, while it is typed.
pub(crate) async fn echo(Query(asked): Asked) -> Response {
    let typed = asked.iter().find(|(name, _)| name == "amount");
    let amount = typed.map(|(_, value)| Fen::from_yuan(value.trim()));
    match amount {
        Some(Ok(amount)) => {
            format!("{} · {}", capital(amount), format::money(amount)).into_response()
        }
        Some(Err(_)) | None => String::new().into_response(),
    }
}

impl FindPage {
    async fn empty(app: &Shared, visit: &Visit, asked: &str) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        Ok(Self {
            frame: Frame::of(app, visit, words.title).await?,
            words,
            asked: asked.to_owned(),
            wrong: false,
            choices: Vec::new(),
            note: None,
        })
    }
}

/// The form, with what is known of its order now.
async fn page_of(
    app: &Shared,
    visit: &Visit,
    mut form: Form,
    wrong: Option<Wrong>,
) -> Result<FormPage, Fault> {
    let words = Words::of(visit.language());
    let payment = form.payment(app).await?;
    let left = payment.as_ref().map(Payment::refundable);
    form.expected = left;
    let count = match &payment {
        Some(payment) => app.engine.store().refunds_of(&payment.id).await?.len(),
        None => 0,
    };
    let money = left.map(format::money).unwrap_or_default();
    let values = [("left", money.as_str())];
    let rest = left.filter(|left| !left.is_zero());
    Ok(FormPage {
        frame: Frame::of(app, visit, words.title).await?,
        words,
        refund_words: RefundWords::of(visit.language()),
        payment: payment
            .as_ref()
            .map(|payment| PaymentBox::of(payment, visit)),
        others: (count > 0).then(|| text::fill(words.others, &[("n", &count.to_string())])),
        rest: rest.map(|_| text::fill(words.rest, &values)),
        reasons: app.engine.rules_of(&form.merchant).await?.reasons,
        over: text::fill(words.amount_over, &values),
        form,
        wrong,
        known: None,
    })
}

impl FormPage {
    /// What is wrong about the amount; empty for nothing.
    fn amount_wrong(&self) -> &str {
        match self.wrong {
            Some(Wrong::Amount(text)) => text,
            Some(Wrong::AmountOver) => &self.over,
            Some(Wrong::Reason(_) | Wrong::Refused(_)) | None => "",
        }
    }

    /// What is wrong about the reason; empty for nothing.
    fn reason_wrong(&self) -> &str {
        match self.wrong {
            Some(Wrong::Reason(text)) => text,
            Some(Wrong::Amount(_) | Wrong::AmountOver | Wrong::Refused(_)) | None => "",
        }
    }

    /// What the door refused; empty for nothing.
    fn refused(&self) -> &str {
        match self.wrong {
            Some(Wrong::Refused(text)) => text,
            Some(Wrong::Amount(_) | Wrong::AmountOver | Wrong::Reason(_)) | None => "",
        }
    }
}
