//! One refund that waits for a second person: what was asked, held against what was known then and
//! what is known now.

use tuikuan_domain::approval::day;
use tuikuan_domain::refund::Money;
use tuikuan_domain::{Actor, Payment, Refund};
use tuikuan_engine::content_hash;
use tuikuan_store::StoredEvent;
use tuikuan_terms::Fen;

use crate::app::Shared;
use crate::console::capital::capital;
use crate::console::fault::Fault;
use crate::console::format;
use crate::console::language::Language;
use crate::console::names::Names;
use crate::console::page::refunds::payment_href;
use crate::console::text;
use crate::console::text::approvals::{Words, expires, part};
use crate::console::visit::Visit;
use crate::policy::Permission;

/// Events of a refund that are looked at for an approval that is void.
const EVENTS: u32 = 100;

/// A request, ready to be shown.
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) amount: String,
    pub(super) capital: String,
    pub(super) order: String,
    pub(super) order_href: Option<String>,
    pub(super) merchant: String,
    pub(super) reason: String,
    pub(super) asked_by: String,
    pub(super) asked_at: String,
    pub(super) today: String,
    pub(super) left_then: Option<String>,
    pub(super) left_now: Option<String>,
    pub(super) changed: bool,
    pub(super) others: usize,
    pub(super) since: usize,
    pub(super) paid_at: Option<String>,
    pub(super) expires: String,
    pub(super) hash: String,
    pub(super) voided: Option<String>,
    /// `yes`, `own` or `no`.
    pub(super) may: &'static str,
}

impl Waiting {
    /// A refund as it stands, with the facts around it.
    pub(super) async fn of(app: &Shared, visit: &Visit, refund: &Refund) -> Result<Self, Fault> {
        let language = visit.language();
        let words = Words::of(language);
        let store = app.engine.store();
        let payment = store.refund_and_payment(&refund.id).await?.payment;
        let siblings = match &payment {
            Some(payment) => store.refunds_of(&payment.id).await?,
            None => Vec::new(),
        };
        let others: Vec<&Refund> = siblings.iter().filter(|one| one.id != refund.id).collect();
        let since = others
            .iter()
            .filter(|one| one.created_at > refund.created_at);
        let first = refund.version.saturating_sub(i64::from(EVENTS));
        let events = store.events_of(&refund.id, first, EVENTS).await?;
        let given = given(&events);
        let actors = refund.requested_by.clone().into_iter();
        let names = Names::of(app, actors.chain(given.as_ref().map(|one| one.by.clone()))).await?;
        let now = left_now(refund, payment.as_ref());
        let then = left_then(refund, payment.as_ref(), &others);
        let order = &refund.content.order;
        let hash = content_hash(refund);
        Ok(Self {
            id: refund.id.to_string(),
            number: refund.out_refund_no.to_string(),
            amount: format::money(refund.content.amount),
            capital: capital(refund.content.amount),
            order_href: order
                .out_trade_no
                .as_ref()
                .map(|number| payment_href(refund.merchant.as_str(), number.as_str())),
            order: match (&order.out_trade_no, &order.transaction_id) {
                (Some(number), _) => number.to_string(),
                (None, Some(number)) => number.to_string(),
                (None, None) => String::new(),
            },
            merchant: refund.merchant.to_string(),
            reason: refund
                .content
                .reason
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            asked_by: match &refund.requested_by {
                Some(actor) => names.name(actor, language),
                None => words.not_known.to_owned(),
            },
            asked_at: format::date_time(refund.created_at),
            today: today(app, visit, refund).await?,
            left_then: then.map(format::money),
            left_now: now.map(format::money),
            changed: matches!((then, now), (Some(then), Some(now)) if then != now),
            since: since.count(),
            others: others.len(),
            paid_at: payment
                .and_then(|payment| payment.paid_at)
                .map(format::date_time),
            expires: expires(refund.approval.until(), visit.now(), language),
            hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            voided: given.map(|given| voided(&given, refund, &names, language)),
            may: may(refund, visit),
        })
    }

    /// The beginning of the hash, to compare by eye.
    pub(super) fn fingerprint(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// What would be left without this one.
fn left_now(refund: &Refund, payment: Option<&Payment>) -> Option<Fen> {
    payment?.refundable().checked_add(refund.content.amount)
}

/// What was left when it was asked: as the caller saw it, else as the other refunds' times tell.
fn left_then(refund: &Refund, payment: Option<&Payment>, others: &[&Refund]) -> Option<Fen> {
    if let Some(expected) = refund.content.expected_refundable {
        return Some(expected);
    }
    let payment = payment?;
    let asked = refund.created_at;
    let held = |other: &&&Refund| {
        let released = other.status.money() == Money::Released;
        other.created_at < asked && (!released || other.ended_at.is_some_and(|end| end > asked))
    };
    let mut left = payment.total.checked_sub(payment.external)?;
    for other in others.iter().filter(held) {
        left = left.checked_sub(other.content.amount)?;
    }
    Some(left)
}

/// Whether the person may agree: the role, and that it is somebody else's.
fn may(refund: &Refund, visit: &Visit) -> &'static str {
    if refund.requested_by == Some(visit.actor()) {
        "own"
    } else if visit.may(Permission::Approve) {
        "yes"
    } else {
        "no"
    }
}

/// What who asked has asked for today, where the rules count it.
async fn today(app: &Shared, visit: &Visit, refund: &Refund) -> Result<String, Fault> {
    let words = Words::of(visit.language());
    let Some(Actor::Person(id)) = &refund.requested_by else {
        return Ok(words.today_none.to_owned());
    };
    let subjects = [format!("person:{id}")];
    let store = app.engine.store();
    let used = store.usage(&day(visit.now()), &subjects).await?;
    Ok(match used.first() {
        Some(used) => text::fill(
            words.today_value,
            &[
                ("n", &used.usage.count.to_string()),
                ("amount", &format::money(used.usage.amount)),
            ],
        ),
        None => words.today_none.to_owned(),
    })
}

/// An approval that was given before.
struct Given {
    by: Actor,
    at: jiff::Timestamp,
    content: String,
}

fn given(events: &[StoredEvent]) -> Option<Given> {
    let value = |event: &StoredEvent, name: &str| {
        let found = event.detail.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.clone())
    };
    events.iter().rev().find_map(|event| {
        Some(Given {
            by: value(event, "approved_by")?.parse().ok()?,
            at: event.at,
            content: value(event, "approved_content")?,
        })
    })
}

/// Why an approval that was given is void: what is not as it was.
fn voided(given: &Given, refund: &Refund, names: &Names, language: Language) -> String {
    let now = refund.content_text();
    let mut fields: Vec<&str> = now
        .split('&')
        .zip(given.content.split('&'))
        .filter(|(now, then)| now != then)
        .filter_map(|(now, _)| now.split('=').next())
        .map(|name| part(name, language))
        .collect();
    if fields.is_empty() {
        fields.push(part("", language));
    }
    fields.dedup();
    text::fill(
        Words::of(language).voided,
        &[
            ("who", &names.name(&given.by, language)),
            ("when", &format::minute(given.at)),
            ("fields", &fields.join(language.of("、", ", "))),
        ],
    )
}
