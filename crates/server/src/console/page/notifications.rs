//! "Notifications": what WeChat told us, what proved it, what it changed; and taking some in once
//! more after a key was mended. What could not be proven was never kept: of that there are counts.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use tuikuan_domain::MerchantName;
use tuikuan_store::{InboxCursor, InboxFilter, InboxRecord};

use super::html;
use super::overview::{Choice, allowed, choices, chosen};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::period;
use crate::console::text::fill;
use crate::console::text::notifications::{self, OUTCOMES, Words};
use crate::console::visit::Visit;
use crate::policy::Permission;

mod one;
mod replay;

pub(crate) use one::page as one;
pub(crate) use replay::{all as replay_all, one as replay_one};

/// Notifications on a page; as many are replayed at once.
const PAGE_ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "notifications.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
struct InboxPage {
    frame: Frame,
    words: &'static Words,
    choices: Vec<Choice>,
    asked: Asked,
    outcomes: Vec<(&'static str, &'static str, bool)>,
    filtered: bool,
    rows: Vec<Row>,
    next: Option<String>,
    refused: Vec<Refused>,
    may_replay: bool,
    replay_label: String,
    replayed: Option<String>,
}

/// A notification in the list.
struct Row {
    number: i64,
    received: String,
    received_machine: String,
    merchant: String,
    generation: String,
    outcome: &'static str,
    class: &'static str,
    refund: Option<(String, String)>,
    changed: &'static str,
    repeats: String,
}

/// How often notifications of a merchant were refused for a reason.
struct Refused {
    merchant: String,
    reason: &'static str,
    times: String,
}

/// What the address asks for. The same fields come with the form that replays.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    merchant: String,
    outcome: String,
    from: String,
    to: String,
    after: String,
    done: Option<u32>,
    failed: Option<u32>,
}

impl Asked {
    /// The filter that is meant; what cannot be read is left out.
    fn filter(&self, visit: &Visit, merchant: Option<&MerchantName>) -> InboxFilter {
        let known = OUTCOMES
            .into_iter()
            .find(|outcome| *outcome == self.outcome);
        InboxFilter {
            outcomes: known.into_iter().collect(),
            from: period::day_begins(&self.from),
            to: period::day_ends(&self.to),
            after: self.after.parse::<InboxCursor>().ok(),
            limit: PAGE_ROWS,
            ..InboxFilter::of(allowed(visit, merchant))
        }
    }
}

/// `GET /console/notifications`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let merchant = chosen(&app, &visit, &asked.merchant)?;
    let language = visit.language();
    let words = Words::of(language);
    let filter = asked.filter(&visit, merchant.as_ref());
    let found = app.engine.store().notifications(filter).await?;
    let full = found.len() >= usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| InboxCursor {
        received_at: last.entry.received_at,
        number: last.number,
    });
    let outcomes = OUTCOMES.map(|outcome| {
        let label = notifications::outcome(outcome, language);
        (outcome, label, outcome == asked.outcome)
    });
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        rows.push(row_of(&app, &visit, words, row).await?);
    }
    let replayed = asked.done.zip(asked.failed).map(|(done, failed)| {
        let (done, failed) = (done.to_string(), failed.to_string());
        fill(words.replayed, &[("done", &done), ("failed", &failed)])
    });
    let page = InboxPage {
        choices: choices(&app, &visit, merchant.as_ref()),
        outcomes: outcomes.into(),
        filtered: !(asked.outcome.is_empty() && asked.from.is_empty() && asked.to.is_empty()),
        rows,
        next: next.map(|cursor| {
            let after = cursor.to_string();
            address(
                "/console/notifications",
                &[
                    ("merchant", &asked.merchant),
                    ("outcome", &asked.outcome),
                    ("from", &asked.from),
                    ("to", &asked.to),
                    ("after", &after),
                ],
            )
        }),
        refused: refused(&app, &visit),
        may_replay: visit.may(Permission::Operate),
        replay_label: fill(words.replay_page, &[("n", &PAGE_ROWS.to_string())]),
        replayed,
        frame: Frame::of(&app, &visit, words.title).await?,
        asked,
        words,
    };
    html(&page)
}

async fn row_of(
    app: &Shared,
    visit: &Visit,
    words: &'static Words,
    row: &InboxRecord,
) -> Result<Row, Fault> {
    let entry = &row.entry;
    let language = visit.language();
    let refund = match &entry.refund_id {
        Some(id) => app.engine.store().refund(id).await?,
        None => None,
    };
    let refund = refund.filter(|refund| visit.covers(&refund.merchant));
    Ok(Row {
        number: row.number,
        received: format::short(entry.received_at, visit.now()),
        received_machine: format::machine(entry.received_at),
        merchant: entry.merchant.to_string(),
        generation: entry.generation.clone(),
        outcome: notifications::outcome(&entry.outcome, language),
        class: notifications::outcome_class(&entry.outcome),
        changed: one::changed(app, row, language)
            .await?
            .unwrap_or(words.nothing_changed),
        refund: refund.map(|refund| (refund.id.to_string(), refund.out_refund_no.to_string())),
        repeats: if row.repeats > 0 {
            format::count(row.repeats)
        } else {
            String::new()
        },
    })
}

/// What was refused since the process started, of the merchants the visit covers.
fn refused(app: &Shared, visit: &Visit) -> Vec<Refused> {
    let counted = app.engine.tally().snapshot();
    let of_ours = counted
        .iter()
        .filter(|(name, ..)| *name == "notifications_refused");
    let rows = of_ours.filter_map(|(_, label, times)| {
        let (merchant, reason) = label.split_once('/')?;
        let name: MerchantName = merchant.parse().ok()?;
        visit.covers(&name).then(|| Refused {
            merchant: merchant.to_owned(),
            reason: notifications::refusal(reason, visit.language()),
            times: format::count(i64::try_from(*times).unwrap_or(i64::MAX)),
        })
    });
    rows.collect()
}
