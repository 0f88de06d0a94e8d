//! The processes: they begin, stop for a while, die (F-25, F-26, F-44, F-45).

use crate::at_once::at_once;
use std::sync::Arc;

use tuikuan_domain::quota::Limits;
use tuikuan_engine::{Clock, Engine, EngineParts, Merchant, Settings};
use tuikuan_wechat::Account;
use tuikuan_wechat::account::SubMerchant;

use super::act::{Act, BASE, name_of};
use super::keys::kits;
use super::life::Life;
use super::plan::Plan;
use super::task::{About, Task};
use super::time::{MINUTE, SECOND};

/// No node is down or paused for longer.
pub(crate) const AWAY_MAX: i64 = 2 * MINUTE;

/// A process with an engine.
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    pub(crate) paused: bool,
}

impl Life {
    pub(crate) fn start_node(&mut self) {
        let limits = Limits {
            submits_per_second: self.plan.submits_per_second,
            ..Limits::default()
        };
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let clock: Arc<dyn Clock> = Arc::new(self.shared.lock().clock.clone());
        let engine = at_once(Engine::new(EngineParts {
            store: Arc::clone(&self.store),
            merchants: self.merchants.clone(),
            clock,
            ids: self.ids.clone(),
            network: self.wire.clone(),
            settings,
        }));
        let id = self.shared.lock().number();
        self.nodes.push(Node {
            id,
            engine: engine.unwrap(),
            paused: false,
        });
        self.blur_quota();
    }

    /// Quotas are kept per node: while there are two, or after a pause, they are not looked at.
    /// After a crash they are: what the process before it sent counts (INV-26).
    pub(crate) fn blur_quota(&mut self) {
        let mut stage = self.shared.lock();
        let until = stage.clock.now_us() + 2 * SECOND;
        let paused = self.nodes.iter().any(|node| node.paused);
        stage.calls.quota_from = match self.nodes.len() {
            0 | 1 if !paused => stage.calls.quota_from.min(until),
            _ => i64::MAX,
        };
    }

    /// A node dies, or stops for a while (F-25, F-26, F-44, F-45).
    pub(crate) fn accident(&mut self) {
        let awake: Vec<usize> = (0..self.nodes.len())
            .filter(|at| !self.nodes[*at].paused)
            .collect();
        if awake.is_empty() {
            return;
        }
        let at = *self.dice.pick(&awake);
        let now_us = self.now_us();
        if self.dice.below(self.plan.crash + self.plan.pause) < self.plan.crash {
            self.crash(at);
            if self.nodes.is_empty() || self.dice.chance(300) {
                let later = now_us + self.dice.between(SECOND, AWAY_MAX);
                self.plan_act(later, Act::Start);
            }
        } else {
            let id = self.nodes[at].id;
            self.nodes[at].paused = true;
            self.outcome.count("pauses", 1);
            let later = now_us + self.dice.between(SECOND, AWAY_MAX);
            self.plan_act(later, Act::Resume(id));
            if self.dice.chance(700) && self.nodes.len() < 3 {
                self.start_node();
            }
        }
        self.shared.lock().line(|| format!("accident {at}"));
        self.blur_quota();
    }

    pub(crate) fn resume(&mut self, id: u64) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            node.paused = false;
        }
        self.blur_quota();
    }

    /// All futures of a process are gone; what it committed stays.
    pub(crate) fn crash(&mut self, at: usize) {
        let node = self.nodes.swap_remove(at);
        self.outcome.count("crashes", 1);
        let (gone, stay): (Vec<Task>, Vec<Task>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.node == node.id);
        self.tasks = stay;
        for task in gone {
            match task.about {
                About::Ask(ask) => self.again(Act::Ask(ask)),
                About::Register(order) => self.again(Act::Register(order)),
                About::Bring(file) => self.again(Act::Bring(file)),
                About::Notice {
                    attempt: Some(id), ..
                } => {
                    self.shared.lock().world.notification_failed(id, "reset");
                }
                About::Notice { attempt: None, .. }
                | About::Claim
                | About::Job(_)
                | About::Steer(_)
                | About::Command(_) => {}
            }
        }
    }
}

/// A merchant as the engine is configured with it.
pub(crate) fn merchant(at: usize, plan: &Plan) -> Merchant {
    let kit = &kits()[at];
    let sub = kit.plan.sub_merchants.first().map(|sub| SubMerchant {
        sub_mch_id: sub.sub_mch_id.clone(),
        sub_app_id: sub.sub_app_id.clone(),
    });
    let account = Account {
        mch_id: kit.plan.mch_id.clone(),
        app_id: kit.plan.app_id.clone(),
        sub,
        api: plan.apis[at],
        sign_type: plan.sign_type,
        credentials: kit.credentials.clone(),
    };
    Merchant::new(name_of(at).parse().unwrap(), account, Some(BASE.to_owned()))
}
