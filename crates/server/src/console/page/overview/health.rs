//! How the conversation with WeChat goes, in words, for each merchant.

use jiff::SignedDuration;
use tuikuan_domain::MerchantName;
use tuikuan_engine::{Health, KeyMode};

use super::sums::Sums;
use crate::app::Shared;
use crate::console::format;
use crate::console::language::Language;
use crate::console::text::fill;
use crate::console::text::overview::Words;
use crate::console::visit::Visit;

/// A certificate that ends within so many days is pointed out.
const DAYS_WARN: i64 = 30;
/// And within so many, loudly.
const DAYS_BAD: i64 = 7;
/// A clock this far off is pointed out; at five minutes WeChat refuses our signatures.
const SKEW_WARN: SignedDuration = SignedDuration::from_secs(30);
/// A quota used this much, in hundredths, is pointed out.
const QUOTA_WARN: usize = 80;

/// One fact with how it is to be taken.
pub(crate) struct Fact {
    pub(crate) text: String,
    /// The class of its colour; empty for none.
    pub(crate) class: &'static str,
}

impl Fact {
    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, class: "" }
    }

    fn missing(words: &Words) -> Self {
        let text = words.not_yet.to_owned();
        Self {
            text,
            class: "muted",
        }
    }
}

/// The health of one merchant.
pub(crate) struct HealthRow {
    pub(crate) merchant: String,
    pub(crate) mch_id: String,
    pub(crate) certificate: Fact,
    pub(crate) keys: Fact,
    pub(crate) lag: Fact,
    pub(crate) quota: Fact,
    /// The filled part of the meter, of a hundred.
    pub(crate) used: usize,
    pub(crate) meter: &'static str,
    pub(crate) skew: Fact,
    pub(crate) contact: Fact,
}

/// The health of these merchants.
pub(crate) fn rows(
    app: &Shared,
    names: &[MerchantName],
    sums: &Sums,
    visit: &Visit,
) -> Vec<HealthRow> {
    let language = visit.language();
    let words = Words::of(language);
    let merchants = names.iter().filter_map(|name| app.engine.merchant(name));
    merchants
        .map(|merchant| {
            let health = app.engine.health(merchant);
            let lag = sums
                .lags
                .get(&merchant.name)
                .and_then(|lag| lag.percentile(95));
            let used = hundredths(health.submits, health.submits_max);
            HealthRow {
                merchant: merchant.name.to_string(),
                mch_id: merchant.mch_id.to_string(),
                certificate: certificate(&health, visit, words),
                keys: keys(&health, words),
                lag: lag.map_or_else(
                    || Fact::missing(words),
                    |lag| Fact::plain(format::duration(lag, language)),
                ),
                quota: quota(&health, words),
                used,
                meter: if used >= QUOTA_WARN { "act" } else { "ok" },
                skew: skew(&health, words, language),
                contact: health.answered_at.map_or_else(
                    || Fact::missing(words),
                    |at| Fact::plain(format::relative(at, app.engine.now(), language)),
                ),
            }
        })
        .collect()
}

pub(crate) fn certificate(health: &Health, visit: &Visit, words: &Words) -> Fact {
    let Some(end) = health.certificate_ends else {
        let text = words.no_certificate.to_owned();
        return Fact {
            text,
            class: "muted",
        };
    };
    let days = end.duration_since(visit.now()).as_hours() / 24;
    let class = match days {
        ..DAYS_BAD => "bad-text",
        DAYS_BAD..DAYS_WARN => "warn-text",
        _ => "",
    };
    let text = if end <= visit.now() {
        words.ended.to_owned()
    } else {
        fill(words.days_left, &[("days", &days.to_string())])
    };
    Fact { text, class }
}

pub(crate) fn keys(health: &Health, words: &Words) -> Fact {
    match &health.key_mode {
        KeyMode::SharedKey => Fact::plain(words.key_shared),
        KeyMode::PublicKey { id } => Fact::plain(id.clone()),
        KeyMode::Certificates { count } => {
            Fact::plain(fill(words.key_certificates, &[("n", &count.to_string())]))
        }
        KeyMode::None => Fact {
            text: words.key_none.to_owned(),
            class: "bad-text",
        },
    }
}

fn quota(health: &Health, words: &Words) -> Fact {
    if let Some(until) = health.closed_until {
        return Fact {
            text: fill(words.held_until, &[("time", &format::clock(until))]),
            class: "warn-text",
        };
    }
    let (used, limit) = (health.submits.to_string(), health.submits_max.to_string());
    Fact::plain(fill(
        words.per_second,
        &[("used", &used), ("limit", &limit)],
    ))
}

pub(crate) fn skew(health: &Health, words: &Words, language: Language) -> Fact {
    let Some(skew) = health.skew else {
        return Fact::missing(words);
    };
    let sign = if skew.is_negative() { "−" } else { "+" };
    let far = skew.unsigned_abs() >= SKEW_WARN.unsigned_abs();
    Fact {
        text: format!("{sign}{}", format::duration(skew.abs(), language)),
        class: if far { "warn-text" } else { "" },
    }
}

fn hundredths(used: usize, limit: usize) -> usize {
    let share = used.saturating_mul(100).checked_div(limit);
    share.unwrap_or(0).min(100)
}
