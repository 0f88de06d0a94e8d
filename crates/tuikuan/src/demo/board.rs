//! What is known at each moment: the status of every refund, heard from the service's own event
//! stream, and the latest news in words. The screen shows it, the scenes wait for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The latest news that are kept.
const NEWS_MAX: usize = 24;

/// Statuses with their Chinese words, in the order of a life.
pub(crate) const STATUSES: [(&str, &str); 11] = [
    ("awaiting_approval", "待审批"),
    ("queued", "排队"),
    ("submitting", "提交中"),
    ("unknown", "待确认"),
    ("processing", "处理中"),
    ("abnormal", "退款异常"),
    ("succeeded", "退款成功"),
    ("settled_offline", "线下已结"),
    ("closed", "退款关闭"),
    ("rejected", "被拒绝"),
    ("cancelled", "已取消"),
];

/// The Chinese word for a status.
pub(crate) fn chinese(status: &str) -> &'static str {
    let found = STATUSES.iter().find(|(name, _)| *name == status);
    found.map_or("", |(_, word)| word)
}

/// Whether nothing follows this status by itself.
pub(crate) fn is_end(status: &str) -> bool {
    matches!(
        status,
        "succeeded" | "settled_offline" | "closed" | "rejected" | "cancelled"
    )
}

/// The board.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    labels: HashMap<String, String>,
    statuses: HashMap<String, String>,
    counts: BTreeMap<String, usize>,
    news: VecDeque<News>,
    finished: usize,
    events: usize,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// Time of day on the demo's clock.
    pub(crate) time: String,
    /// Which refund.
    pub(crate) label: String,
    /// The status reached, if one was.
    pub(crate) status: String,
    /// In words.
    pub(crate) words: String,
}

/// What the screen shows.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Refunds in each status.
    pub(crate) counts: BTreeMap<String, usize>,
    /// The latest, oldest first.
    pub(crate) news: Vec<News>,
    /// Refunds that the demo is done with.
    pub(crate) finished: usize,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names a refund.
    pub(crate) fn label(&self, id: &str, label: &str) {
        self.state().labels.insert(id.to_owned(), label.to_owned());
    }

    /// Something that no event tells.
    pub(crate) fn note(&self, time: String, label: &str, words: String) {
        self.state().tell(News {
            time,
            label: label.to_owned(),
            status: String::new(),
            words,
        });
    }

    /// An event of the stream.
    pub(crate) fn hear(&self, event: &Value) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, status) = (text("refund"), text("status"));
        let mut state = self.state();
        state.events += 1;
        if !status.is_empty() {
            let before = state.statuses.insert(id.to_owned(), status.to_owned());
            if let Some(count) = before.and_then(|before| state.counts.get_mut(&before)) {
                *count = count.saturating_sub(1);
            }
            *state.counts.entry(status.to_owned()).or_default() += 1;
        }
        let label = state.labels.get(id).cloned();
        let label = label.unwrap_or_else(|| id.chars().skip(27).collect());
        let time: String = text("at").chars().skip(11).take(8).collect();
        state.tell(News {
            time,
            label,
            status: status.to_owned(),
            words: words(text("type"), text("source"), event.get("detail")),
        });
    }

    /// Where a refund stands.
    pub(crate) fn status(&self, id: &str) -> Option<String> {
        self.state().statuses.get(id).cloned()
    }

    /// One more refund has come to its end.
    pub(crate) fn finish(&self) {
        self.state().finished += 1;
    }

    /// Events heard so far.
    pub(crate) fn events(&self) -> usize {
        self.state().events
    }

    /// What is to be shown.
    pub(crate) fn view(&self) -> View {
        let state = self.state();
        View {
            counts: state.counts.clone(),
            news: state.news.iter().cloned().collect(),
            finished: state.finished,
        }
    }
}

impl State {
    fn tell(&mut self, news: News) {
        if self.news.len() >= NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }
}

/// An event in words.
fn words(kind: &str, source: &str, detail: Option<&Value>) -> String {
    let fact = |name: &str| detail.and_then(|d| d.get(name)).and_then(Value::as_str);
    let by = match source {
        "api" => "asked by the shop",
        "reply" => "says WeChat's reply",
        "query" => "found by asking WeChat",
        "notification" => "told by a notification",
        "engine" => "by schedule",
        other => other,
    };
    match kind {
        "refund.queued" => match fact("pending_reason") {
            Some(reason) => format!("waits: {}", reason.replace('_', " ")),
            None => by.to_owned(),
        },
        "refund.submitting" => "the attempt is on disk, the request leaves".to_owned(),
        "refund.unknown" => match fact("error_code") {
            Some(code) => format!("{code}: proves nothing, WeChat is asked"),
            None => "no proof either way: WeChat is asked".to_owned(),
        },
        "refund.rejected" => match fact("error_code") {
            Some(code) => format!("{code}: nothing moved"),
            None => format!("refused, {by}"),
        },
        "refund.attention" => "a person is needed".to_owned(),
        "refund.conflict" => "contradicts our record: changes nothing".to_owned(),
        "refund.updated" => format!("more became known, {by}"),
        _ => by.to_owned(),
    }
}
