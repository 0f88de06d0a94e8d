//! Everything that happened to a refund in one list, the newest first: changes, attempts,
//! conversations with WeChat, notifications, messages to the merchant's systems, what people did.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::refund::{AttentionReason, ELSEWHERE, ELSEWHERE_OUTCOME};
use tuikuan_domain::{Actor, EventKind, PendingReason, Source, Status};
use tuikuan_store::{Attempt, Delivery, InboxRecord, StoredEvent, StoredExchange};

use super::Story;
use crate::console::format;
use crate::console::language::Language;
use crate::console::names::Names;
use crate::console::text::refund::Words;
use crate::console::text::{self, status, story as said};

/// A change and the conversation that brought it are committed together, after the answer.
const TOGETHER: SignedDuration = SignedDuration::from_secs(2);

/// One line.
pub(super) struct Entry {
    at: Timestamp,
    /// Of two at one time the greater happened later.
    order: i64,
    /// `17:02:11`, with the date where it is another day than the line above.
    pub(super) time: String,
    /// The same for machines.
    pub(super) machine: String,
    /// Where it came from.
    pub(super) source: &'static str,
    /// What happened.
    pub(super) text: String,
    /// More about it, with labels.
    pub(super) notes: Vec<(String, String)>,
    /// The conversation, redacted.
    pub(super) raw: Option<Raw>,
    /// A delivery that can be sent again.
    pub(super) resend: Option<Resend>,
}

/// A conversation, redacted when it was stored.
pub(super) struct Raw {
    /// Stays the same while the page is renewed.
    pub(super) id: i64,
    /// What was sent.
    pub(super) request: String,
    /// What came back.
    pub(super) reply: Option<String>,
}

/// A message that can be sent again.
pub(super) struct Resend {
    /// The delivery.
    pub(super) delivery: String,
}

/// The whole list, the newest first.
pub(super) fn entries(story: &Story, names: &Names, language: Language) -> Vec<Entry> {
    let mut exchanges: Vec<&StoredExchange> = story.exchanges.iter().collect();
    let mut inbox: Vec<&InboxRecord> = story.notifications.iter().collect();
    let mut entries = Vec::new();
    for event in &story.events {
        if event.kind == EventKind::Status(Status::Submitting) {
            // The attempt tells more.
            continue;
        }
        let mut entry = of_event(event, names, language);
        if let Some(exchange) = belonging(event, &mut exchanges) {
            entry.raw = Some(raw(exchange));
        }
        if let Some(record) = told(event, &mut inbox) {
            note_repeats(&mut entry, record, language);
        }
        entries.push(entry);
    }
    let attempts = story.attempts.iter();
    entries.extend(attempts.map(|attempt| of_attempt(attempt, language)));
    entries.extend(exchanges.into_iter().map(|one| of_exchange(one, language)));
    entries.extend(inbox.into_iter().map(|one| of_notification(one, language)));
    let deliveries = story.deliveries.iter();
    entries.extend(deliveries.map(|delivery| of_delivery(delivery, language)));
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.order)));
    let mut above = None;
    for entry in &mut entries {
        let day = format::day(entry.at);
        if above.as_ref() != Some(&day) {
            entry.time = format!("{day} {}", entry.time);
        }
        above = Some(day);
    }
    entries
}

impl Entry {
    fn new(at: Timestamp, order: i64, source: &'static str, text: String) -> Self {
        Self {
            at,
            order,
            time: format::clock(at),
            machine: format::machine(at),
            source,
            text,
            notes: Vec::new(),
            raw: None,
            resend: None,
        }
    }
}

/// Who did what an event tells, where the event says so.
pub(super) fn actor_of(event: &StoredEvent) -> Option<Actor> {
    value(event, "note.actor")
        .or_else(|| value(event, "requested_by"))
        .and_then(|text| text.parse().ok())
}

fn value<'a>(event: &'a StoredEvent, name: &str) -> Option<&'a str> {
    let found = event.detail.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| value.as_deref())
}

fn of_event(event: &StoredEvent, names: &Names, language: Language) -> Entry {
    let words = Words::of(language);
    let text = headline(event, language);
    let source = said::source(event.source, language);
    let order = event.seq.saturating_mul(10);
    let mut entry = Entry::new(event.at, order, source, text);
    if let Some(actor) = actor_of(event) {
        let name = names.name(&actor, language);
        entry.notes.push((words.by.to_owned(), name));
    }
    for (name, value) in &event.detail {
        let Some(label) = said::remark(name, language) else {
            continue;
        };
        let value = value.as_deref().unwrap_or_default();
        entry
            .notes
            .push((label.to_owned(), remark(name, value, language)));
    }
    if let Some(number) = value(event, "refund_id") {
        entry
            .notes
            .push((words.wechat_number.to_owned(), number.to_owned()));
    }
    if let Some(code) = value(event, "error_code") {
        let message = value(event, "error_message").unwrap_or_default();
        entry.notes.push((
            words.error.to_owned(),
            said::trouble(code, message, language),
        ));
    }
    entry
}

/// The text of a remark: our own words are told in the reader's language, a person's as they are.
fn remark(name: &str, value: &str, language: Language) -> String {
    let known = match (name, value) {
        ("note.rescue" | "note.adopted", _) => Some(("", "")),
        (ELSEWHERE, "buyer_card") => Some(("买家的另一张银行卡", "another bank card of the buyer")),
        (ELSEWHERE, "merchant") => Some(("商户结算账户", "the merchant's account")),
        (ELSEWHERE_OUTCOME, "accepted") => Some(("微信已受理", "taken by WeChat")),
        (ELSEWHERE_OUTCOME, "refused") => Some(("微信未受理", "not taken by WeChat")),
        (ELSEWHERE_OUTCOME, "not_sent") => Some(("没有发出", "not sent")),
        (ELSEWHERE_OUTCOME, "unknown") => Some((
            "没有可靠答复，正在查询",
            "no reliable answer, WeChat is asked",
        )),
        _ => None,
    };
    match known {
        Some((chinese, english)) => language.of(chinese, english).to_owned(),
        None => value.to_owned(),
    }
}

fn headline(event: &StoredEvent, language: Language) -> String {
    if event.seq == 1 {
        let reason = value(event, "reason").unwrap_or_default();
        let asked = language.of("收到退款请求", "The refund was asked for");
        return if reason.is_empty() {
            asked.to_owned()
        } else {
            format!("{asked} · {reason}")
        };
    }
    let waits = value(event, "pending_reason").and_then(PendingReason::parse);
    let needs = value(event, "attention").and_then(AttentionReason::parse);
    match (event.status, event.kind) {
        (_, EventKind::Conflict) => {
            let known = value(event, "contradictions").unwrap_or_default();
            let text = language.of("与微信的记录不一致", "Contradicts WeChat's record");
            format!("{text} · {known}")
        }
        (Some(now), _) => {
            let mut text = status::status(now, language).to_owned();
            if let Some(reason) = waits {
                text.push_str(" · ");
                text.push_str(status::pending(reason, language));
            }
            text
        }
        (None, EventKind::Attention) => match needs {
            Some(reason) => said::attention(reason, language).to_owned(),
            None => language.of("需要人工处理", "Needs a person").to_owned(),
        },
        (None, EventKind::Status(_) | EventKind::Updated) => match waits {
            Some(reason) => status::pending(reason, language).to_owned(),
            None => language.of("信息已更新", "More became known").to_owned(),
        },
    }
}

/// Takes the conversation that brought an event.
fn belonging<'a>(
    event: &StoredEvent,
    exchanges: &mut Vec<&'a StoredExchange>,
) -> Option<&'a StoredExchange> {
    let kinds: &[&str] = match event.source {
        Source::Reply => &["submit", "abnormal"],
        Source::Query => &["query", "look_up_payment"],
        Source::Api
        | Source::Console
        | Source::Cli
        | Source::Batch
        | Source::Notification
        | Source::Bill
        | Source::Engine => return None,
    };
    let place = exchanges.iter().position(|stored| {
        let gap = event.at.duration_since(ended(stored));
        kinds.contains(&stored.exchange.kind.as_str()) && gap.abs() <= TOGETHER
    })?;
    Some(exchanges.remove(place))
}

fn ended(stored: &StoredExchange) -> Timestamp {
    let exchange = &stored.exchange;
    tuikuan_domain::after(
        exchange.at,
        SignedDuration::from_millis(exchange.elapsed_ms),
    )
}

/// Takes the notification that brought an event.
fn told<'a>(event: &StoredEvent, inbox: &mut Vec<&'a InboxRecord>) -> Option<&'a InboxRecord> {
    if event.source != Source::Notification {
        return None;
    }
    let place = inbox.iter().position(|record| {
        let gap = event.at.duration_since(record.entry.received_at);
        gap.abs() <= TOGETHER
    })?;
    Some(inbox.remove(place))
}

fn note_repeats(entry: &mut Entry, record: &InboxRecord, language: Language) {
    if record.repeats > 0 {
        let count = format::count(record.repeats);
        let text = text::fill(Words::of(language).repeats, &[("n", &count)]);
        let label = said::source(Source::Notification, language);
        entry.notes.push((label.to_owned(), text));
    }
}

fn raw(stored: &StoredExchange) -> Raw {
    Raw {
        id: stored.number,
        request: stored.exchange.request.clone(),
        reply: stored.exchange.reply.clone(),
    }
}

fn of_attempt(attempt: &Attempt, language: Language) -> Entry {
    let words = Words::of(language);
    let number = attempt.attempt.to_string();
    let mut text = text::fill(words.attempt, &[("n", &number)]);
    if attempt.attempt > 1 {
        text.push_str(language.of("，", ", "));
        text.push_str(words.same_number);
    }
    text.push_str(" · ");
    text.push_str(said::attempt_end(attempt.end.as_deref(), language));
    Entry::new(
        attempt.begun_at,
        0,
        said::exchange("submit", language),
        text,
    )
}

fn of_exchange(stored: &StoredExchange, language: Language) -> Entry {
    let words = Words::of(language);
    let exchange = &stored.exchange;
    let text = match exchange.status {
        Some(status) => format!("{} · HTTP {status}", words.no_change),
        None => words.no_reply.to_owned(),
    };
    let source = said::exchange(&exchange.kind, language);
    let mut entry = Entry::new(ended(stored), 1, source, text);
    entry.raw = Some(raw(stored));
    entry
}

fn of_notification(record: &InboxRecord, language: Language) -> Entry {
    let source = said::source(Source::Notification, language);
    let text = language
        .of(
            "收到通知，据此立即查询或未改变状态",
            "Told; WeChat was asked, or nothing changed",
        )
        .to_owned();
    let mut entry = Entry::new(record.entry.received_at, 2, source, text);
    note_repeats(&mut entry, record, language);
    entry
}

fn of_delivery(delivery: &Delivery, language: Language) -> Entry {
    let words = Words::of(language);
    let at = delivery.delivered_at.unwrap_or(delivery.created_at);
    let source = words.webhooks;
    let state = said::delivery(delivery.status, language);
    let text = format!("{} · {state}", delivery.event_type);
    let mut entry = Entry::new(at, 3, source, text);
    let tries = text::fill(words.tries, &[("n", &delivery.attempts.to_string())]);
    entry.notes.push((delivery.endpoint_id.to_string(), tries));
    if let Some(error) = &delivery.last_error {
        entry.notes.push((words.error.to_owned(), error.clone()));
    }
    entry.resend = Some(Resend {
        delivery: delivery.id.to_string(),
    });
    entry
}
