//! The tiles on top, the money at risk, and the list of what needs a person.

use tuikuan_domain::{AttentionReason, PendingReason, Status};
use tuikuan_store::{Class, Sum};
use tuikuan_terms::Fen;

use super::sums::Sums;
use crate::console::format;
use crate::console::language::Language;
use crate::console::text::fill;
use crate::console::text::overview::{self, Words};

/// One number with what it is and what stands beside it.
pub(crate) struct Tile {
    pub(crate) label: &'static str,
    pub(crate) number: String,
    pub(crate) beside: String,
}

/// Money nobody can be sure of.
pub(crate) struct Risk {
    pub(crate) label: &'static str,
    pub(crate) amount: String,
    pub(crate) refunds: String,
    pub(crate) hint: &'static str,
    pub(crate) href: &'static str,
}

/// Refunds that need a person for one reason.
pub(crate) struct Need {
    pub(crate) label: &'static str,
    pub(crate) class: &'static str,
    pub(crate) refunds: String,
    pub(crate) amount: String,
    pub(crate) href: String,
}

/// The four tiles.
pub(crate) fn of(sums: &Sums, words: &'static Words, language: Language) -> [Tile; 4] {
    let today = sums.all_today();
    let arrived = sums.today(Class::Arrived).refunds;
    let way = format::count(sums.today(Class::UnderWay).refunds);
    let other = format::count(sums.today(Class::Other).refunds);
    let share = permille(arrived, today.refunds);
    let average = today.amount.checked_div(today.refunds);
    let time = |percent| {
        let length = sums.day.percentile(percent)?;
        Some(format::duration(length, language))
    };
    [
        Tile {
            label: words.today,
            number: fill(words.refunds, &[("n", &format::count(today.refunds))]),
            beside: match change(today.refunds, sums.yesterday.refunds) {
                Some(change) => fill(words.against_yesterday, &[("change", &change)]),
                None => words.none_yesterday.to_owned(),
            },
        },
        Tile {
            label: words.amount,
            number: money(today.amount),
            beside: average.map_or_else(String::new, |average| {
                fill(words.on_average, &[("amount", &money(average))])
            }),
        },
        Tile {
            label: words.arrived,
            number: share.map_or("–".to_owned(), percent),
            beside: fill(words.under_way, &[("way", &way), ("other", &other)]),
        },
        Tile {
            label: words.median,
            number: time(50).unwrap_or("–".to_owned()),
            beside: match time(95) {
                Some(time) => fill(words.p95, &[("time", &time)]),
                None => words.nothing_arrived.to_owned(),
            },
        },
    ]
}

/// Money that is unknown, abnormal or waits for balance; nothing when there is none.
pub(crate) fn risks(sums: &Sums, words: &'static Words) -> Vec<Risk> {
    let balance = sums.waiting_for(PendingReason::InsufficientBalance);
    let risk = |label, hint, href, sum: Sum| Risk {
        label,
        amount: money(sum.amount),
        refunds: fill(words.refunds, &[("n", &format::count(sum.refunds))]),
        hint,
        href,
    };
    [
        (
            sums.in_status(Status::Unknown),
            words.risk_unknown,
            words.risk_unknown_hint,
            "/console/refunds?status=unknown",
        ),
        (
            sums.in_status(Status::Abnormal),
            words.risk_abnormal,
            words.risk_abnormal_hint,
            "/console/refunds?status=abnormal",
        ),
        (
            balance,
            words.risk_balance,
            words.risk_balance_hint,
            "/console/attention?reason=insufficient_balance",
        ),
    ]
    .into_iter()
    .filter(|(sum, ..)| sum.refunds > 0)
    .map(|(sum, label, hint, href)| risk(label, hint, href, sum))
    .collect()
}

/// What needs a person, by reason.
pub(crate) fn needs(sums: &Sums, language: Language) -> Vec<Need> {
    let found = sums.needed.values().filter(|(_, sum)| sum.refunds > 0);
    found
        .map(|(reason, sum)| Need {
            label: overview::need(*reason, language),
            class: overview::need_class(*reason),
            refunds: format::count(sum.refunds),
            amount: money(sum.amount),
            href: match reason {
                AttentionReason::Approval => "/console/approvals".to_owned(),
                other => format!("/console/attention?reason={}", other.as_str()),
            },
        })
        .collect()
}

/// `¥ 1,284.50`.
fn money(amount: i64) -> String {
    format::money(Fen::new(amount).unwrap_or(Fen::ZERO))
}

/// A share in thousandths, rounded; `None` of nothing.
fn permille(part: i64, whole: i64) -> Option<i64> {
    let rounded = part.saturating_mul(1000).saturating_add(whole / 2);
    rounded.checked_div_euclid(whole)
}

/// `98.7%`.
fn percent(permille: i64) -> String {
    let size = permille.unsigned_abs();
    match (size / 10, size % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenth) => format!("{whole}.{tenth}%"),
    }
}

/// `+6.2%`; `None` when there was nothing before.
fn change(now: i64, before: i64) -> Option<String> {
    let permille = permille(now.saturating_sub(before), before)?;
    let sign = match permille {
        ..0 => "−",
        0 => "±",
        _ => "+",
    };
    Some(format!("{sign}{}", percent(permille)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_shares_are_rounded_to_a_tenth() {
        assert_eq!(change(1062, 1000).unwrap(), "+6.2%");
        assert_eq!(change(900, 1000).unwrap(), "−10%");
        assert_eq!(change(7, 7).unwrap(), "±0%");
        assert_eq!(change(7, 0), None);
        assert_eq!(permille(987, 1000).map(percent).unwrap(), "98.7%");
        assert_eq!(permille(2, 3).map(percent).unwrap(), "66.7%");
        assert_eq!(permille(0, 0), None);
    }
}
