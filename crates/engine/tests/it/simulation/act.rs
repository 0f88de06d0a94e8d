//! What the people and systems around the engine do, and when.

use tuikuan_domain::batch::Steer;
use tuikuan_domain::refund::{Command, Reason};
use tuikuan_domain::{OrderRef, RefundId};
use tuikuan_engine::RefundRequest;
use tuikuan_sim::{NotificationAttempt, PaidOrder, PortalRefund, World};
use tuikuan_terms::Fen;
use tuikuan_wechat::Api;

use super::batches::Brought;
use super::dice::Dice;
use super::keys::{Kit, kits};
use super::people;
use super::plan::Plan;
use super::time::{DAY, HOUR, MINUTE, SECOND, START_US};

/// The public address of the service.
pub(crate) const BASE: &str = "https://tk.example.com";

/// One act.
#[derive(Debug)]
pub(crate) enum Act {
    /// A client registers a payment.
    Register(usize),
    /// A client asks for a refund (again).
    Ask(usize),
    /// A client commands something about a refund it asked for.
    Command(usize, Command),
    /// A person refunds in the merchant portal.
    Portal(PortalRefund),
    /// A notification arrives, at the merchant of this name.
    Notice(Notice),
    /// A node begins.
    Start,
    /// A paused node goes on.
    Resume(u64),
    /// Nothing goes wrong any more; accounts are filled.
    Calm,
    /// What is abnormal is dealt with.
    Mend,
    /// A person brings a file of refunds (again).
    Bring(usize),
    /// A person pauses, continues or withdraws the batch of a file.
    Steer(usize, Steer),
}

/// A notification on its way.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) attempt: NotificationAttempt,
    pub(crate) merchant: String,
    /// Sent by somebody else, again or to another merchant.
    pub(crate) copy: bool,
}

/// How the engine gets to know an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Registered,
    Notified,
    Asked,
}

/// An order at WeChat.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) merchant: usize,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    pub(crate) total: i64,
    pub(crate) paid_us: i64,
}

/// A refund that somebody asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) request: RefundRequest,
    pub(crate) mch_id: String,
    pub(crate) number: String,
    /// Who asks.
    pub(crate) asker: usize,
    /// The refund, once the engine acknowledged it.
    pub(crate) id: Option<RefundId>,
}

/// Everything that happens around one life.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) orders: Vec<Order>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) brought: Vec<Brought>,
    pub(crate) acts: Vec<(i64, Act)>,
}

pub(crate) fn sub_of(kit: &Kit) -> Option<&str> {
    kit.plan
        .sub_merchants
        .first()
        .map(|sub| sub.sub_mch_id.as_str())
}

pub(crate) fn name_of(merchant: usize) -> String {
    format!("m{merchant}")
}

impl Asked {
    /// The same again in place of a refund that WeChat closed, under a number of its own.
    pub(crate) fn replacing(&self, old: RefundId) -> Self {
        let mut new = self.clone();
        new.number = format!("{}z", &self.number[..self.number.len().min(40)]);
        new.request.out_refund_no = Some(new.number.parse().unwrap());
        new.request.idempotency_key = None;
        new.request.replaces = Some(old);
        new.id = None;
        new
    }
}

impl Script {
    pub(crate) fn write(plan: &Plan, world: &mut World) -> Self {
        let mut dice = Dice::new(plan.seed ^ 0xAC7);
        let mut script = Self::default();
        for at in 0..plan.orders {
            script.order(at, plan, (world, &mut dice));
        }
        if let Some(poor) = plan.poor {
            let mch_id = kits()[poor].plan.mch_id.as_str();
            world.set_balance(mch_id, 0, None).unwrap();
        }
        script.files(plan);
        let calm = START_US + plan.calm_at;
        script.acts.push((calm, Act::Calm));
        script.acts.push((calm + 2 * HOUR, Act::Mend));
        script
    }

    fn order(&mut self, at: usize, plan: &Plan, (world, dice): (&mut World, &mut Dice)) {
        // Fewer of v3: its signatures take most of the time.
        let merchant = *dice.pick(&[0, 1, 1, 1, 1, 2]);
        let kit = &kits()[merchant];
        let known = *dice.pick(&[
            Known::Registered,
            Known::Registered,
            Known::Registered,
            Known::Notified,
            Known::Asked,
        ]);
        let age = match dice.below(20) {
            0 => 360 * DAY,
            1 => 370 * DAY,
            2 => 40 * DAY,
            _ => dice.between(0, HOUR),
        };
        let paid_us = (START_US - age) / SECOND * SECOND;
        let total = dice.between(2, 5_000);
        let mut paid = PaidOrder::new(
            kit.plan.mch_id.as_str(),
            &format!("ORDER{}T{at}", plan.seed),
            total,
        );
        paid.sub_mch_id = sub_of(kit).map(ToOwned::to_owned);
        paid.paid_at_ms = Some(paid_us / 1000);
        let api = plan.apis[merchant];
        if known == Known::Notified {
            let channel = match api {
                Api::V2 => "v2/payment",
                Api::V3 => "v3",
            };
            paid.notify_url = Some(format!("{BASE}/notify/{}/{channel}", name_of(merchant)));
            paid.api = Some(match api {
                Api::V2 => tuikuan_sim::Api::V2,
                Api::V3 => tuikuan_sim::Api::V3,
            });
        }
        let transaction_id = world.place_paid_order(&paid).unwrap();
        if known == Known::Registered {
            self.acts.push((START_US, Act::Register(at)));
        }
        self.orders.push(Order {
            merchant,
            out_trade_no: paid.out_trade_no.clone(),
            transaction_id,
            total,
            paid_us,
        });
        self.refunds(at, plan, dice);
        if dice.chance(40) {
            let portal = PortalRefund {
                mch_id: paid.mch_id,
                sub_mch_id: paid.sub_mch_id,
                out_trade_no: paid.out_trade_no,
                amount: dice.between(1, total),
                // Now and then under a number of ours.
                out_refund_no: dice
                    .chance(300)
                    .then(|| format!("REFUND{}N{at}x0", plan.seed)),
            };
            let when = START_US + dice.between(0, plan.busy);
            self.acts.push((when, Act::Portal(portal)));
        }
    }

    /// The refunds of one order: whole, parts, too much.
    fn refunds(&mut self, at: usize, plan: &Plan, dice: &mut Dice) {
        let total = self.orders[at].total;
        let amounts = match dice.below(6) {
            // More than WeChat allows for one order.
            _ if total > 100 && dice.chance(6) => vec![1; 53],
            0 | 1 => vec![total],
            2 => vec![total, total],
            3 => vec![total / 2, total - total / 2],
            4 => (0..5).map(|_| dice.between(1, total)).collect(),
            _ => vec![dice.between(1, total)],
        };
        for (nth, amount) in amounts.into_iter().enumerate() {
            let when = START_US + dice.between(SECOND, plan.busy);
            let number = format!("REFUND{}N{at}x{nth}", plan.seed);
            self.ask((at, plan), (amount.max(1), number), (when, dice));
        }
    }

    fn ask(
        &mut self,
        (at, plan): (usize, &Plan),
        (amount, number): (i64, String),
        (when, dice): (i64, &mut Dice),
    ) {
        let order = self.orders[at].clone();
        let kit = &kits()[order.merchant];
        let by_key = dice.chance(300);
        let which = dice.below(5);
        let out_trade_no = (which != 0).then(|| order.out_trade_no.parse().unwrap());
        let transaction_id = (which <= 1).then(|| order.transaction_id.parse().unwrap());
        let reason: Option<Reason> = dice.chance(500).then(|| "退货".parse().unwrap());
        let request = RefundRequest {
            merchant: name_of(order.merchant).parse().unwrap(),
            order: OrderRef {
                out_trade_no,
                transaction_id,
            },
            amount: Fen::new(amount).unwrap(),
            out_refund_no: (!by_key).then(|| number.parse().unwrap()),
            idempotency_key: by_key.then(|| number.clone()),
            reason,
            funds_account: None,
            goods_detail: None,
            not_before: None,
            expected_refundable: None,
            replaces: None,
            metadata: None,
        };
        let number = match by_key {
            true => tuikuan_engine::number_of(&kit.plan.mch_id, &number).to_string(),
            false => number,
        };
        let asked = Asked {
            request,
            mch_id: kit.plan.mch_id.as_str().to_owned(),
            number,
            asker: dice.below(3),
            id: None,
        };
        let when = match plan.rules {
            Some(_) => people::together(when),
            None => when,
        };
        let index = self.asks.len();
        self.acts.push((when, Act::Ask(index)));
        // The same again: at the same moment, a little later, much later.
        for again in [0, 2 * SECOND, 20 * MINUTE] {
            if dice.chance(150) {
                self.acts.push((when + again, Act::Ask(index)));
            }
        }
        if dice.chance(100) {
            let mut twin = asked.clone();
            twin.request.amount = Fen::new(amount + 1).unwrap();
            self.acts
                .push((when + dice.between(0, MINUTE), Act::Ask(index + 1)));
            self.asks.push(asked);
            self.asks.push(twin);
        } else {
            self.asks.push(asked);
        }
        if plan.rules.is_some() {
            for (when, command) in people::answers(self.asks[index].asker, when, dice) {
                self.acts.push((when, Act::Command(index, command)));
            }
        }
        self.commands(index, (when, dice));
    }

    fn commands(&mut self, ask: usize, (when, dice): (i64, &mut Dice)) {
        let soon = when + dice.between(0, 3 * MINUTE);
        match dice.below(12) {
            0 => self.acts.push((when, Act::Command(ask, Command::Cancel))),
            1 => self.acts.push((soon, Act::Command(ask, Command::Cancel))),
            2 => self.acts.push((soon, Act::Command(ask, Command::Query))),
            3 => {
                for later in [MINUTE, HOUR, 8 * HOUR] {
                    self.acts
                        .push((soon + later, Act::Command(ask, Command::Retry)));
                }
            }
            4 => {
                let note = "settled by transfer".to_owned();
                let command = Command::Resolve { note };
                self.acts.push((soon + HOUR, Act::Command(ask, command)));
            }
            _ => {}
        }
    }
}
