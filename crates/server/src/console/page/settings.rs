//! "Settings": when a refund needs a second person, and what may be asked in a day; for all merchants,
//! and for one of its own. Rules of all are changed by whoever sees all. What the configuration file
//! says is shown, not changed.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::SignedDuration;
use tuikuan_domain::MerchantName;
use tuikuan_domain::approval::{DayLimit, Rules};
use tuikuan_engine::EngineError;
use tuikuan_store::{Merchants, StoredRules};
use tuikuan_terms::Fen;

use super::overview::chosen;
use super::{again, html, to_saying};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::form::Fields;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::text::fill;
use crate::console::text::notice::Notice;
use crate::console::text::settings::Words;
use crate::console::visit::Visit;

const HERE: &str = "/console/settings";

#[expect(
    clippy::struct_excessive_bools,
    reason = "each shows or hides a part of the page"
)]
#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    words: &'static Words,
    tabs: Vec<Tab>,
    /// Whose rules are shown; empty: those of all.
    merchant: String,
    /// What holds for a merchant without rules of its own.
    borrowed: bool,
    may_change: bool,
    form: RulesForm,
    changed: Option<String>,
    version: String,
    wrong: Option<&'static str>,
    kept_days: String,
}

/// Whose rules can be shown.
struct Tab {
    href: String,
    label: String,
    chosen: bool,
}

/// Rules as they stand in the form: yuan, counts, lines, hours.
struct RulesForm {
    approval_above: String,
    approval_person_day: String,
    limits: [LimitForm; 3],
    reasons: String,
    expires: String,
}

/// One limit of a day.
struct LimitForm {
    /// The name its fields begin with.
    name: &'static str,
    label: &'static str,
    amount: String,
    count: String,
}

/// Whose rules the address asks for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    merchant: String,
}

/// `GET /console/settings`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let merchant = chosen(&app, &visit, &asked.merchant)?;
    html(&SettingsPage::read(&app, &visit, merchant).await?)
}

/// `POST /console/settings`: sets the rules of a merchant, or of all.
pub(crate) async fn save(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let merchant = changeable(&app, &visit, &fields)?;
    let words = Words::of(visit.language());
    let wrong = match rules_of(&fields) {
        Ok(rules) => match set(&app, &visit, &fields, (merchant.clone(), rules)).await {
            Ok(response) => return Ok(response),
            Err(EngineError::RulesRefused { .. }) => words.refused,
            Err(error) => return Err(error.into()),
        },
        Err(Unreadable::Amount) => words.amount_bad,
        Err(Unreadable::Number) => words.number_bad,
    };
    let mut page = SettingsPage::read(&app, &visit, merchant).await?;
    page.form = RulesForm::sent(&fields, words);
    page.wrong = Some(wrong);
    again(&page)
}

async fn set(
    app: &Shared,
    visit: &Visit,
    fields: &Fields,
    (merchant, rules): (Option<MerchantName>, Rules),
) -> Result<Response, EngineError> {
    let version = fields.text("version").parse().ok();
    let back = here(merchant.as_ref());
    let set = app
        .engine
        .set_rules(&visit.by(), merchant, (rules, version))
        .await;
    match set {
        Ok(_) => Ok(to_saying(app, &back, Notice::Saved)),
        Err(EngineError::Conflict) => Ok(to_saying(app, &back, Notice::ChangedMeanwhile)),
        Err(error) => Err(error),
    }
}

/// `POST /console/settings/remove`: a merchant goes back to the rules of all.
pub(crate) async fn remove(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(fields): Extension<Arc<Fields>>,
) -> Result<Response, Fault> {
    let merchant = changeable(&app, &visit, &fields)?.ok_or(Fault::Refused)?;
    let version = fields
        .text("version")
        .parse()
        .map_err(|_foreign| Fault::Refused)?;
    let back = here(Some(&merchant));
    match app
        .engine
        .remove_rules(&visit.by(), merchant, version)
        .await
    {
        Ok(()) => Ok(to_saying(&app, &back, Notice::Saved)),
        Err(EngineError::Conflict) => Ok(to_saying(&app, &back, Notice::ChangedMeanwhile)),
        Err(error) => Err(error.into()),
    }
}

fn here(merchant: Option<&MerchantName>) -> String {
    address(
        HERE,
        &[("merchant", merchant.map_or("", |name| name.as_str()))],
    )
}

/// Whose rules a form changes. Those of all concern every merchant.
fn changeable(app: &Shared, visit: &Visit, fields: &Fields) -> Result<Option<MerchantName>, Fault> {
    let merchant = chosen(app, visit, fields.text("merchant"))?;
    if merchant.is_none() && visit.merchants != Merchants::All {
        return Err(Fault::Forbidden);
    }
    Ok(merchant)
}

/// What cannot be read in the form.
enum Unreadable {
    Amount,
    Number,
}

fn rules_of(fields: &Fields) -> Result<Rules, Unreadable> {
    let amount = |name: &str| match fields.trimmed(name) {
        "" => Ok(None),
        text => {
            let text = text.replace([',', '，'], "");
            Fen::from_yuan(&text)
                .map(Some)
                .map_err(|_foreign| Unreadable::Amount)
        }
    };
    let count = |name: &str| match fields.trimmed(name) {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_foreign| Unreadable::Number),
    };
    let limit = |name: &str| {
        Ok(DayLimit {
            amount: amount(&format!("{name}_amount"))?,
            count: count(&format!("{name}_count"))?,
        })
    };
    let hours: u32 = fields
        .trimmed("expires")
        .parse()
        .map_err(|_foreign| Unreadable::Number)?;
    let lines = fields.text("reasons").lines().map(str::trim);
    Ok(Rules {
        approval_above: amount("approval_above")?,
        approval_person_day: amount("approval_person_day")?,
        person_day: limit("person_day")?,
        key_day: limit("key_day")?,
        order_day: limit("order_day")?,
        reasons: lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        expires: SignedDuration::from_hours(hours.into()),
    })
}

impl RulesForm {
    fn of(rules: &Rules, words: &'static Words) -> Self {
        let yuan = |amount: Option<Fen>| amount.map_or_else(String::new, Fen::to_yuan);
        let limit = |name, label, limit: DayLimit| LimitForm {
            name,
            label,
            amount: yuan(limit.amount),
            count: limit
                .count
                .map_or_else(String::new, |count| count.to_string()),
        };
        Self {
            approval_above: yuan(rules.approval_above),
            approval_person_day: yuan(rules.approval_person_day),
            limits: [
                limit("person_day", words.person_day, rules.person_day),
                limit("key_day", words.key_day, rules.key_day),
                limit("order_day", words.order_day, rules.order_day),
            ],
            reasons: rules.reasons.join("\n"),
            expires: rules.expires.as_hours().max(1).to_string(),
        }
    }

    /// What was sent, to be mended.
    fn sent(fields: &Fields, words: &'static Words) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let limit = |name: &'static str, label| LimitForm {
            name,
            label,
            amount: text(&format!("{name}_amount")),
            count: text(&format!("{name}_count")),
        };
        Self {
            approval_above: text("approval_above"),
            approval_person_day: text("approval_person_day"),
            limits: [
                limit("person_day", words.person_day),
                limit("key_day", words.key_day),
                limit("order_day", words.order_day),
            ],
            reasons: text("reasons"),
            expires: text("expires"),
        }
    }
}

impl SettingsPage {
    async fn read(
        app: &Shared,
        visit: &Visit,
        merchant: Option<MerchantName>,
    ) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let all = app.engine.rules().await?;
        let find = |wanted: Option<&MerchantName>| {
            all.iter().find(|rules| rules.merchant.as_ref() == wanted)
        };
        let own = find(merchant.as_ref());
        let holding = own.or_else(|| find(None));
        let rules = holding.map(|found| found.rules.clone()).unwrap_or_default();
        let kept = app.engine.settings().exchanges_kept.as_hours() / 24;
        Ok(Self {
            tabs: tabs(app, visit, merchant.as_ref(), words),
            may_change: merchant.is_some() || visit.merchants == Merchants::All,
            borrowed: merchant.is_some() && own.is_none(),
            form: RulesForm::of(&rules, words),
            changed: match own {
                Some(own) => Some(changed(app, visit, own).await?),
                None => None,
            },
            version: own.map_or_else(String::new, |own| own.version.to_string()),
            merchant: merchant.map_or_else(String::new, |name| name.to_string()),
            wrong: None,
            kept_days: kept.to_string(),
            frame: Frame::of(app, visit, words.title).await?,
            words,
        })
    }
}

fn tabs(
    app: &Shared,
    visit: &Visit,
    shown: Option<&MerchantName>,
    words: &'static Words,
) -> Vec<Tab> {
    let all = Tab {
        href: HERE.to_owned(),
        label: words.all_merchants.to_owned(),
        chosen: shown.is_none(),
    };
    let names = app.engine.merchants().iter().map(|merchant| &merchant.name);
    let names = names.filter(|name| visit.covers(name));
    let own = names.map(|name| Tab {
        href: here(Some(name)),
        label: name.to_string(),
        chosen: shown == Some(name),
    });
    std::iter::once(all).chain(own).collect()
}

/// When the rules were changed last, and by whom.
async fn changed(app: &Shared, visit: &Visit, rules: &StoredRules) -> Result<String, Fault> {
    let words = Words::of(visit.language());
    let who = match &rules.changed_by {
        tuikuan_domain::Actor::Person(id) => {
            let user = app.engine.store().user(id).await?;
            user.map_or_else(|| id.to_string(), |user| user.name)
        }
        other => other.to_string(),
    };
    let when = format::date_time(rules.changed_at);
    Ok(fill(words.changed, &[("who", &who), ("when", &when)]))
}
