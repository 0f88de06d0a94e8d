//! What is looked at after every step: each new event is held against the contract, the payment's
//! sums and the simulator's books.

use crate::at_once::at_once;
use std::collections::BTreeMap;

use tuikuan_domain::outcome::ErrorSource;
use tuikuan_domain::refund::Money;
use tuikuan_domain::{AttentionReason, Refund, RefundId, Source, Status};
use tuikuan_sim::{Origin, RefundStatus};
use tuikuan_store::{Merchants, StoredEvent};
use tuikuan_wechat::Api;
use tuikuan_wechat::error_code::{Class, Interface, lookup};

use super::act::sub_of;
use super::keys::kits;
use super::people::{Asking, agreed};
use super::stage::Stage;
use super::time::SECOND;

/// Events looked at in one step.
const EVENTS_MAX: u32 = 100;

/// A refund as it was last seen.
#[derive(Debug, Clone)]
struct Seen {
    status: Status,
    amount: i64,
    payment: Option<String>,
    number: String,
    version: i64,
    contradicted: bool,
    attention: Option<AttentionReason>,
    refund: RefundId,
    merchant: usize,
}

/// Who made the change that is looked at.
pub(crate) enum Writer<'a> {
    /// The task that holds the newest claim of its job, or one without a job.
    Entitled,
    /// A task whose job was claimed by another since.
    Stale(&'a str),
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    position: i64,
    refunds: BTreeMap<String, Seen>,
    numbers: BTreeMap<(String, String), String>,
    asking: Asking,
    pub(crate) events: u64,
}

/// The merchant of a refund, as the plan counts them.
pub(crate) fn merchant_of(refund: &Refund) -> usize {
    refund.merchant.as_str()[1..].parse().unwrap()
}

impl Watch {
    /// Looks at what was committed since the last look.
    pub(crate) fn look(&mut self, stage: &mut Stage, writer: &Writer<'_>) {
        if *stage.events.borrow() == self.position {
            return;
        }
        let store = std::sync::Arc::clone(&stage.store);
        let (events, position) =
            at_once(store.events_after(self.position, &Merchants::All, EVENTS_MAX)).unwrap();
        self.position = position;
        for event in &events {
            self.events += 1;
            stage.line(|| {
                let (id, seq, kind) = (&event.refund_id, event.seq, event.kind.type_name());
                format!(
                    "event {id} {seq} {kind} {} {:x?}",
                    event.source.as_str(),
                    &event.hash[..4]
                )
            });
            if let Writer::Stale(key) = writer
                && *key == format!("refund:{}", event.refund_id)
            {
                stage.find(format!("INV-24: {key} was written under a lost lease"));
            }
            let refund = at_once(store.refund(&event.refund_id)).unwrap();
            match refund {
                Some(refund) => self.event(stage, event, &refund),
                None => stage.find(format!(
                    "INV-29: an event of {}, which does not exist",
                    event.refund_id
                )),
            }
        }
    }

    fn event(&mut self, stage: &mut Stage, event: &StoredEvent, refund: &Refund) {
        let id = refund.id.as_str().to_owned();
        let before = self.refunds.get(&id).cloned();
        let expected = before.as_ref().map_or(1, |seen| seen.version + 1);
        if event.seq != expected {
            stage.find(format!(
                "INV-29: event {} of {id}, expected {expected}",
                event.seq
            ));
        }
        if refund.version != event.seq {
            stage.find(format!(
                "INV-11: {id} has version {} at event {}",
                refund.version, event.seq
            ));
        }
        self.identity(stage, refund, before.as_ref());
        if before.is_none() {
            self.asking.made(stage, refund);
        }
        agreed(stage, refund, event);
        let from = before.as_ref().map(|seen| seen.status);
        if let Some(to) = event.status {
            if to != refund.status {
                stage.find(format!(
                    "INV-11: {id} is {}, its event says {}",
                    refund.status.as_str(),
                    to.as_str()
                ));
            }
            transition(stage, refund, (from, to));
            source(stage, refund, (from, event));
            truth(stage, refund, (from, event));
        } else if no_news(event, refund) {
            stage.find(format!(
                "INV-19: event {} of {id} says nothing new",
                event.seq
            ));
        } else if from.is_some_and(|from| from != refund.status) {
            stage.find(format!("INV-29: {id} changed its status without an event"));
        }
        self.refunds.insert(
            id,
            Seen {
                status: refund.status,
                amount: refund.content.amount.get(),
                payment: refund.payment_id.as_ref().map(|p| p.as_str().to_owned()),
                number: refund.out_refund_no.as_str().to_owned(),
                version: refund.version,
                contradicted: refund.contradictions.is_some(),
                attention: refund.attention.map(|attention| attention.reason),
                refund: refund.id.clone(),
                merchant: merchant_of(refund),
            },
        );
        self.sums(stage, refund);
    }

    fn identity(&mut self, stage: &mut Stage, refund: &Refund, before: Option<&Seen>) {
        let (id, number) = (refund.id.as_str(), refund.out_refund_no.as_str());
        if before
            .is_some_and(|seen| seen.number != number || seen.amount != refund.content.amount.get())
        {
            stage.find(format!("INV-2: number or amount of {id} changed"));
        }
        let key = (refund.mch_id.as_str().to_owned(), number.to_owned());
        let known = self.numbers.entry(key).or_insert_with(|| id.to_owned());
        if known != id {
            stage.find(format!("INV-15: {known} and {id} have the number {number}"));
        }
    }

    /// The payment holds what its refunds hold, and never more than was paid.
    fn sums(&self, stage: &mut Stage, refund: &Refund) {
        let Some(payment_id) = &refund.payment_id else {
            return;
        };
        let payment = at_once(stage.store.payment(payment_id)).unwrap().unwrap();
        let of = |money: Money| -> i64 {
            self.refunds
                .values()
                .filter(|seen| seen.payment.as_deref() == Some(payment_id.as_str()))
                .filter(|seen| seen.status.money() == money)
                .map(|seen| seen.amount)
                .sum()
        };
        let (reserved, spent) = (of(Money::Reserved), of(Money::Spent));
        if (reserved, spent) != (payment.reserved.get(), payment.spent.get()) {
            stage.find(format!(
                "INV-6: {payment_id} holds {} and {}, its refunds {reserved} and {spent}",
                payment.reserved, payment.spent
            ));
        }
        let counted = self
            .refunds
            .values()
            .filter(|seen| seen.payment.as_deref() == Some(payment_id.as_str()))
            .filter(|seen| seen.status.counts())
            .count();
        if counted > 50 || counted != usize::try_from(payment.refunds).unwrap() {
            let told = payment.refunds;
            stage.find(format!(
                "INV-9: {payment_id} counts {told} refunds, it has {counted}"
            ));
        }
        if reserved + spent + payment.external.get() > payment.total.get() {
            stage.find(format!(
                "INV-1: {payment_id} of {} is overdrawn",
                payment.total
            ));
        }
    }

    /// Whether every refund has ended, or waits for a person as it should.
    pub(crate) fn rests(&self, stage: &Stage) -> bool {
        self.refunds.values().all(|seen| match seen.status {
            Status::Abnormal => {
                let kit = &kits()[seen.merchant];
                let mch_id = kit.plan.mch_id.as_str();
                let books = stage.world.refund(mch_id, sub_of(kit), &seen.number);
                books.is_none_or(|books| books.status == RefundStatus::Abnormal)
            }
            status if status.is_end() => true,
            // WeChat and our record disagree, or WeChat will not take it and does not say why: a
            // person was told.
            _ => seen.contradicted || seen.attention == Some(AttentionReason::ManyAttempts),
        })
    }

    /// Every refund that exists.
    pub(crate) fn ids(&self) -> Vec<RefundId> {
        self.refunds
            .values()
            .map(|seen| seen.refund.clone())
            .collect()
    }
}

/// WeChat has the refund, and the event changes nothing but a count of ours.
fn no_news(event: &StoredEvent, refund: &Refund) -> bool {
    let with_wechat = refund.status == Status::Processing || refund.status.is_end();
    with_wechat && event.detail.iter().all(|(name, _)| name == "waits")
}

/// The published table, written down a second time.
fn transition(stage: &mut Stage, refund: &Refund, (from, to): (Option<Status>, Status)) {
    use Status as S;
    let told = [S::Processing, S::Succeeded, S::Abnormal, S::Closed];
    let allowed = match from {
        // Asked for by us, or made elsewhere and adopted.
        None if [Source::Api, Source::Batch].contains(&refund.origin) => {
            [S::Queued, S::AwaitingApproval].contains(&to)
        }
        None => told.contains(&to),
        Some(S::AwaitingApproval) => [S::Queued, S::Cancelled].contains(&to),
        // Once the order is known.
        Some(S::Queued) if to == S::AwaitingApproval => refund.submitted_at.is_none(),
        // What was sent before and is denied now has to be asked about.
        Some(S::Queued) if to == S::Unknown => refund.submitted_at.is_some(),
        Some(S::Queued) => {
            [S::Queued, S::Submitting, S::Cancelled, S::Rejected].contains(&to)
                || told.contains(&to)
        }
        Some(S::Submitting | S::Unknown) => {
            [S::Queued, S::Rejected].contains(&to)
                || told.contains(&to)
                || (from == Some(S::Submitting) && to == S::Unknown)
        }
        Some(S::Processing) => told.contains(&to) && to != S::Processing,
        Some(S::Abnormal) => {
            [S::Processing, S::Succeeded, S::Closed, S::SettledOffline].contains(&to)
        }
        Some(S::Rejected) => to == S::Queued,
        Some(S::Succeeded | S::SettledOffline | S::Closed | S::Cancelled) => false,
    };
    if !allowed {
        let rule = match from {
            Some(from) if from.is_end() => "INV-12",
            _ => "INV-11",
        };
        let from = from.map_or("nothing", S::as_str);
        stage.find(format!(
            "{rule}: {} went from {from} to {}",
            refund.id,
            to.as_str()
        ));
    }
}

/// Who may say what.
fn source(stage: &mut Stage, refund: &Refund, (from, event): (Option<Status>, &StoredEvent)) {
    let api = stage.plan.apis[merchant_of(refund)];
    if api == Api::V2 && event.source == Source::Notification {
        stage.find(format!("INV-18: a v2 notification changed {}", refund.id));
    }
    let denied =
        from == Some(Status::Unknown) && matches!(refund.status, Status::Queued | Status::Rejected);
    if denied {
        let last = refund.last_attempt_at.unwrap_or(refund.created_at);
        let waited = event.at.duration_since(last).as_secs();
        if waited < 60 {
            stage.find(format!(
                "INV-5: {} left unknown for {} after {waited} s, WeChat may not show it yet",
                refund.id,
                refund.status.as_str()
            ));
        }
    }
    if refund.status == Status::Cancelled && refund.submitted_at.is_some() {
        stage.find(format!("INV-5: {} was sent and then cancelled", refund.id));
    }
    if refund.status == Status::Rejected {
        refusal(stage, refund, api);
    }
}

/// Only a documented refusal ends a refund.
fn refusal(stage: &mut Stage, refund: &Refund, api: Api) {
    let Some(error) = &refund.error else {
        return stage.find(format!("INV-5: {} was rejected for no reason", refund.id));
    };
    let interface = match api {
        Api::V2 => Interface::V2Refund,
        Api::V3 => Interface::V3RefundCreate,
    };
    let definite = match error.source {
        ErrorSource::Engine => true,
        ErrorSource::Transport => false,
        ErrorSource::Wechat => lookup(interface, &error.code)
            .is_some_and(|entry| matches!(entry.class, Class::FinalFailure | Class::NeedsHuman)),
    };
    if !definite {
        let (id, code) = (&refund.id, &error.code);
        stage.find(format!(
            "INV-5: {id} was rejected because of {code}, which proves nothing"
        ));
    }
}

/// What we say of a refund is so in the simulator's books.
fn truth(stage: &mut Stage, refund: &Refund, (from, event): (Option<Status>, &StoredEvent)) {
    let (mch_id, number) = (refund.mch_id.as_str(), refund.out_refund_no.as_str());
    let sub = sub_of(&kits()[merchant_of(refund)]);
    let now = stage.clock.now_us();
    stage.world.advance_to(now / 1000);
    let books = stage.world.refund(mch_id, sub, number);
    let ours = books.filter(|b| b.amount == refund.content.amount.get());
    let on_its_way = stage.on_its_way(mch_id, number);
    let status = ours.map(|b| b.status);
    use RefundStatus as W;
    let wrong = match refund.status {
        Status::Processing => ours.is_none(),
        Status::Succeeded => status != Some(W::Success),
        Status::Closed => status != Some(W::Closed),
        Status::Abnormal => !matches!(status, Some(W::Abnormal | W::Success | W::Processing)),
        // A refund made by hand under our number is not what was refused.
        Status::Rejected => {
            let made = ours.filter(|b| b.origin == Origin::Api);
            on_its_way || made.is_some_and(|b| b.status != W::Closed)
        }
        Status::Cancelled => on_its_way,
        Status::AwaitingApproval
        | Status::Queued
        | Status::Submitting
        | Status::Unknown
        | Status::SettledOffline => false,
    };
    if wrong {
        let rule = match refund.status {
            Status::Rejected | Status::Cancelled => "INV-5",
            _ if books.is_some() && ours.is_none() => "INV-21",
            _ => "INV-16",
        };
        let books = books.map(|b| (b.status, b.amount));
        let what = format!(
            "{rule}: {} is {} by {}, but the books have {books:?}{}",
            refund.id,
            refund.status.as_str(),
            event.source.as_str(),
            if on_its_way {
                " and it is on its way"
            } else {
                ""
            },
        );
        stage.find(what);
    }
    if refund.status == Status::Queued && from == Some(Status::Submitting) && refund.attempts > 50 {
        stage.find(format!("INV-9: {} was sent too often", refund.id));
    }
}

/// Refunds that nothing will move (INV-13).
pub(crate) fn stuck(stage: &mut Stage, patience: i64) {
    let store = std::sync::Arc::clone(&stage.store);
    let overdue = stage.clock.now_us() - patience * SECOND;
    let overdue = jiff::Timestamp::from_microsecond(overdue).unwrap();
    let stuck = super::life::now(store.stuck(overdue, 5)).unwrap();
    if let Some(one) = stuck.first() {
        let (id, status) = (&one.refund_id, one.status.as_str());
        stage.find(format!(
            "INV-13: {id} is {status} and nothing will move it, due {:?}",
            one.due_at
        ));
    }
}
