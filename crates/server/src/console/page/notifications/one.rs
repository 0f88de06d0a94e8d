//! One notification: what proved it, what it changed, and its text without what nobody may read.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use tuikuan_domain::EventKind;
use tuikuan_engine::redacted;
use tuikuan_store::{InboxRecord, UNPLACED};

use super::super::html;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::language::Language;
use crate::console::text::notifications::{self, Words};
use crate::console::text::{overview, status};
use crate::console::visit::Visit;
use crate::policy::Permission;

#[derive(Template)]
#[template(path = "notification.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
struct NotificationPage {
    frame: Frame,
    words: &'static Words,
    number: i64,
    merchant: String,
    received: String,
    generation: String,
    verified: &'static str,
    outcome: &'static str,
    class: &'static str,
    needs_person: bool,
    refund: Option<(String, String)>,
    changed: &'static str,
    repeats: String,
    told_at: String,
    may_operate: bool,
    raw: Option<(String, String)>,
}

/// `GET /console/notifications/{number}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(number): Path<String>,
) -> Result<Response, Fault> {
    let row = visible(&app, &visit, &number).await?;
    let language = visit.language();
    let words = Words::of(language);
    let entry = &row.entry;
    let refund = match &entry.refund_id {
        Some(id) => app.engine.store().refund(id).await?,
        None => None,
    };
    let may_operate = visit.may(Permission::Operate);
    let kept = may_operate && !entry.body.is_empty();
    html(&NotificationPage {
        number: row.number,
        merchant: entry.merchant.to_string(),
        received: format::date_time(entry.received_at),
        generation: entry.generation.clone(),
        verified: match entry.generation.as_str() {
            "v3" => words.verified_v3,
            _ => words.verified_v2,
        },
        outcome: notifications::outcome(&entry.outcome, language),
        class: notifications::outcome_class(&entry.outcome),
        needs_person: UNPLACED.contains(&entry.outcome.as_str()),
        refund: refund
            .filter(|refund| visit.covers(&refund.merchant))
            .map(|refund| (refund.id.to_string(), refund.out_refund_no.to_string())),
        changed: changed(&app, &row, language)
            .await?
            .unwrap_or(words.nothing_changed),
        repeats: format::count(row.repeats),
        told_at: entry.told_at.map_or("–".to_owned(), format::date_time),
        may_operate,
        raw: kept.then(|| (headers(&entry.headers), redacted(&entry.body))),
        frame: Frame::of(&app, &visit, words.title).await?,
        words,
    })
}

/// The notification of a number, if the visit covers its merchant.
pub(super) async fn visible(
    app: &Shared,
    visit: &Visit,
    number: &str,
) -> Result<InboxRecord, Fault> {
    let number: i64 = number.parse().ok().ok_or(Fault::NotFound)?;
    let row = app
        .engine
        .store()
        .inbox(number)
        .await?
        .ok_or(Fault::NotFound)?;
    if visit.covers(&row.entry.merchant) {
        Ok(row)
    } else {
        Err(Fault::NotFound)
    }
}

/// The line of history that a notification caused, in words.
pub(super) async fn changed(
    app: &Shared,
    row: &InboxRecord,
    language: Language,
) -> Result<Option<&'static str>, Fault> {
    let (Some(refund), Some(seq)) = (&row.entry.refund_id, row.seq) else {
        return Ok(None);
    };
    let events = app
        .engine
        .store()
        .events_of(refund, seq.saturating_sub(1), 1)
        .await?;
    let event = events.first().filter(|event| event.seq == seq);
    Ok(event.map(|event| match (event.kind, event.status) {
        (EventKind::Status(status), _) => status::status(status, language),
        (EventKind::Conflict, _) => {
            overview::need(tuikuan_domain::AttentionReason::Conflict, language)
        }
        (_, Some(status)) => status::status(status, language),
        (EventKind::Attention, None) => language.of("需要人处理", "needs a person"),
        (_, None) => language.of("记录已补充", "record completed"),
    }))
}

/// The headers without the signature.
fn headers(kept: &str) -> String {
    let lines = kept.lines().map(|line| match line.split_once(": ") {
        Some((name, _)) if name == "wechatpay-signature" => format!("{name}: ***"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}
