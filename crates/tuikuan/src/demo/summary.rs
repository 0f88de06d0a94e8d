//! The end of the demo: both books side by side, and in a sentence what was survived.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tuikuan_terms::Fen;

use super::board::{STATUSES, chinese};
use super::books::Found;
use super::play::Play;
use super::screen::{padded, wrapped};
use crate::output::{self, Tone};

/// Names of what was survived, and how often.
pub(crate) type Survived = BTreeMap<String, u64>;

/// Everything that went wrong and was survived.
pub(crate) fn survived(play: &Play, crashes: u64) -> Survived {
    let mut all: Survived = play.stage.sim.with_world(|world| {
        let counts = world.fault_counts().iter();
        counts.map(|(name, n)| ((*name).to_owned(), *n)).collect()
    });
    let tally = &play.tally;
    let webhooks = play.stage.receiver.tally();
    let refused = u64::try_from(webhooks.refused).unwrap_or(u64::MAX);
    let beside = [
        (
            "repeated_requests",
            tally.repeated_requests.load(Ordering::Relaxed),
        ),
        (
            "over_refund_requests",
            tally.refused_requests.load(Ordering::Relaxed),
        ),
        (
            "portal_refunds",
            tally.portal_refunds.load(Ordering::Relaxed),
        ),
        ("balance_shortages", tally.shortages.load(Ordering::Relaxed)),
        ("settled_by_hand", tally.settled.load(Ordering::Relaxed)),
        ("webhooks_refused", refused),
        ("worker_crashes", crashes),
    ];
    let beside = beside.into_iter().filter(|(_, n)| *n > 0);
    all.extend(beside.map(|(name, n)| (name.to_owned(), n)));
    all
}

/// Sums of faults that are one thing to people.
const KINDS: [(&str, &[&str]); 12] = [
    (
        "lost replies 丢失应答",
        &[
            "reply_lost_after_accept",
            "reply_lost_before_accept",
            "hang",
            "cut_at_byte",
        ],
    ),
    (
        "unprovable answers 无法验证的应答",
        &[
            "bad_signature",
            "unsigned",
            "altered_reply",
            "swapped_reply",
            "truncated",
            "gzip",
            "html",
            "empty",
            "http_202",
            "http_status",
        ],
    ),
    ("error codes 错误码", &["error_code"]),
    ("refusals during maintenance 系统维护", &["maintenance"]),
    ("refunds hidden from queries 暂查不到", &["not_found_for"]),
    (
        "lost or late notifications 丢失或迟到的通知",
        &["notification_drop", "notification_delay"],
    ),
    (
        "duplicated or reordered notifications 重复或乱序的通知",
        &[
            "notification_duplicate",
            "notification_reorder",
            "notification_before_reply",
        ],
    ),
    (
        "forged, probing or unreadable notifications 伪造、探测或无法解读的通知",
        &[
            "notification_forge",
            "notification_signtest",
            "notification_malformed",
        ],
    ),
    ("empty accounts 余额不足", &["balance_shortages"]),
    ("repeated requests 重复请求", &["repeated_requests"]),
    (
        "over-refund attempts 超额退款",
        &["over_refund_requests", "portal_refunds"],
    ),
    ("crash of the workers 进程崩溃", &["worker_crashes"]),
];

/// The sentence.
pub(crate) fn sentence(survived: &Survived) -> String {
    let parts = KINDS.iter().filter_map(|(words, names)| {
        let sum: u64 = names.iter().filter_map(|name| survived.get(*name)).sum();
        (sum > 0).then(|| format!("{sum} {words}"))
    });
    let parts: Vec<String> = parts.collect();
    match parts.split_last() {
        None => "Nothing went wrong.".to_owned(),
        Some((only, [])) => format!("Survived: {only}."),
        Some((last, rest)) => format!("Survived: {} and {last}.", rest.join(", ")),
    }
}

/// Both books side by side.
pub(crate) fn books(found: &Found) -> String {
    let pairs = [
        ("succeeded", "SUCCESS"),
        ("closed", "CLOSED"),
        ("settled_offline", "ABNORMAL"),
        ("rejected", "not in the books"),
        ("cancelled", "not in the books"),
    ];
    let mut lines = vec![format!(
        "{} {:>9}     {} {:>9}",
        padded("our books 我方账", 30),
        "",
        padded("WeChat's books 微信账", 22),
        ""
    )];
    let total: usize = found.ours.values().sum();
    for (ours, theirs) in pairs {
        let count = found.ours.get(ours).copied().unwrap_or(0);
        let theirs_count = match theirs {
            "not in the books" => "-".to_owned(),
            _ => found.theirs.get(theirs).copied().unwrap_or(0).to_string(),
        };
        let name = padded(&format!("{ours} {}", chinese(ours)), 30);
        lines.push(format!(
            "{name} {count:>9}     {} {theirs_count:>9}",
            padded(theirs, 22)
        ));
    }
    let open = STATUSES
        .iter()
        .filter(|(status, _)| !pairs.iter().any(|(ours, _)| ours == status));
    for (status, word) in open {
        if let Some(count) = found.ours.get(*status).copied().filter(|count| *count > 0) {
            lines.push(format!(
                "{} {count:>9}",
                padded(&format!("{status} {word}"), 30)
            ));
        }
    }
    let yuan = |fen: i64| Fen::new(fen).map_or_else(|_negative| fen.to_string(), Fen::to_yuan);
    lines.push(format!(
        "{} {total:>9}     {} {:>9}",
        padded("refunds 退款", 30),
        padded("", 22),
        found.theirs.values().sum::<usize>()
    ));
    lines.push(format!(
        "{} {:>9}     {} {:>9}",
        padded("paid back, yuan 已退金额（元）", 30),
        yuan(found.paid_ours),
        padded("", 22),
        yuan(found.paid_theirs)
    ));
    lines.join("\n")
}

/// One line that says whether all is well.
pub(crate) fn verdict(found: &Found, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if found.good() {
        let text = format!(
            "Every refund ended as WeChat's books say: none doubled, none over, none lost, none stuck. 账目相符 ({seconds:.1} s)"
        );
        return output::coloured(Tone::Good, &wrapped(&text));
    }
    let mut text = format!(
        "The books differ: {} otherwise there, {} doubled, {} over, {} lost, {} stuck ({seconds:.1} s)",
        found.differing.len(),
        found.doubled,
        found.over,
        found.lost,
        found.stuck
    );
    for line in found.differing.iter().take(20) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    output::coloured(Tone::Bad, &text)
}

/// The last line for programs.
pub(crate) fn json(found: &Found, survived: &Survived, elapsed: Duration) -> Value {
    let refunds: usize = found.ours.values().sum();
    let tenths = (elapsed.as_secs_f64() * 10.0).round() / 10.0;
    json!({
        "refunds": refunds,
        "by_status": found.ours,
        "matches_books": found.differing.is_empty(),
        "doubled": found.doubled,
        "over": found.over,
        "lost": found.lost,
        "stuck": found.stuck,
        "faults_survived": survived,
        "elapsed_s": tenths,
    })
}
