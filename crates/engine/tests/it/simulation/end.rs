//! What must hold when everything has come to rest: our books and the simulator's say the same.

use crate::at_once::at_once;
use tuikuan_domain::refund::Refusal;
use tuikuan_domain::{AttentionReason, Refund, Source, Status};
use tuikuan_engine::{By, EngineError, Replayed, Requested};
use tuikuan_sim::{Origin, RefundStatus};
use tuikuan_store::{DeliveryStatus, Lane, Merchants};

use super::act::{Act, name_of, sub_of};
use super::check::merchant_of;
use super::keys::kits;
use super::life::{Life, now};

impl Life {
    /// A client was answered.
    pub(crate) fn asked(&mut self, at: usize, result: Result<Requested, EngineError>) {
        let ask = self.asks[at].clone();
        let mut stage = self.shared.lock();
        match result {
            Ok(requested) => {
                let refund = &requested.refund;
                let same = refund.out_refund_no.as_str() == ask.number
                    && refund.content.amount == ask.request.amount
                    && refund.content.reason == ask.request.reason;
                if !same {
                    stage.find(format!(
                        "INV-15: {} was answered with another refund",
                        ask.number
                    ));
                }
                if ask.id.as_ref().is_some_and(|id| *id != refund.id) {
                    stage.find(format!("INV-15: {} became two refunds", ask.number));
                }
                drop(stage);
                self.asks[at].id = Some(requested.refund.id);
                if requested.created {
                    self.outcome.lives += 1;
                }
            }
            Err(EngineError::Refused(refusal)) => {
                let stored =
                    at_once(stage.store.refund_by_number(
                        &ask.mch_id.parse().unwrap(),
                        &ask.number.parse().unwrap(),
                    ))
                    .unwrap();
                let same = stored.is_some_and(|refund| {
                    refund.origin == Source::Api
                        && refund.content.amount == ask.request.amount
                        && refund.content.reason == ask.request.reason
                });
                if same {
                    stage.find(format!("INV-15: the same request was refused: {refusal}"));
                }
                drop(stage);
                let name = match refusal {
                    Refusal::ContentDiffers { .. } => "refused: content",
                    Refusal::AmountExceedsRefundable { .. } => "refused: amount",
                    Refusal::TooManyRefunds => "refused: too many",
                    Refusal::LimitReached { .. } => "refused: limit",
                    Refusal::ReplacesNotClosed { .. } => "refused: not closed",
                    _ => "refused: other",
                };
                self.outcome.count(name, 1);
            }
            Err(error) => stage.find(format!("a request failed: {error:?}")),
        }
    }

    /// Every refund that exists, those made elsewhere too.
    fn refunds(&self) -> Vec<Refund> {
        let ids = self.watch.ids();
        ids.iter()
            .filter_map(|id| at_once(self.store.refund(id)).unwrap())
            .collect()
    }

    /// Whether everything has come to its end, and every message has been delivered.
    pub(crate) fn ended(&self) -> bool {
        self.watch.rests(&self.shared.lock()) && self.delivered() && self.batches_rest()
    }

    fn delivered(&self) -> bool {
        let lanes = at_once(self.store.lanes()).unwrap();
        !lanes.iter().any(|due| matches!(due.lane, Lane::Webhook(_)))
    }

    /// The last look.
    pub(crate) fn judge(&mut self) {
        for at in 0..self.asks.len() {
            let ask = self.asks[at].clone();
            if let Some(id) = &ask.id
                && at_once(self.store.refund(id)).unwrap().is_none()
            {
                self.shared
                    .lock()
                    .find(format!("INV-14: {id} was acknowledged and is gone"));
            }
        }
        let refunds = self.refunds();
        for refund in &refunds {
            self.outcome.count(refund.status.as_str(), 1);
            self.judge_refund(refund);
            self.judge_history(refund);
            self.judge_messages(refund);
        }
        self.judge_books(&refunds);
        self.judge_batches();
        self.judge_inbox();
        self.judge_replay(&refunds);
        let log = now(self.store.verify_audit(None)).unwrap();
        if let Err(fault) = log {
            self.shared.lock().find(format!("INV-35: {fault}"));
        }
        self.judge_figures();
        super::check::stuck(&mut self.shared.lock(), 600);
        let mut faults: Vec<(String, u64)> = Vec::new();
        for (name, count) in self.shared.lock().world.fault_counts() {
            faults.push((format!("fault {name}"), *count));
        }
        for (name, count) in faults {
            self.outcome.count(&name, count);
        }
    }

    fn judge_refund(&self, refund: &Refund) {
        let mut stage = self.shared.lock();
        let (mch_id, number) = (refund.mch_id.as_str(), refund.out_refund_no.as_str());
        let sub = sub_of(&kits()[merchant_of(refund)]);
        let books = stage.world.refund(mch_id, sub, number).cloned();
        let said = books.as_ref().map(|books| books.status);
        let fits = match refund.status {
            Status::Succeeded => said == Some(RefundStatus::Success),
            Status::Closed => said == Some(RefundStatus::Closed),
            Status::Abnormal => said == Some(RefundStatus::Abnormal) && refund.attention.is_some(),
            Status::SettledOffline => said.is_some(),
            Status::Rejected | Status::Cancelled => books
                .as_ref()
                .is_none_or(|books| books.origin == Origin::VendorPlatform),
            Status::Queued | Status::Submitting | Status::Unknown => {
                sent_in_vain(refund) && said.is_none()
            }
            Status::AwaitingApproval | Status::Processing => false,
        };
        // A person was told, and may have dealt with it.
        let told = refund.contradictions.is_some();
        if !fits && !told {
            stage.find(format!(
                "INV-16: {} ends as {}, the books say {said:?}",
                refund.id,
                refund.status.as_str()
            ));
        }
        if refund.status.is_end() {
            let attempts = at_once(stage.store.attempts_of(&refund.id)).unwrap();
            if let Some(open) = attempts.iter().find(|attempt| attempt.end.is_none()) {
                let what = format!(
                    "INV-4: attempt {} of {} has no end",
                    open.attempt, refund.id
                );
                stage.find(what);
            }
        }
        let ours = books.filter(|books| books.origin == Origin::Api);
        let differing = ours.map_or(0, |books| books.differing_repeats);
        if differing > 0 {
            stage.find(format!(
                "INV-9: WeChat saw {number} with different contents"
            ));
        }
    }

    fn judge_history(&self, refund: &Refund) {
        let verified = now(self.store.verify_history(refund.id.clone())).unwrap();
        if verified.as_ref().ok() != Some(&refund.version) {
            let what = format!(
                "INV-11: the history of {} is broken: {verified:?}",
                refund.id
            );
            self.shared.lock().find(what);
        }
    }

    /// Every event reached the endpoint at least once, unless all tries are used up.
    fn judge_messages(&self, refund: &Refund) {
        let mut stage = self.shared.lock();
        let endpoint = stage.plan.endpoint;
        if endpoint.is_none_or(|at| name_of(at) != refund.merchant.as_str()) {
            return;
        }
        for seq in 1..=refund.version {
            let taken = stage
                .hooks
                .taken
                .contains(&(refund.id.as_str().to_owned(), seq));
            if !taken && !self.dead(refund, seq) {
                stage.find(format!(
                    "INV-30: event {seq} of {} was never delivered",
                    refund.id
                ));
            }
        }
    }

    fn dead(&self, refund: &Refund, seq: i64) -> bool {
        let endpoints = at_once(self.store.endpoints()).unwrap();
        let tries = tuikuan_engine::Settings::default().delivery_waits.len() + 1;
        endpoints.iter().any(|endpoint| {
            let deliveries = at_once(self.store.list_deliveries(&endpoint.id, None, 200)).unwrap();
            deliveries.iter().any(|delivery| {
                delivery.refund_id == refund.id
                    && delivery.seq == seq
                    && delivery.status == DeliveryStatus::Dead
                    && usize::try_from(delivery.attempts).unwrap() >= tries
            })
        })
    }

    /// What WeChat has was asked for, by us or in the portal.
    fn judge_books(&self, refunds: &[Refund]) {
        let mut stage = self.shared.lock();
        let strangers: Vec<String> = stage
            .world
            .refunds()
            .iter()
            .filter(|books| books.origin == Origin::Api)
            .filter(|books| {
                !refunds.iter().any(|refund| {
                    refund.out_refund_no.as_str() == books.out_refund_no
                        && refund.content.amount.get() == books.amount
                })
            })
            .map(|books| books.out_refund_no.clone())
            .collect();
        if let Some(number) = strangers.first() {
            stage.find(format!(
                "INV-3: WeChat refunded {number}, which nobody asked for"
            ));
        }
    }

    /// Every stored notification is taken in once more, the newest first: nothing changes. Those about
    /// refunds nobody knows would ask WeChat.
    fn judge_replay(&self, refunds: &[Refund]) {
        let Some(node) = self.nodes.first() else {
            return;
        };
        let mut before = None;
        loop {
            let page = at_once(self.store.list_inbox(&Merchants::All, before, 100)).unwrap();
            let Some(last) = page.last() else {
                break;
            };
            before = Some(last.number);
            let known = page.iter().filter(|row| row.entry.refund_id.is_some());
            for row in known {
                let replayed = now(node.engine.replay(row.number, &By::cli())).unwrap();
                if !matches!(replayed, Replayed::Done { .. }) {
                    let what = format!("notification {} is {replayed:?}", row.number);
                    self.shared.lock().find(what);
                }
            }
        }
        for refund in refunds {
            let after = at_once(self.store.refund(&refund.id)).unwrap();
            if after.as_ref() != Some(refund) {
                let what = format!("INV-19: {} changed when it was replayed", refund.id);
                self.shared.lock().find(what);
            }
        }
    }

    /// The figures of the overview are what counting gives.
    fn judge_figures(&self) {
        for differing in now(self.store.figure_differences(10)).unwrap() {
            let what = format!("the figure {differing:?} is not what counting gives");
            self.shared.lock().find(what);
        }
    }

    /// What was answered with success is stored.
    fn judge_inbox(&self) {
        let mut kept = 0_u64;
        let mut before = None;
        loop {
            let page = at_once(self.store.list_inbox(&Merchants::All, before, 100)).unwrap();
            let Some(last) = page.last() else {
                break;
            };
            before = Some(last.number);
            kept += page
                .iter()
                .map(|row| 1 + u64::try_from(row.repeats).unwrap())
                .sum::<u64>();
        }
        if kept < self.stored {
            let stored = self.stored;
            let what = format!("INV-20: {stored} notifications were acknowledged, {kept} stored");
            self.shared.lock().find(what);
        }
    }
}

/// Sent again and again, and WeChat says neither yes nor no.
fn sent_in_vain(refund: &Refund) -> bool {
    refund
        .attention
        .is_some_and(|a| a.reason == AttentionReason::ManyAttempts)
}

impl Act {
    /// A short name for the trace.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Register(order) => format!("register {order}"),
            Self::Ask(ask) => format!("ask {ask}"),
            Self::Command(ask, command) => format!("command {ask} {command:?}"),
            Self::Portal(portal) => format!("portal {}", portal.out_trade_no),
            Self::Notice(notice) => format!(
                "notice {} {} {}",
                notice.attempt.id, notice.merchant, notice.copy
            ),
            Self::Start => "start".to_owned(),
            Self::Resume(id) => format!("resume {id}"),
            Self::Calm => "calm".to_owned(),
            Self::Mend => "mend".to_owned(),
            Self::Bring(file) => format!("bring {file}"),
            Self::Steer(file, act) => format!("steer {file} {act:?}"),
        }
    }
}
