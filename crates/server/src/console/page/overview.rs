//! "Overview": how refunds stand today, what money is at risk, what needs a person, and how the
//! conversation with WeChat goes. Every number comes from figures that are kept with each change, so
//! that the page costs the same with a hundred refunds and with ten million.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use tuikuan_domain::MerchantName;
use tuikuan_store::{FiguresAsked, Merchants, beijing_day, beijing_hour};

use super::html;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::frame::Frame;
use crate::console::text::overview::Words;
use crate::console::visit::Visit;
use crate::policy::Permission;

mod chart;
pub(crate) mod health;
mod sums;
mod tiles;

use chart::{Arrivals, Hours};
use health::HealthRow;
use sums::Sums;
use tiles::{Need, Risk, Tile};

/// The days whose arrivals are shown, today among them.
const ARRIVAL_DAYS: i64 = 7;

#[derive(Template)]
#[template(path = "overview.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
struct OverviewPage {
    frame: Frame,
    words: &'static Words,
    choices: Vec<Choice>,
    /// Nothing was ever asked for.
    empty: bool,
    may_administer: bool,
    may_operate: bool,
    tiles: [Tile; 4],
    risks: Vec<Risk>,
    hours: Hours,
    needs: Vec<Need>,
    health: Vec<HealthRow>,
    arrivals: Option<Arrivals>,
}

/// A merchant that may be chosen.
pub(crate) struct Choice {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is chosen.
    pub(crate) chosen: bool,
}

/// What the address asks for.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    merchant: String,
}

/// `GET /console`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let chosen = chosen(&app, &visit, &asked.merchant)?;
    let words = Words::of(visit.language());
    let names = match &chosen {
        Some(name) => vec![name.clone()],
        None => visible(&app, &visit),
    };
    let sums = read(&app, &visit, &names).await?;
    let frame = Frame::of(&app, &visit, words.title).await?;
    let language = visit.language();
    html(&OverviewPage {
        choices: choices(&app, &visit, chosen.as_ref()),
        empty: sums.is_empty(),
        may_administer: visit.may(Permission::Administer),
        may_operate: visit.may(Permission::Operate),
        tiles: tiles::of(&sums, words, language),
        risks: tiles::risks(&sums, words),
        hours: Hours::of(&sums, words),
        needs: tiles::needs(&sums, language),
        health: health::rows(&app, &names, &sums, &visit),
        arrivals: Arrivals::of(&sums.week, words, language),
        frame,
        words,
    })
}

/// The merchants of the configuration that a visit covers.
pub(crate) fn visible(app: &Shared, visit: &Visit) -> Vec<MerchantName> {
    let all = app.engine.merchants().iter().map(|merchant| &merchant.name);
    all.filter(|name| visit.covers(name)).cloned().collect()
}

/// The merchant that an address names; `None` when it names none.
///
/// # Errors
/// [`Fault::NotFound`] for one that the visit does not cover.
pub(crate) fn chosen(
    app: &Shared,
    visit: &Visit,
    asked: &str,
) -> Result<Option<MerchantName>, Fault> {
    if asked.is_empty() {
        return Ok(None);
    }
    let name: MerchantName = asked.parse().ok().ok_or(Fault::NotFound)?;
    let known = app.engine.merchant(&name).is_some() && visit.covers(&name);
    known.then_some(Some(name)).ok_or(Fault::NotFound)
}

/// The merchants to choose from; none when there is nothing to choose.
pub(crate) fn choices(app: &Shared, visit: &Visit, chosen: Option<&MerchantName>) -> Vec<Choice> {
    let names = visible(app, visit);
    if names.len() < 2 {
        return Vec::new();
    }
    let choice = |name: MerchantName| Choice {
        chosen: chosen == Some(&name),
        name: name.to_string(),
    };
    names.into_iter().map(choice).collect()
}

/// The merchants a list is about: the chosen one, or what the visit covers.
pub(crate) fn allowed(visit: &Visit, chosen: Option<&MerchantName>) -> Merchants {
    match chosen {
        Some(name) => Merchants::Only(vec![name.clone()]),
        None => visit.merchants.clone(),
    }
}

async fn read(app: &Shared, visit: &Visit, names: &[MerchantName]) -> Result<Sums, Fault> {
    let today = beijing_day(visit.now());
    let mut sums = Sums::at(today, beijing_hour(visit.now()));
    for name in names {
        let asked = FiguresAsked {
            merchant: name.clone(),
            hour_from: today.saturating_sub(1).saturating_mul(24),
            day_from: today.saturating_sub(ARRIVAL_DAYS - 1),
        };
        let figures = app.engine.store().figures(asked).await?;
        sums.take(name, &figures);
    }
    Ok(sums)
}
