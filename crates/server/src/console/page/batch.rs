//! One batch: what the dry run found, what has to be agreed to, how far it is, and its lines.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use tuikuan_domain::batch::{Batch, BatchState, Outcome};
use tuikuan_domain::{BatchId, Status};
use tuikuan_store::{BatchCount, BatchLine, LineFilter, LinesOf};

use super::batches::money;
use super::html;
use crate::api::batch::format_name;
use crate::app::{App, Shared};
use crate::batch_file;
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::names::Names;
use crate::console::text::batches::{self as text, Words};
use crate::console::text::story;
use crate::console::visit::Visit;
use crate::policy::Permission;
use tuikuan_engine::batch::file::Format;

mod act;

pub(crate) use act::{approve, cancel, pause, reject, resume, submit};

/// Lines on one page.
const PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    words: &'static Words,
    id: String,
    state: &'static str,
    class: &'static str,
    content: String,
    facts: Vec<(&'static str, String)>,
    counts: Vec<CountRow>,
    bar: Bar,
    acts: Acts,
    faulty: u32,
    lines: Vec<LineRow>,
    filter: &'static str,
    next: Option<String>,
    wrong: Option<&'static str>,
}

/// What may be done now, by whoever looks.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a button that is there or not"
)]
struct Acts {
    submit: bool,
    approve: bool,
    own: bool,
    pause: bool,
    resume: bool,
    cancel: bool,
}

/// How many lines stand somewhere.
struct CountRow {
    class: &'static str,
    word: &'static str,
    lines: String,
    amount: String,
}

/// The progress, in thousandths.
struct Bar {
    done: i64,
    way: i64,
    bad: i64,
    after_done: i64,
    after_way: i64,
    text: String,
}

/// A line of the file.
struct LineRow {
    number: u32,
    order: String,
    amount: String,
    reason: String,
    class: &'static str,
    word: &'static str,
    refund: Option<String>,
    said: Vec<String>,
}

/// Which lines are shown.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Shown {
    filter: Option<String>,
    after: Option<u32>,
}

/// `GET /console/batches/{id}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Fault> {
    let batch = known(&app, &visit, &id).await?;
    html(&BatchPage::read(&app, &visit, batch, &shown).await?)
}

/// How the result is wanted.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Wanted {
    format: Option<String>,
}

/// `GET /console/batches/{id}/result`.
pub(crate) async fn result(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    let batch = known(&app, &visit, &id).await?;
    let format = match wanted.format.as_deref() {
        None => Format::Csv,
        Some(name) => format_name(name).ok_or(Fault::NotFound)?,
    };
    Ok(batch_file::response(&app, &visit.by(), (&batch, format)).await?)
}

/// The batch of an id, if the visit covers its merchant.
async fn known(app: &Shared, visit: &Visit, id: &str) -> Result<Batch, Fault> {
    let id: BatchId = id.parse().ok().ok_or(Fault::NotFound)?;
    let batch = app
        .engine
        .store()
        .batch(&id)
        .await?
        .ok_or(Fault::NotFound)?;
    if visit.covers(&batch.merchant) {
        Ok(batch)
    } else {
        Err(Fault::NotFound)
    }
}

impl BatchPage {
    async fn read(app: &Shared, visit: &Visit, batch: Batch, shown: &Shown) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let language = visit.language();
        let filter = shown
            .filter
            .as_deref()
            .map_or(Some(LineFilter::All), LineFilter::parse);
        let filter = filter.ok_or(Fault::NotFound)?;
        let store = app.engine.store();
        let wanted = LinesOf {
            batch: batch.id.clone(),
            filter,
            after: shown.after.unwrap_or(0),
            limit: PAGE,
        };
        let lines = store.batch_lines(wanted).await?;
        let full = lines.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = lines.last().filter(|_| full).map(|last| {
            let (id, filter) = (&batch.id, filter.as_str());
            format!(
                "/console/batches/{id}?filter={filter}&after={}",
                last.line.number
            )
        });
        let counts = store.batch_counts(&batch.id).await?;
        let count = |count: &BatchCount| CountRow {
            class: text::outcome_class(count.outcome),
            word: text::outcome(count.outcome, language),
            lines: format::count(count.lines),
            amount: money(count.amount),
        };
        let name = batch.name.clone();
        let name = name.unwrap_or_else(|| words.unnamed.to_owned());
        Ok(Self {
            id: batch.id.to_string(),
            state: text::state(batch.state, language),
            class: text::class(batch.state),
            content: batch.content_text(),
            facts: facts(app, visit, &batch).await?,
            counts: counts.iter().map(count).collect(),
            bar: Bar::of(&counts, i64::from(batch.summary.lines), words),
            acts: Acts::of(visit, &batch),
            faulty: batch.summary.faulty_lines,
            lines: lines.iter().map(|line| LineRow::of(line, visit)).collect(),
            filter: filter.as_str(),
            next,
            wrong: None,
            frame: Frame::of(app, visit, name).await?,
            words,
        })
    }
}

/// What is to be known of the batch, by name.
async fn facts(
    app: &Shared,
    visit: &Visit,
    batch: &Batch,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let words = Words::of(visit.language());
    let settings = app.engine.settings();
    let sum = &batch.summary;
    let number = |n: u32| format::count(i64::from(n));
    let mut facts = vec![
        (words.merchant, batch.merchant.to_string()),
        (words.lines, number(sum.lines)),
        (words.new_lines, number(sum.new_lines)),
        (words.balance, money(sum.new_amount)),
        (
            words.takes,
            text::duration(
                sum.takes(&settings.limits, &settings.schedule).as_secs(),
                visit.language(),
            ),
        ),
    ];
    for (name, count) in [
        (words.existing, sum.existing_lines),
        (words.unknown, sum.unknown_payments),
        (words.warned, sum.warned_lines),
        (words.faulty, sum.faulty_lines),
    ] {
        if count > 0 {
            facts.push((name, number(count)));
        }
    }
    let marks = [
        (words.created_by, Some(&batch.created)),
        (words.requested_by, batch.requested.as_ref()),
        (words.approved_by, batch.approved.as_ref()),
    ];
    let mut actors = Vec::new();
    for (_, mark) in &marks {
        actors.extend(mark.map(|mark| mark.by.clone()));
    }
    let names = Names::of(app, actors).await?;
    for (name, mark) in marks {
        if let Some(mark) = mark {
            let who = names.name(&mark.by, visit.language());
            let when = format::short(mark.at, visit.now());
            facts.push((name, format!("{who} · {when}")));
        }
    }
    let waits = batch.state == BatchState::AwaitingApproval;
    if let Some(until) = batch.approval_until.filter(|_| waits) {
        facts.push((words.approval_until, format::date_time(until)));
    }
    Ok(facts)
}

impl Acts {
    fn of(visit: &Visit, batch: &Batch) -> Self {
        let operate = visit.may(Permission::Operate);
        let own = batch
            .requested
            .as_ref()
            .is_some_and(|mark| mark.by == visit.actor());
        let waits = batch.state == BatchState::AwaitingApproval;
        let open = matches!(
            batch.state,
            BatchState::Draft
                | BatchState::Checked
                | BatchState::AwaitingApproval
                | BatchState::Running
                | BatchState::Paused
        );
        let refundable = batch.summary.refundable_lines() > 0;
        Self {
            submit: operate && batch.state == BatchState::Checked && refundable,
            approve: visit.may(Permission::Approve) && waits && !own,
            own: waits && own,
            pause: operate && batch.state == BatchState::Running,
            resume: operate && batch.state == BatchState::Paused,
            cancel: operate && open,
        }
    }
}

impl Bar {
    fn of(counts: &[BatchCount], lines: i64, words: &Words) -> Self {
        let (mut done, mut way, mut bad) = (0_i64, 0_i64, 0_i64);
        for count in counts {
            let sum = match count.outcome {
                Outcome::Refund(Status::Succeeded | Status::SettledOffline) => &mut done,
                Outcome::Pending | Outcome::Refund(Status::Queued) => continue,
                outcome if outcome.is_open() => &mut way,
                _ => &mut bad,
            };
            *sum = sum.saturating_add(count.lines);
        }
        let share = |n: i64| {
            n.saturating_mul(1000)
                .checked_div(lines.max(1))
                .unwrap_or(0)
        };
        let ended = format::count(done.saturating_add(bad));
        let of = [("done", ended.as_str()), ("lines", &format::count(lines))];
        Self {
            done: share(done),
            way: share(way),
            bad: share(bad),
            after_done: share(done),
            after_way: share(done).saturating_add(share(way)),
            text: crate::console::text::fill(words.progress, &of),
        }
    }
}

impl LineRow {
    fn of(stored: &BatchLine, visit: &Visit) -> Self {
        let language = visit.language();
        let order = &stored.line.order;
        let number = order.out_trade_no.as_ref().map(ToString::to_string);
        let number = number.or(order.transaction_id.as_ref().map(ToString::to_string));
        let mut said = Vec::new();
        if let Some(fault) = stored.fault {
            said.push(text::fault(fault, language).to_owned());
        }
        for warning in &stored.warnings {
            said.push(text::warning(*warning, language).to_owned());
        }
        said.extend(stored.detail.clone());
        if let Some(error) = &stored.error {
            said.push(story::trouble(&error.code, &error.message, language));
        }
        Self {
            number: stored.line.number,
            order: number.unwrap_or_default(),
            amount: format::money(stored.line.amount),
            reason: stored
                .line
                .reason
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            class: text::outcome_class(stored.outcome),
            word: text::outcome(stored.outcome, language),
            refund: stored.refund.as_ref().map(ToString::to_string),
            said,
        }
    }
}
