//! "Audit log": who did what, filtered; whether the chain is sound; and the log as a file (INV-35).
//! Somebody of some merchants sees what is about those; the proof needs the whole log.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use tuikuan_store::{Action, AuditEntry, AuditFilter};

use super::html;
use super::users::within;
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::period;
use crate::console::text::audit::{self, Words};
use crate::console::text::fill;
use crate::console::visit::Visit;
use crate::policy::Permission;

mod export;

pub(crate) use export::export;

/// Entries on a page.
const PAGE_ROWS: u32 = 50;

/// The longest text that is looked for.
const ASKED_BYTES_MAX: usize = 128;

const HERE: &str = "/console/audit";

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    words: &'static Words,
    asked: Asked,
    actors: Vec<Choice>,
    actions: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    export: String,
    may_verify: bool,
    proof: Option<Proof>,
}

/// What a list offers.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// One entry.
struct Row {
    number: i64,
    at: String,
    at_machine: String,
    actor: String,
    action: String,
    action_label: &'static str,
    subject: String,
    subject_link: Option<String>,
    subject_label: String,
    detail: String,
}

/// What the proof of the chain says.
struct Proof {
    class: &'static str,
    text: String,
}

/// What the address asks for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    actor: String,
    action: String,
    subject: String,
    from: String,
    to: String,
    before: String,
}

impl Asked {
    /// The filter that is meant; what cannot be read is left out.
    fn filter(&self, visit: &Visit) -> AuditFilter {
        let text = |text: &str| {
            let text = text.trim();
            let fits = !text.is_empty() && text.len() <= ASKED_BYTES_MAX;
            fits.then(|| text.to_owned())
        };
        AuditFilter {
            actor: text(&self.actor),
            action: text(&self.action),
            subject: text(&self.subject),
            from: period::day_begins(&self.from),
            to: period::day_ends(&self.to),
            before: self.before.parse().ok(),
            limit: PAGE_ROWS,
            ..AuditFilter::of(visit.merchants.clone())
        }
    }

    /// A path with the same question.
    fn at(&self, path: &str, before: &str) -> String {
        let fields = [
            ("actor", self.actor.as_str()),
            ("action", self.action.as_str()),
            ("subject", self.subject.as_str()),
            ("from", self.from.as_str()),
            ("to", self.to.as_str()),
            ("before", before),
        ];
        address(path, &fields)
    }
}

/// `GET /console/audit`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    html(&AuditPage::read(&app, &visit, asked).await?)
}

/// `GET /console/audit/verify`: recomputes the whole chain.
pub(crate) async fn verify(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Fault> {
    let words = Words::of(visit.language());
    let proof = match app.engine.store().verify_audit(None).await? {
        Ok(head) => {
            let hash: String = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let values = [("n", format::count(head.number)), ("hash", hash)];
            let values: Vec<_> = values.iter().map(|(k, v)| (*k, v.as_str())).collect();
            Proof {
                class: "good",
                text: fill(words.sound, &values),
            }
        }
        Err(fault) => {
            tracing::error!(%fault, "the audit log is not sound");
            Proof {
                class: "bad",
                text: audit::fault(&fault, visit.language()),
            }
        }
    };
    let mut page = AuditPage::read(&app, &visit, Asked::default()).await?;
    page.proof = Some(proof);
    html(&page)
}

impl AuditPage {
    async fn read(app: &Shared, visit: &Visit, asked: Asked) -> Result<Self, Fault> {
        let words = Words::of(visit.language());
        let found = app.engine.store().list_audit(asked.filter(visit)).await?;
        let names = names(app, visit).await?;
        let rows = found.entries.iter();
        let rows = rows.map(|entry| Row::of(entry, &names, visit)).collect();
        Ok(Self {
            actors: actors(&asked, &names, words),
            actions: actions(&asked, visit),
            rows,
            next: found.next.map(|next| asked.at(HERE, &next.to_string())),
            export: asked.at("/console/audit/export", ""),
            may_verify: visit.may(Permission::Govern),
            proof: None,
            frame: Frame::of(app, visit, words.title).await?,
            asked,
            words,
        })
    }
}

/// The names of people and keys whom the visit's merchants cover, by id.
async fn names(app: &Shared, visit: &Visit) -> Result<BTreeMap<String, String>, Fault> {
    let store = app.engine.store();
    let mut names = BTreeMap::new();
    for user in store.users().await? {
        if within(&visit.merchants, &user.scope) {
            names.insert(user.id.to_string(), user.name);
        }
    }
    for key in store.api_keys().await? {
        if within(&visit.merchants, &key.scope) {
            names.insert(key.id.to_string(), key.name);
        }
    }
    Ok(names)
}

fn actors(asked: &Asked, names: &BTreeMap<String, String>, words: &Words) -> Vec<Choice> {
    let fixed = [("cli", words.cli), ("engine", words.engine)];
    let fixed = fixed.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let named = names.iter().map(|(id, name)| (id.clone(), name.clone()));
    let mut all: Vec<_> = named.collect();
    all.sort_by(|one, other| one.1.cmp(&other.1));
    let all = fixed.into_iter().chain(all);
    all.map(|(value, label)| Choice {
        chosen: value == asked.actor,
        value,
        label,
    })
    .collect()
}

fn actions(asked: &Asked, visit: &Visit) -> Vec<Choice> {
    let all = Action::ALL.iter().map(|action| Choice {
        value: action.name.to_owned(),
        label: audit::action(action.name, visit.language())
            .unwrap_or(action.name)
            .to_owned(),
        chosen: action.name == asked.action,
    });
    all.collect()
}

impl Row {
    fn of(found: &AuditEntry, names: &BTreeMap<String, String>, visit: &Visit) -> Self {
        let (entry, language) = (&found.entry, visit.language());
        let words = Words::of(language);
        let actor = match entry.actor.as_str() {
            "cli" => words.cli.to_owned(),
            "engine" => words.engine.to_owned(),
            id => names.get(id).cloned().unwrap_or_else(|| id.to_owned()),
        };
        let refund = entry.subject.starts_with("rf_");
        Self {
            number: found.number,
            at: format::date_time(entry.at),
            at_machine: format::machine(entry.at),
            actor,
            action_label: audit::action(&entry.action, language).unwrap_or_default(),
            action: entry.action.clone(),
            subject_link: refund.then(|| format!("/console/refunds/{}", entry.subject)),
            subject_label: names.get(&entry.subject).cloned().unwrap_or_default(),
            subject: entry.subject.clone(),
            detail: readable(&entry.detail),
        }
    }
}

/// The detail over several lines; empty where it says nothing.
fn readable(detail: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(detail) {
        Ok(value) if value.as_object().is_some_and(serde_json::Map::is_empty) => String::new(),
        Ok(value) => format!("{value:#}"),
        Err(_) => detail.to_owned(),
    }
}
