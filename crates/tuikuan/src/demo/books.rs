//! The comparison at the end: what the service says, read over HTTP, beside what the simulator's
//! own books say.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context;
use reqwest::Method;
use serde_json::Value;
use tuikuan_sim::{Origin, RefundStatus, World};

use super::board::is_end;
use super::play::{Asked, Play};
use super::stage::Stage;

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Our refunds in each status.
    pub(crate) ours: BTreeMap<String, usize>,
    /// WeChat's refunds in each status, those made here only.
    pub(crate) theirs: BTreeMap<&'static str, usize>,
    /// Fen that we say have gone back to buyers.
    pub(crate) paid_ours: i64,
    /// Fen that WeChat says have gone back to buyers, for refunds made here.
    pub(crate) paid_theirs: i64,
    /// Refunds that do not stand as WeChat's books say.
    pub(crate) differing: Vec<String>,
    /// Refunds in WeChat's books that nobody asked for: paid twice.
    pub(crate) doubled: usize,
    /// Orders of which more than the total was refunded.
    pub(crate) over: usize,
    /// Accepted refunds that the service does not know any more.
    pub(crate) lost: usize,
    /// Refunds that came to no end.
    pub(crate) stuck: usize,
}

impl Found {
    /// Whether every refund ended as WeChat's books say.
    pub(crate) fn good(&self) -> bool {
        self.differing.is_empty()
            && self.doubled == 0
            && self.over == 0
            && self.lost == 0
            && self.stuck == 0
    }
}

/// Compares.
pub(crate) async fn compare(play: &Play, asked: &[Asked]) -> anyhow::Result<Found> {
    let ours = refunds(play).await?;
    let found = play.stage.sim.with_world(|world| beside(&ours, world));
    Ok(Found {
        lost: asked.iter().filter(|a| !ours.contains_key(&a.id)).count(),
        stuck: asked.iter().filter(|a| !a.ended).count(),
        ..found
    })
}

/// A refund as the service tells it.
struct Ours {
    merchant: String,
    number: String,
    status: String,
    amount: i64,
}

/// All refunds of the service, page by page.
async fn refunds(play: &Play) -> anyhow::Result<HashMap<String, Ours>> {
    let mut all = HashMap::new();
    let mut cursor: Option<String> = None;
    loop {
        let path = match &cursor {
            None => "/v1/refunds?limit=200".to_owned(),
            Some(cursor) => format!("/v1/refunds?limit=200&cursor={cursor}"),
        };
        let page = play.shop.done(Method::GET, &path, None).await?;
        let list = page.get("data").and_then(Value::as_array);
        for refund in list.context("a page of refunds has no data")? {
            let text = |name: &str| {
                let value = refund.get(name).and_then(Value::as_str);
                value.unwrap_or_default().to_owned()
            };
            let ours = Ours {
                merchant: text("merchant"),
                number: text("out_refund_no"),
                status: text("status"),
                amount: refund.get("amount").and_then(Value::as_i64).unwrap_or(-1),
            };
            all.insert(text("id"), ours);
        }
        cursor = match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => Some(next.to_owned()),
            None => return Ok(all),
        };
    }
}

fn beside(ours: &HashMap<String, Ours>, world: &World) -> Found {
    let mut found = Found::default();
    let mut known = HashSet::new();
    for refund in ours.values() {
        *found.ours.entry(refund.status.clone()).or_default() += 1;
        let (mch_id, sub) = Stage::account(&refund.merchant);
        let theirs = world.refund(mch_id, sub, &refund.number);
        let status = theirs.map(|theirs| theirs.status);
        let amount = theirs.map_or(refund.amount, |theirs| theirs.amount);
        if refund.status == "succeeded" {
            found.paid_ours = found.paid_ours.saturating_add(refund.amount);
        }
        if !agrees(&refund.status, status) || amount != refund.amount {
            found.differing.push(format!(
                "{}: {} here, {} there",
                refund.number,
                refund.status,
                status.map_or("nothing", RefundStatus::v3)
            ));
        }
        if let Some(theirs) = theirs {
            known.insert(theirs.refund_id.clone());
        }
    }
    for theirs in world.refunds() {
        if theirs.origin != Origin::Api {
            continue;
        }
        *found.theirs.entry(theirs.status.v3()).or_default() += 1;
        if theirs.status == RefundStatus::Success {
            found.paid_theirs = found.paid_theirs.saturating_add(theirs.amount);
        }
        if !known.contains(&theirs.refund_id) {
            found.doubled += 1;
        }
    }
    let orders = world.orders().iter();
    found.over = orders.filter(|order| order.refunded > order.total).count();
    found
}

/// Whether a status and WeChat's own mean the same.
fn agrees(ours: &str, theirs: Option<RefundStatus>) -> bool {
    match (ours, theirs) {
        ("succeeded", Some(RefundStatus::Success))
        | ("closed", Some(RefundStatus::Closed))
        | ("settled_offline", Some(RefundStatus::Abnormal)) => true,
        ("rejected" | "cancelled", None) => true,
        _ => !is_end(ours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_agrees_with_its_own_word_only() {
        assert!(agrees("succeeded", Some(RefundStatus::Success)));
        assert!(!agrees("succeeded", Some(RefundStatus::Processing)));
        assert!(!agrees("succeeded", None));
        assert!(!agrees("rejected", Some(RefundStatus::Success)));
        assert!(!agrees("closed", Some(RefundStatus::Success)));
        assert!(agrees("cancelled", None));
    }
}
