//! "Attention": what needs a person, by reason, with words on what to do. Whoever may act takes a
//! thing on, puts it off, or notes that it is dealt with; of two at once, one is told.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use tuikuan_domain::{AttentionReason, MerchantName, PersonId, Refund, RefundId};
use tuikuan_store::{Care, NeededAsked, Scope, Sleeping, Subject, User};

use super::html;
use super::overview::{Choice, allowed, choices, chosen, visible};
use crate::app::{App, Shared};
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::frame::Frame;
use crate::console::link::address;
use crate::console::text::attention::{Words, advice};
use crate::console::text::{fill, overview, story};
use crate::console::visit::Visit;
use crate::policy::Permission;

mod act;
mod days;
mod others;

pub(crate) use act::{assign, settle, snooze};

const HERE: &str = "/console/attention";

/// Refunds shown of each reason, and of a reason alone.
const GROUP_ROWS: u32 = 8;
const PAGE_ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "attention.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
struct AttentionPage {
    frame: Frame,
    words: &'static Words,
    choices: Vec<Choice>,
    /// What is awake, and what sleeps, of the same merchant.
    ways: [String; 2],
    asleep: bool,
    /// One reason alone is shown.
    single: bool,
    approvals: Option<String>,
    groups: Vec<Group>,
    may_act: bool,
    /// The id of the person.
    me: String,
}

/// What needs a person for one reason.
struct Group {
    key: &'static str,
    label: &'static str,
    /// What its rows are, over their column.
    what: &'static str,
    class: &'static str,
    advice: &'static str,
    total: String,
    /// The way to more of them, with its text.
    more: Option<(String, String)>,
    rows: Vec<Thing>,
}

/// One thing that needs a person.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template shows or not"
)]
struct Thing {
    /// Empty where nobody takes it on here: its own page is the place.
    subject: String,
    version: i64,
    href: String,
    label: String,
    merchant: String,
    amount: String,
    said: String,
    since: String,
    since_machine: String,
    assignee: String,
    /// Until when it sleeps.
    sleeps: Option<String>,
    /// Whom it may be given to: id, name, whether it is theirs.
    people: Vec<(String, String, bool)>,
    /// Whether it is mine already.
    mine: bool,
    may_settle: bool,
    may_snooze: bool,
}

/// What the address asks for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    merchant: String,
    reason: String,
    after: String,
    asleep: String,
}

/// `GET /console/attention`.
pub(crate) async fn page(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let chosen = chosen(&app, &visit, &asked.merchant)?;
    let words = Words::of(visit.language());
    let reader = Reader::new(&app, &visit, &asked, chosen.as_ref()).await?;
    let frame = Frame::of(&app, &visit, words.title).await?;
    let mut groups = Vec::new();
    for reason in AttentionReason::ALL {
        let wanted = reader.only.is_none_or(|only| only == reason);
        if reason != AttentionReason::Approval && wanted {
            groups.extend(reader.group(reason).await?);
        }
    }
    if reader.only.is_none() {
        groups.extend(reader.unplaced().await?);
        groups.extend(reader.failing().await?);
        groups.extend(reader.days().await?);
    }
    let waiting = app.engine.store();
    let waiting = waiting
        .waiting(allowed(&visit, chosen.as_ref()), visit.now())
        .await?;
    let approvals = others::approvals(&waiting, words).filter(|_| reader.only.is_none());
    html(&AttentionPage {
        choices: choices(&app, &visit, chosen.as_ref()),
        ways: ["", "1"]
            .map(|asleep| address(HERE, &[("merchant", &asked.merchant), ("asleep", asleep)])),
        asleep: reader.sleeping == Sleeping::Only,
        single: reader.only.is_some(),
        approvals,
        groups,
        may_act: visit.may(Permission::Operate),
        me: visit.user.id.to_string(),
        frame,
        words,
    })
}

/// What a page reads, and for whom.
struct Reader<'a> {
    app: &'a Shared,
    visit: &'a Visit,
    words: &'static Words,
    names: Vec<MerchantName>,
    only: Option<AttentionReason>,
    sleeping: Sleeping,
    after: Option<(Timestamp, RefundId)>,
    people: Vec<User>,
}

impl<'a> Reader<'a> {
    async fn new(
        app: &'a Shared,
        visit: &'a Visit,
        asked: &Asked,
        chosen: Option<&MerchantName>,
    ) -> Result<Self, Fault> {
        let only = match asked.reason.as_str() {
            "" => None,
            text => Some(AttentionReason::parse(text).ok_or(Fault::NotFound)?),
        };
        let mut people = app.engine.store().users().await?;
        people.retain(|user| user.disabled_at.is_none());
        Ok(Self {
            app,
            visit,
            words: Words::of(visit.language()),
            names: match chosen {
                Some(name) => vec![name.clone()],
                None => visible(app, visit),
            },
            only,
            sleeping: if asked.asleep.is_empty() {
                Sleeping::Hidden
            } else {
                Sleeping::Only
            },
            after: cursor(&asked.after),
            people,
        })
    }

    fn limit(&self) -> u32 {
        self.only.map_or(GROUP_ROWS, |_| PAGE_ROWS)
    }

    /// The refunds of a reason; nothing when there are none.
    async fn group(&self, reason: AttentionReason) -> Result<Option<Group>, Fault> {
        let limit = self.limit();
        let mut found = Vec::new();
        for name in &self.names {
            let asked = NeededAsked {
                merchant: name.clone(),
                reason,
                sleeping: self.sleeping,
                now: self.visit.now(),
                after: self.after.clone(),
                limit: limit.saturating_add(1),
            };
            found.extend(self.app.engine.store().needed(asked).await?);
        }
        found.sort_by(|a, b| (since(a), &a.id).cmp(&(since(b), &b.id)));
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let Some(last) = found.last() else {
            return Ok(None);
        };
        let next = format!("{}.{}", since(last).as_microsecond(), last.id);
        let total = self.total(reason).await?;
        let subjects = found
            .iter()
            .map(|refund| Subject::Refund(refund.id.clone()));
        let cares = self.cares(subjects.collect()).await?;
        let language = self.visit.language();
        let rows = found
            .iter()
            .map(|refund| self.refund(refund, reason, &cares));
        Ok(Some(Group {
            key: reason.as_str(),
            label: overview::need(reason, language),
            what: self.words.number,
            class: overview::need_class(reason),
            advice: advice(reason, language),
            more: more.then(|| self.more(reason, &total, &next)),
            total,
            rows: rows.collect(),
        }))
    }

    /// The way to the rest: to the reason alone, or to its next page.
    fn more(&self, reason: AttentionReason, total: &str, next: &str) -> (String, String) {
        let merchant = match self.names.as_slice() {
            [one] => one.as_str(),
            _ => "",
        };
        let asleep = if self.sleeping == Sleeping::Only {
            "1"
        } else {
            ""
        };
        let (after, text) = match self.only {
            None => ("", fill(self.words.more, &[("n", total)])),
            Some(_) => (next, self.words.next.to_owned()),
        };
        let fields = [
            ("merchant", merchant),
            ("reason", reason.as_str()),
            ("after", after),
            ("asleep", asleep),
        ];
        (address(HERE, &fields), text)
    }

    /// How many there are, those that sleep too.
    async fn total(&self, reason: AttentionReason) -> Result<String, Fault> {
        let mut total = 0_i64;
        for merchant in &self.names {
            let asked = tuikuan_store::FiguresAsked {
                merchant: merchant.clone(),
                hour_from: i64::MAX,
                day_from: i64::MAX,
            };
            let figures = self.app.engine.store().figures(asked).await?;
            let of_reason = figures.needed.iter().filter(|(known, _)| *known == reason);
            total = of_reason.fold(total, |sum, (_, held)| sum.saturating_add(held.refunds));
        }
        Ok(format::count(total))
    }

    async fn cares(&self, subjects: Vec<Subject>) -> Result<HashMap<Subject, Care>, Fault> {
        let found = self.app.engine.store().cares(subjects).await?;
        Ok(found
            .into_iter()
            .map(|care| (care.subject.clone(), care))
            .collect())
    }

    fn refund(
        &self,
        refund: &Refund,
        reason: AttentionReason,
        cares: &HashMap<Subject, Care>,
    ) -> Thing {
        let subject = Subject::Refund(refund.id.clone());
        let error = refund.error.as_ref();
        let language = self.visit.language();
        let said = error.map(|e| story::trouble(&e.code, &e.message, language));
        Thing {
            href: format!("/console/refunds/{}", refund.id),
            label: refund.out_refund_no.to_string(),
            amount: format::money(refund.content.amount),
            said: said.unwrap_or_default(),
            may_settle: true,
            ..self.thing(
                (&subject, reason.as_str()),
                &refund.merchant,
                since(refund),
                cares,
            )
        }
    }

    /// What all things have in common.
    fn thing(
        &self,
        (subject, reason): (&Subject, &str),
        merchant: &MerchantName,
        since: Timestamp,
        cares: &HashMap<Subject, Care>,
    ) -> Thing {
        let now = self.visit.now();
        let care = cares.get(subject);
        let until = care
            .filter(|care| care.sleeps(reason, now))
            .and_then(|c| c.snoozed_until);
        let assignee = care.and_then(|care| care.assignee.as_ref());
        Thing {
            subject: subject.to_string(),
            version: care.map_or(0, |care| care.version),
            href: String::new(),
            label: String::new(),
            merchant: merchant.to_string(),
            amount: String::new(),
            said: String::new(),
            since: format::relative(since, now, self.visit.language()),
            since_machine: format::machine(since),
            assignee: self.name(assignee),
            sleeps: until
                .map(|until| fill(self.words.sleeps_until, &[("time", &format::minute(until))])),
            people: self.candidates(merchant, assignee),
            mine: assignee == Some(&self.visit.user.id),
            may_settle: false,
            may_snooze: true,
        }
    }

    fn name(&self, assignee: Option<&PersonId>) -> String {
        let Some(id) = assignee else {
            return self.words.nobody.to_owned();
        };
        let known = self.people.iter().find(|user| user.id == *id);
        known.map_or(id.to_string(), |user| user.name.clone())
    }

    /// Those who may see what is of a merchant.
    fn candidates(
        &self,
        merchant: &MerchantName,
        assignee: Option<&PersonId>,
    ) -> Vec<(String, String, bool)> {
        let may_see = |user: &&User| sees(&user.scope, merchant);
        let people = self.people.iter().filter(may_see);
        people
            .map(|user| {
                (
                    user.id.to_string(),
                    user.name.clone(),
                    assignee == Some(&user.id),
                )
            })
            .collect()
    }
}

/// Whether a scope holds a merchant.
fn sees(scope: &Scope, merchant: &MerchantName) -> bool {
    match scope {
        Scope::All => true,
        Scope::Only(names) => names.contains(merchant),
    }
}

/// Since when a refund needs a person.
fn since(refund: &Refund) -> Timestamp {
    refund
        .attention
        .map_or(refund.created_at, |attention| attention.since)
}

/// Where a page begins.
fn cursor(text: &str) -> Option<(Timestamp, RefundId)> {
    let (at, id) = text.split_once('.')?;
    let since = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
    Some((since, id.parse().ok()?))
}
