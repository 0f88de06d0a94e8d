//! The people and systems around the engine act: clients ask, WeChat's messages arrive, somebody
//! mends what only people can mend.

use crate::at_once::at_once;
use tuikuan_domain::Status;
use tuikuan_engine::{Engine, Incoming, PaymentRegistration};
use tuikuan_terms::Fen;

use super::act::{Act, Notice, name_of};
use super::keys::kits;
use super::life::Life;
use super::nodes::Node;
use super::people;
use super::task::{About, Done};
use super::time::{MINUTE, SECOND};

impl Life {
    /// The next act, if it is its time.
    pub(crate) fn act(&mut self) -> bool {
        let now_us = self.now_us();
        let Some((&key, _)) = self
            .acts
            .iter()
            .next()
            .filter(|((due, _), _)| *due <= now_us)
        else {
            return false;
        };
        let act = self.acts.remove(&key).unwrap();
        self.shared.lock().line(|| format!("act {}", act.name()));
        match act {
            Act::Start => self.start_node(),
            Act::Resume(id) => self.resume(id),
            Act::Calm => self.calm(),
            Act::Mend => self.mend(),
            Act::Portal(portal) => {
                let mut stage = self.shared.lock();
                stage.world.advance_to(now_us / 1000);
                // A person never takes a number that WeChat has already.
                let (sub, number) = (portal.sub_mch_id.as_deref(), &portal.out_refund_no);
                let taken = number
                    .as_deref()
                    .is_some_and(|n| stage.world.refund(&portal.mch_id, sub, n).is_some());
                let made = !taken && stage.world.portal_refund(&portal).is_ok();
                drop(stage);
                self.outcome.count("portal refunds", u64::from(made));
                self.collect();
            }
            Act::Notice(notice) => self.notice(notice),
            Act::Register(order) => self.register(order),
            Act::Ask(ask) => self.ask(ask),
            Act::Bring(file) => self.bring(file),
            Act::Steer(file, act) => self.steer(file, act),
            Act::Command(ask, command) => {
                let id = self.asks[ask].id.clone();
                let by = people::commander(&command, self.asks[ask].asker);
                if let (Some(id), Some((engine, node))) = (id, self.some_engine()) {
                    self.spawn(node, About::Command(ask), async move {
                        Done::Commanded(engine.command(&id, command, &by).await)
                    });
                }
            }
        }
        true
    }

    pub(crate) fn some_engine(&mut self) -> Option<(Engine, u64)> {
        let awake: Vec<&Node> = self.nodes.iter().filter(|node| !node.paused).collect();
        if awake.is_empty() {
            return None;
        }
        let node = self.dice.pick(&awake);
        Some((node.engine.clone(), node.id))
    }

    pub(crate) fn again(&mut self, act: Act) {
        let when = self.now_us() + self.dice.between(SECOND, 20 * SECOND);
        self.plan_act(when, act);
    }

    pub(crate) fn register(&mut self, at: usize) {
        let Some((engine, node)) = self.some_engine() else {
            return self.again(Act::Register(at));
        };
        let order = &self.orders[at];
        let new = PaymentRegistration {
            merchant: name_of(order.merchant).parse().unwrap(),
            out_trade_no: order.out_trade_no.parse().unwrap(),
            transaction_id: self
                .dice
                .chance(500)
                .then(|| order.transaction_id.parse().unwrap()),
            total: Fen::new(order.total).unwrap(),
            paid_at: Some(jiff::Timestamp::from_microsecond(order.paid_us).unwrap()),
        };
        self.spawn(node, About::Register(at), async move {
            let by = people::by(people::person(at));
            Done::Registered(engine.register_payment_by(new, &by).await)
        });
    }

    pub(crate) fn ask(&mut self, at: usize) {
        let Some((engine, node)) = self.some_engine() else {
            return self.again(Act::Ask(at));
        };
        let request = self.asks[at].request.clone();
        let by = people::by(people::person(self.asks[at].asker));
        self.spawn(node, About::Ask(at), async move {
            Done::Asked(engine.request(request, &by).await)
        });
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        let Notice {
            attempt,
            merchant,
            copy,
        } = notice;
        let number = (!copy).then_some(attempt.id);
        let Some((engine, node)) = self.some_engine() else {
            if let Some(id) = number {
                self.shared
                    .lock()
                    .world
                    .notification_failed(id, "no connection");
            }
            return;
        };
        let channel = match attempt.url.rsplit('/').next() {
            Some("refund") => tuikuan_engine::Channel::V2Refund,
            Some("payment") => tuikuan_engine::Channel::V2Payment,
            _ => tuikuan_engine::Channel::V3,
        };
        let true_one = !copy && {
            let stage = self.shared.lock();
            let at = usize::try_from(attempt.id - 1).unwrap();
            stage.world.notifications()[at].fault.is_none()
        };
        let incoming = Incoming {
            channel,
            headers: attempt.headers,
            body: attempt.body,
        };
        let merchant = merchant.parse().unwrap();
        let about = About::Notice {
            attempt: number,
            true_one,
        };
        self.spawn(node, about, async move {
            Done::Received(engine.receive(&merchant, incoming).await)
        });
    }

    pub(crate) fn calm(&mut self) {
        let mut stage = self.shared.lock();
        stage.plan.rough = false;
        stage.world.set_faults(Vec::new());
        for kit in kits() {
            let mch_id = kit.plan.mch_id.as_str();
            stage
                .world
                .set_balance(mch_id, 1_000_000_000, None)
                .unwrap();
        }
        let none = self.nodes.is_empty();
        drop(stage);
        if none {
            self.start_node();
        }
    }

    /// The shop calls some of its abnormal refunds through at WeChat; the others stay.
    pub(crate) fn mend(&mut self) {
        let mut stage = self.shared.lock();
        let now_us = stage.clock.now_us();
        stage.world.advance_to(now_us / 1000);
        let abnormal: Vec<String> = stage
            .world
            .refunds()
            .iter()
            .filter(|refund| refund.status == tuikuan_sim::RefundStatus::Abnormal)
            .map(|refund| refund.refund_id.clone())
            .collect();
        for id in abnormal {
            if self.dice.chance(700) {
                stage
                    .world
                    .decide(&id, tuikuan_sim::RefundStatus::Success)
                    .unwrap();
            }
        }
        drop(stage);
        self.mended = true;
        self.replace();
        self.collect();
    }

    /// Some of the closed refunds are asked for anew; of others it is tried in vain.
    pub(crate) fn replace(&mut self) {
        for at in 0..self.asks.len() {
            let Some(id) = self.asks[at].id.clone() else {
                continue;
            };
            let status = at_once(self.store.refund(&id))
                .unwrap()
                .map(|refund| refund.status);
            let wanted = match status {
                Some(Status::Closed) => 500,
                _ => 20,
            };
            if self.dice.chance(wanted) {
                let new = self.asks[at].replacing(id);
                self.asks.push(new);
                let later = self.now_us() + self.dice.between(0, MINUTE);
                self.plan_act(later, Act::Ask(self.asks.len() - 1));
            }
        }
    }
}
