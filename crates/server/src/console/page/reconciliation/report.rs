//! `GET /console/reconciliation/{merchant}/{date}/report.csv`: the differences of a day, page by
//! page, safe to open in a spreadsheet (INV-37). The export is in the audit log first (INV-35).

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_store::{Action, Difference, DifferenceFilter};

use super::named;
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::language::Language;
use crate::console::page::refunds::csv;
use crate::console::text::reconciliation as text;
use crate::console::text::status;
use crate::console::visit::Visit;

/// Pages that wait for a slow reader.
const WAITING_MAX: usize = 2;

/// `GET .../report.csv`.
pub(crate) async fn report(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path((name, date)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let (merchant, day) = named(&app, &visit, &name, &date)?;
    let place = app.exports.take(&visit.by()).ok_or(Fault::TooMany)?;
    let detail = serde_json::json!({ "merchant": merchant.as_str(), "date": day.to_string() });
    app.engine
        .audit(
            &visit.by(),
            Action::DIFFERENCES_EXPORTED,
            "differences",
            detail,
        )
        .await?;
    let filter = DifferenceFilter::of(visit.merchants.clone(), merchant.clone(), day);
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let (language, writer) = (visit.language(), Arc::clone(&app));
    app.tasks.spawn(async move {
        let _place = place;
        write(&writer, filter, language, &sender).await;
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, media);
    // Merchant names and days have no character that could end the quotes.
    let name = format!("attachment; filename=\"reconciliation-{merchant}-{day}.csv\"");
    let disposition = HeaderValue::from_str(&name).map_err(|_foreign| Fault::Internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

type Sender = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Writes page after page. One that cannot be read breaks the connection: a file that ends early
/// must not look whole.
async fn write(app: &App, mut filter: DifferenceFilter, language: Language, sender: &Sender) {
    let mut lines = String::from(csv::BYTE_ORDER_MARK);
    lines.push_str(&csv::line(&heads(language).map(csv::text)));
    loop {
        let found = tokio::select! {
            () = app.stopping.cancelled() => Err("the service stops"),
            found = app.engine.store().differences(filter.clone()) => {
                found.map_err(|_foreign| "the store did not answer")
            }
        };
        let found = match found {
            Ok(found) => found,
            Err(reason) => {
                // Nobody reads any more: nothing is to be broken.
                drop(sender.send(Err(std::io::Error::other(reason))).await);
                return;
            }
        };
        for difference in &found.items {
            lines.push_str(&csv::line(&cells(difference, language)));
        }
        let page = Bytes::from(std::mem::take(&mut lines));
        if sender.send(Ok(page)).await.is_err() {
            return;
        }
        match found.next {
            Some(next) => filter.after = Some(next),
            None => return,
        }
    }
}

fn heads(language: Language) -> [&'static str; 15] {
    language.of(
        [
            "商户",
            "日期",
            "类别",
            "状态",
            "建议",
            "商户退款单号",
            "本系统金额（元）",
            "账单金额（元）",
            "本系统状态",
            "账单状态",
            "退款",
            "微信退款单号",
            "微信订单号",
            "商户订单号",
            "处理说明",
        ],
        [
            "merchant",
            "date",
            "class",
            "state",
            "proposed",
            "out_refund_no",
            "our amount (yuan)",
            "bill amount (yuan)",
            "our status",
            "bill state",
            "refund",
            "refund_id",
            "transaction_id",
            "out_trade_no",
            "note",
        ],
    )
}

fn cells(difference: &Difference, language: Language) -> [String; 15] {
    let facts = &difference.facts;
    let named = |text: &Option<String>| csv::number(text.as_deref().unwrap_or_default());
    let money =
        |amount: Option<tuikuan_terms::Fen>| amount.map_or_else(String::new, |a| a.to_yuan());
    let ours = facts.our_status.map(|s| status::status(s, language));
    let theirs = facts.bill_state.map(|s| text::line_state(s, language));
    let settled = match difference.healing {
        Some(healing) => text::healing(healing, language),
        None => difference.note.as_deref().unwrap_or_default(),
    };
    let refund = facts.refund_id.as_ref().map_or("", |id| id.as_str());
    [
        csv::text(difference.merchant.as_str()),
        difference.day.to_string(),
        csv::text(text::class(difference.class, language)),
        csv::text(text::state(difference.state, language)),
        csv::text(text::repair(difference.repair, language)),
        csv::number(&difference.out_refund_no),
        money(facts.our_amount),
        money(facts.bill_amount),
        csv::text(ours.unwrap_or_default()),
        csv::text(theirs.unwrap_or_default()),
        csv::text(refund),
        named(&facts.wechat_refund_id),
        named(&facts.transaction_id),
        named(&facts.out_trade_no),
        csv::text(settled),
    ]
}
