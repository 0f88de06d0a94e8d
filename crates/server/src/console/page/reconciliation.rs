//! "Reconciliation": a month as a calendar with its charts, a day with its differences, the same as
//! CSV and on paper. Operators run a day again and settle differences with a note.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;
use tuikuan_domain::MerchantName;
use tuikuan_domain::reconcile::{BillKind, DayState, DifferenceState, day_of};
use tuikuan_engine::books::month_of;
use tuikuan_store::{BillDay, DifferenceCount};

use super::html;
use super::overview::{Choice, choices, chosen, visible};
use crate::app::App;
use crate::console::fault::Fault;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::text::fill;
use crate::console::text::reconciliation::{self as text, Words};
use crate::console::visit::Visit;

mod act;
mod chart;
mod day;
mod report;

pub(crate) use act::{resolve, run};
pub(crate) use day::page as day_page;
pub(crate) use report::report;

use chart::{Fees, Money};

/// Where these pages begin.
const HERE: &str = "/console/reconciliation";

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    merchant: String,
    month: String,
}

#[derive(Template)]
#[template(path = "reconciliation.html")]
struct MonthPage {
    frame: Frame,
    words: &'static Words,
    choices: Vec<Choice>,
    merchant: Option<String>,
    month: String,
    earlier: String,
    later: Option<String>,
    blanks: Vec<()>,
    days: Vec<Cell>,
    money: Option<Money>,
    fees: Option<Fees>,
}

/// A day of the calendar.
struct Cell {
    number: i8,
    date: String,
    href: String,
    /// `good`, `warn`, `bad`, `wait` or `none`.
    class: &'static str,
    label: String,
}

/// `GET /console/reconciliation`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let today = day_of(visit.now());
    let month = format!("{}-01", asked.month).parse::<Date>();
    let month = month.unwrap_or_else(|_none| today.first_of_month());
    let asked = chosen(&app, &visit, &asked.merchant)?;
    let merchant = asked.or_else(|| visible(&app, &visit).into_iter().next());
    let (mut days, mut money, mut fees) = (Vec::new(), None, None);
    if let Some(name) = &merchant {
        let (range, allowed) = (month_of(month), visit.merchants.clone());
        let store = app.engine.store();
        let bills = store
            .bill_days(allowed.clone(), name.clone(), range)
            .await?;
        let counts = store
            .difference_counts(allowed, name.clone(), range)
            .await?;
        days = cells(&visit, name, (range, today), (&bills, &counts));
        money = Money::of(&bills, range, words);
        fees = Fees::of(&bills, range, words);
    }
    let link = |month: Date| {
        let month = month.strftime("%Y-%m").to_string();
        let name = merchant.as_ref().map_or("", MerchantName::as_str);
        address(HERE, &[("merchant", name), ("month", &month)])
    };
    let last = month.last_of_month();
    let later = last.tomorrow().ok().filter(|later| *later <= today);
    let first = month.first_of_month();
    let before = first.weekday().to_monday_zero_offset();
    html(&MonthPage {
        frame: Frame::of(&app, &visit, words.title).await?,
        words,
        choices: choices(&app, &visit, merchant.as_ref()),
        month: month.strftime("%Y-%m").to_string(),
        earlier: link(first.yesterday().unwrap_or(first)),
        later: later.map(link),
        blanks: vec![(); usize::try_from(before).unwrap_or(0)],
        merchant: merchant.map(|name| name.to_string()),
        days,
        money,
        fees,
    })
}

/// The cells of a month up to today.
fn cells(
    visit: &Visit,
    merchant: &MerchantName,
    ((from, to), today): ((Date, Date), Date),
    (bills, counts): (&[BillDay], &[DifferenceCount]),
) -> Vec<Cell> {
    let (words, language) = (Words::of(visit.language()), visit.language());
    let mut cells = Vec::new();
    let mut day = from;
    while day <= to {
        let known = bills
            .iter()
            .find(|bill| bill.bill.day == day && bill.bill.kind == BillKind::Refunds);
        let open = open_of(counts, day);
        let (class, label) = match known.map(|bill| bill.state) {
            None => ("none", words.nothing_known.to_owned()),
            Some(_) if open > 0 => ("warn", fill(words.open, &[("n", &open.to_string())])),
            Some(DayState::Fetched) => ("good", words.agrees.to_owned()),
            Some(state @ DayState::Empty) => ("good", text::day_state(state, language).to_owned()),
            Some(state @ DayState::Wanted) => ("wait", text::day_state(state, language).to_owned()),
            Some(state) => ("bad", text::day_state(state, language).to_owned()),
        };
        let label = if day > today { String::new() } else { label };
        cells.push(Cell {
            number: day.day(),
            date: day.to_string(),
            href: format!("{HERE}/{merchant}/{day}"),
            class: if day > today { "none" } else { class },
            label,
        });
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    cells
}

/// How many differences of a day are open.
fn open_of(counts: &[DifferenceCount], day: Date) -> u64 {
    let open = counts
        .iter()
        .filter(|count| count.day == day && count.state == DifferenceState::Open);
    open.map(|count| count.count).sum()
}

/// The merchant and the day of an address, if the visit covers the merchant.
fn named(app: &App, visit: &Visit, name: &str, date: &str) -> Result<(MerchantName, Date), Fault> {
    let merchant = chosen(app, visit, name)?.ok_or(Fault::NotFound)?;
    let day = crate::api::reconciliation::read_day(date).ok_or(Fault::NotFound)?;
    Ok((merchant, day))
}
