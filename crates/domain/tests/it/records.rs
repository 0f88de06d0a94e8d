//! Records to start from.

use jiff::{SignedDuration, Timestamp};
use tuikuan_domain::refund::{
    Approval, Command, Content, Context, NewRefund, Situation, Transition, decide, observe,
};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{
    Actor, ErrorNote, Observation, OrderRef, Payment, Refund, Refusal, Report, Source, WechatState,
};
use tuikuan_terms::Fen;

pub(crate) fn fen(n: i64) -> Fen {
    Fen::new(n).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

pub(crate) fn payment(total: i64) -> Payment {
    Payment {
        id: "pay_0000000000000001".parse().unwrap(),
        merchant: "main".parse().unwrap(),
        mch_id: "1900000109".parse().unwrap(),
        sub_mch_id: None,
        out_trade_no: "order-0001".parse().unwrap(),
        transaction_id: Some("4200000215201811190261405420".parse().unwrap()),
        total: fen(total),
        paid_at: Some(at(-86_400)),
        reserved: Fen::ZERO,
        spent: Fen::ZERO,
        external: Fen::ZERO,
        refunds: 0,
        in_flight: None,
        last_submit: None,
        created_at: at(0),
        version: 1,
    }
}

pub(crate) fn new_refund(n: u32, amount: i64) -> NewRefund {
    NewRefund {
        id: format!("rf_{n:016}").parse().unwrap(),
        merchant: "main".parse().unwrap(),
        mch_id: "1900000109".parse().unwrap(),
        sub_mch_id: None,
        out_refund_no: format!("R-{n}").parse().unwrap(),
        content: Content {
            order: OrderRef {
                out_trade_no: Some("order-0001".parse().unwrap()),
                transaction_id: None,
            },
            amount: fen(amount),
            reason: None,
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: None,
            replaces: None,
            metadata: None,
        },
        requested_by: person(1),
    }
}

pub(crate) fn person(n: u32) -> Actor {
    format!("usr_{n:016}").parse().unwrap()
}

pub(crate) fn report(refund: &Refund, state: WechatState) -> Report {
    Report {
        mch_id: refund.mch_id.clone(),
        sub_mch_id: None,
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: Some("50000408942018111907145868882".parse().unwrap()),
        out_trade_no: refund.content.order.out_trade_no.clone(),
        transaction_id: refund.content.order.transaction_id.clone(),
        amount: refund.content.amount,
        total: refund.total,
        state,
        user_received_account: None,
        success_time: None,
    }
}

pub(crate) fn note(code: &str) -> ErrorNote {
    ErrorNote {
        code: code.to_owned(),
        message: String::new(),
        source: tuikuan_domain::outcome::ErrorSource::Wechat,
        advice: String::new(),
    }
}

/// A refund, its payment and a clock, moved through the doors.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) refund: Option<Refund>,
    pub(crate) payment: Option<Payment>,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<tuikuan_domain::Event>,
    pub(crate) schedule: Schedule,
    pub(crate) approval: Approval,
}

impl Life {
    pub(crate) fn new(payment: Option<Payment>) -> Self {
        let schedule = Schedule::default();
        Self {
            refund: None,
            payment,
            now: at(0),
            events: Vec::new(),
            schedule,
            approval: Approval::NotNeeded,
        }
    }

    pub(crate) fn context(&self, source: Source) -> Context<'_> {
        Context {
            now: self.now,
            source,
            schedule: &self.schedule,
            total_max: Fen::MAX,
            actor: &Actor::Engine,
            approval: self.approval.clone(),
        }
    }

    fn take(&mut self, transition: &Transition) {
        if let Some(changed) = &transition.refund {
            assert_eq!(changed.replaces.unwrap_or(0) + 1, changed.record.version);
            self.refund = Some(changed.record.clone());
        }
        if let Some(changed) = &transition.payment {
            assert!(changed.record.balanced(), "INV-1");
            self.payment = Some(changed.record.clone());
        }
        self.events.extend(transition.event.clone());
    }

    pub(crate) fn command(&mut self, command: Command) -> Result<Transition, Refusal> {
        let situation = Situation {
            refund: self.refund.as_ref(),
            payment: self.payment.as_ref(),
            replaced: None,
        };
        let transition = decide(situation, command, &self.context(Source::Api))?;
        self.take(&transition);
        Ok(transition)
    }

    pub(crate) fn observe(&mut self, observation: Observation, source: Source) -> Transition {
        let refund = self.refund.clone().unwrap();
        let transition = observe(
            &refund,
            self.payment.as_ref(),
            observation,
            &self.context(source),
        );
        self.take(&transition);
        transition
    }

    pub(crate) fn refund(&self) -> &Refund {
        self.refund.as_ref().unwrap()
    }
}
