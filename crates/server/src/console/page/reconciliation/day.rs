//! A day: where its bills stand, what agrees, what differs, what is proposed.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;
use tuikuan_domain::MerchantName;
use tuikuan_domain::reconcile::{BillKind, Class, DayState, DifferenceState};
use tuikuan_store::{BillDay, Difference, DifferenceFilter};
use tuikuan_terms::Fen;

use super::{HERE, named};
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::page::html;
use crate::console::text::reconciliation::{self as text, Words};
use crate::console::text::status;
use crate::console::visit::Visit;
use crate::console::{format, language::Language};
use crate::policy::Permission;
use crate::shape::CountBody;

/// Differences on one page.
const ROWS: u32 = 50;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    class: String,
    state: String,
    after: String,
}

#[derive(Template)]
#[template(path = "reconciliation_day.html")]
struct DayPage {
    frame: Frame,
    words: &'static Words,
    merchant: String,
    date: String,
    month: String,
    bills: Vec<BillRow>,
    matched: String,
    counts: Vec<Count>,
    classes: Vec<Entry>,
    states: Vec<Entry>,
    rows: Vec<Row>,
    /// What a list without differences says.
    none: &'static str,
    first_page: Option<String>,
    older: Option<String>,
    may_operate: bool,
}

/// A bill of the day.
struct BillRow {
    name: &'static str,
    state: &'static str,
    class: &'static str,
    lines: String,
    fetched: String,
    next: String,
    why: String,
}

/// How many of a class.
struct Count {
    label: &'static str,
    open: String,
    healed: String,
    resolved: String,
}

/// An entry of a choice.
struct Entry {
    value: &'static str,
    label: &'static str,
    chosen: bool,
}

/// A difference.
struct Row {
    id: String,
    number: String,
    class: &'static str,
    state: &'static str,
    badge: &'static str,
    ours: String,
    wechat: String,
    refund: Option<String>,
    proposed: &'static str,
    settled: String,
    open: bool,
}

/// `GET /console/reconciliation/{merchant}/{date}`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Path((name, date)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let (merchant, day) = named(&app, &visit, &name, &date)?;
    let (words, language) = (Words::of(visit.language()), visit.language());
    let store = app.engine.store();
    let (allowed, range) = (visit.merchants.clone(), (day, day));
    let bills = store.bill_days(allowed.clone(), merchant.clone(), range);
    let bills = bills.await?;
    let counts = store.difference_counts(allowed.clone(), merchant.clone(), range);
    let counts = counts.await?;
    let mut filter = DifferenceFilter::of(allowed, merchant.clone(), day);
    filter.class = Class::parse(&asked.class);
    filter.state = DifferenceState::parse(&asked.state);
    filter.after = asked.after.parse().ok();
    filter.limit = ROWS;
    let (class, state) = (filter.class, filter.state);
    let later_page = filter.after.is_some();
    let found = store.differences(filter).await?;
    let link = |after: &str| {
        let here = format!("{HERE}/{merchant}/{day}");
        let fields = [
            ("class", asked.class.as_str()),
            ("state", &asked.state),
            ("after", after),
        ];
        address(&here, &fields)
    };
    let refunds = bills.iter().find(|b| b.bill.kind == BillKind::Refunds);
    let matched = refunds.map_or(0, |bill| bill.sums.matched);
    html(&DayPage {
        frame: Frame::of(&app, &visit, format!("{} {day}", words.title)).await?,
        words,
        month: month_link(&merchant, day),
        date: day.to_string(),
        bills: bills.iter().map(|b| bill_row(b, language)).collect(),
        matched: matched.to_string(),
        counts: CountBody::all(&counts)
            .iter()
            .map(|count| count_row(count, language))
            .collect(),
        classes: class_choices(class, language),
        states: state_choices(state, language),
        rows: found.items.iter().map(|d| row(d, &visit)).collect(),
        none: match (class, state) {
            (None, None) => words.none,
            (_, _) => words.none_fits,
        },
        first_page: later_page.then(|| link("")),
        older: found.next.map(|id| link(id.as_str())),
        may_operate: visit.may(Permission::Operate),
        merchant: merchant.to_string(),
    })
}

fn month_link(merchant: &MerchantName, day: Date) -> String {
    let month = day.strftime("%Y-%m").to_string();
    address(
        HERE,
        &[("merchant", merchant.as_str()), ("month", month.as_str())],
    )
}

fn bill_row(bill: &BillDay, language: Language) -> BillRow {
    BillRow {
        name: text::bill(bill.bill.kind, language),
        state: text::day_state(bill.state, language),
        class: match bill.state {
            DayState::Fetched | DayState::Empty => "good",
            DayState::Wanted => "queued",
            DayState::Missing => "warn",
            DayState::Failed => "bad",
        },
        lines: bill.sums.lines.to_string(),
        fetched: bill.fetched_at.map_or_else(String::new, format::date_time),
        next: bill.due_at.map_or_else(String::new, format::date_time),
        why: bill.error.clone().unwrap_or_default(),
    }
}

fn count_row(count: &CountBody, language: Language) -> Count {
    let class = Class::parse(count.class).unwrap_or(Class::Matched);
    Count {
        label: text::class(class, language),
        open: count.open.to_string(),
        healed: count.healed.to_string(),
        resolved: count.resolved.to_string(),
    }
}

fn class_choices(chosen: Option<Class>, language: Language) -> Vec<Entry> {
    let classes = Class::ALL.iter().filter(|class| **class != Class::Matched);
    classes
        .map(|class| Entry {
            value: class.as_str(),
            label: text::class(*class, language),
            chosen: chosen == Some(*class),
        })
        .collect()
}

fn state_choices(chosen: Option<DifferenceState>, language: Language) -> Vec<Entry> {
    DifferenceState::ALL
        .iter()
        .map(|state| Entry {
            value: state.as_str(),
            label: text::state(*state, language),
            chosen: chosen == Some(*state),
        })
        .collect()
}

fn row(difference: &Difference, visit: &Visit) -> Row {
    let (facts, language) = (&difference.facts, visit.language());
    let side = |amount: Option<Fen>, state: &str| {
        let amount = amount.map_or_else(String::new, format::money);
        format!("{amount} {state}").trim().to_owned()
    };
    let our_status = facts.our_status.map(|s| status::status(s, language));
    let bill_state = facts.bill_state.map(|s| text::line_state(s, language));
    let settled = match (difference.healing, &difference.note) {
        (Some(healing), _) => text::healing(healing, language).to_owned(),
        (None, Some(note)) => note.clone(),
        (None, None) => String::new(),
    };
    Row {
        id: difference.id.to_string(),
        number: difference.out_refund_no.clone(),
        class: text::class(difference.class, language),
        state: text::state(difference.state, language),
        badge: match difference.state {
            DifferenceState::Open => "warn",
            DifferenceState::Healed | DifferenceState::Resolved => "good",
        },
        ours: side(facts.our_amount, our_status.unwrap_or_default()),
        wechat: side(facts.bill_amount, bill_state.unwrap_or_default()),
        refund: facts.refund_id.as_ref().map(ToString::to_string),
        proposed: text::repair(difference.repair, language),
        settled,
        open: difference.state == DifferenceState::Open,
    }
}
