//! "Payment": what was paid, refunded, is on the way and left, its refunds, its age against WeChat's
//! year and its count against WeChat's fifty.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_domain::payment::REFUND_WINDOW;
use tuikuan_domain::{MerchantName, Payment, Refund, after};
use tuikuan_store::{LIST_MAX, RefundSearch};
use tuikuan_terms::OutTradeNo;

use super::html;
use super::refund::PaymentBox;
use super::refunds::Row;
use crate::app::{App, Shared};
use crate::console::door::encoded;
use crate::console::fault::Fault;
use crate::console::frame::Frame;
use crate::console::text;
use crate::console::text::new_refund::Words;
use crate::console::text::refund::Words as RefundWords;
use crate::console::text::refunds::Words as ListWords;
use crate::console::visit::Visit;
use crate::policy::Permission;

#[derive(Template)]
#[template(path = "payment.html")]
struct PaymentPage {
    frame: Frame,
    words: &'static Words,
    refund_words: &'static RefundWords,
    list: &'static ListWords,
    number: String,
    id: Option<String>,
    payment: Option<PaymentBox>,
    age: Age,
    rows: Vec<Row>,
    ask: Option<String>,
}

/// How far WeChat's year has gone.
enum Age {
    NotKnown,
    Open { days: String },
    Closed,
}

/// `GET /console/payments/{merchant}/{out_trade_no}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path((merchant, number)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let merchant: MerchantName = merchant.parse().map_err(|_foreign| Fault::NotFound)?;
    let number: OutTradeNo = number.parse().map_err(|_foreign| Fault::NotFound)?;
    if !visit.covers(&merchant) {
        return Err(Fault::NotFound);
    }
    let configured = app.engine.merchant(&merchant).ok_or(Fault::NotFound)?;
    let store = app.engine.store();
    let sub = configured.sub_mch_id.as_ref();
    let payment = store
        .payment_by_trade_no(&configured.mch_id, sub, &number)
        .await?;
    let refunds = match &payment {
        Some(payment) => store.refunds_of(&payment.id).await?,
        None => waiting(&app, &visit, &merchant, &number).await?,
    };
    if payment.is_none() && refunds.is_empty() {
        return Err(Fault::NotFound);
    }
    html(&PaymentPage::of(&app, &visit, (&merchant, &number), (payment, refunds)).await?)
}

/// The refunds of an order whose total is not known yet.
async fn waiting(
    app: &Shared,
    visit: &Visit,
    merchant: &MerchantName,
    number: &OutTradeNo,
) -> Result<Vec<Refund>, Fault> {
    let search = RefundSearch {
        merchant: Some(merchant.clone()),
        number: number.as_str().parse().ok(),
        limit: LIST_MAX,
        ..RefundSearch::of(visit.merchants.clone())
    };
    let mut found = app.engine.store().search_refunds(search).await?.items;
    found.retain(|refund| refund.content.order.out_trade_no.as_ref() == Some(number));
    Ok(found)
}

impl PaymentPage {
    async fn of(
        app: &Shared,
        visit: &Visit,
        (merchant, number): (&MerchantName, &OutTradeNo),
        (payment, mut refunds): (Option<Payment>, Vec<Refund>),
    ) -> Result<Self, Fault> {
        let language = visit.language();
        let words = Words::of(language);
        refunds.sort_by_key(|refund| std::cmp::Reverse(refund.created_at));
        let title = text::fill(words.payment_title, &[("number", number.as_str())]);
        let open = payment.as_ref().is_none_or(|payment| {
            !payment.refundable().is_zero() && !payment.window_closed(visit.now())
        });
        let ask = format!(
            "/console/refunds/new?q={}&merchant={merchant}",
            encoded(number.as_str())
        );
        Ok(Self {
            frame: Frame::of(app, visit, title).await?,
            words,
            refund_words: RefundWords::of(language),
            list: ListWords::of(language),
            number: number.to_string(),
            id: payment.as_ref().map(|payment| payment.id.to_string()),
            age: age(payment.as_ref(), visit),
            payment: payment
                .as_ref()
                .map(|payment| PaymentBox::of(payment, visit)),
            rows: refunds
                .iter()
                .map(|refund| Row::of(refund, visit.now(), language))
                .collect(),
            ask: (open && visit.may(Permission::Operate)).then_some(ask),
        })
    }
}

fn age(payment: Option<&Payment>, visit: &Visit) -> Age {
    let Some(paid) = payment.and_then(|payment| payment.paid_at) else {
        return Age::NotKnown;
    };
    let left = after(paid, REFUND_WINDOW).duration_since(visit.now());
    if left.is_negative() {
        return Age::Closed;
    }
    let days = (left.as_hours() / 24).to_string();
    let words = Words::of(visit.language());
    Age::Open {
        days: text::fill(words.days_left, &[("n", &days)]),
    }
}
