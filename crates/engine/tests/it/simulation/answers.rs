//! What the engine answered, and to whom that goes.

use crate::at_once::at_once;
use tuikuan_engine::{EngineError, Received};

use super::keys::kits;
use super::life::Life;
use super::task::{About, Done, Task};

impl Life {
    pub(crate) fn done(&mut self, task: &Task, done: Done) {
        match done {
            Done::Claimed(works) => {
                for work in works.unwrap() {
                    let Some(node) = self.nodes.iter().find(|node| node.id == task.node) else {
                        return;
                    };
                    let (engine, node) = (node.engine.clone(), node.id);
                    let (key, fence) = (work.key(), work.fence());
                    let about = About::Job(key.clone());
                    let id = self.spawn(
                        node,
                        about,
                        async move { Done::Ran(engine.run(work).await) },
                    );
                    let newest = self.claims.entry(key).or_insert((fence, id));
                    // A node that was paused may tell of an old claim later.
                    if newest.0 <= fence {
                        *newest = (fence, id);
                    }
                }
            }
            Done::Ran(Ok(())) => {}
            Done::Ran(Err(tuikuan_engine::LedgerError::LeaseLost)) => {
                self.outcome.count("lost leases", 1);
            }
            Done::Ran(Err(error)) => {
                let about = format!("{:?}", task.about);
                self.shared
                    .lock()
                    .find(format!("a job failed: {about}: {error:?}"));
            }
            Done::Asked(result) => {
                if let About::Ask(ask) = task.about {
                    self.asked(ask, result);
                }
            }
            Done::Commanded(Ok(_)) => self.outcome.count("commands", 1),
            Done::Commanded(Err(EngineError::Refused(_))) => {
                self.outcome.count("refused commands", 1);
            }
            Done::Commanded(Err(error)) => {
                self.shared
                    .lock()
                    .find(format!("a command failed: {error:?}"));
            }
            Done::Registered(Ok(_)) => {}
            Done::Registered(Err(error)) => self.not_registered(&task.about, &error),
            Done::Brought(result) => self.is_brought(&task.about, result),
            Done::Steered(result) => self.is_steered(result),
            Done::Received(received) => self.received(&task.about, received),
        }
    }

    pub(crate) fn not_registered(&mut self, about: &About, error: &EngineError) {
        let About::Register(at) = about else {
            return;
        };
        let order = &self.orders[*at];
        let kit = &kits()[order.merchant];
        let sub = kit.plan.sub_merchants.first().map(|sub| &sub.sub_mch_id);
        let number = order.out_trade_no.parse().unwrap();
        let stored = at_once(
            self.store
                .payment_by_trade_no(&kit.plan.mch_id, sub, &number),
        )
        .unwrap();
        let id = order.transaction_id.parse().unwrap();
        let holder = at_once(self.store.payment_by_transaction(&kit.plan.mch_id, &id)).unwrap();
        let what =
            format!("INV-8: {order:?} was refused: {error:?}, stored is {stored:?}, {holder:?}");
        self.shared.lock().find(what);
    }

    pub(crate) fn received(&mut self, about: &About, received: Received) {
        let About::Notice { attempt, true_one } = about else {
            return;
        };
        let mut stage = self.shared.lock();
        if received == Received::Stored {
            self.stored += 1;
        } else if *true_one {
            stage.find(format!(
                "INV-20: a true notification was answered {received:?}"
            ));
        }
        self.outcome.count(&format!("notices {received:?}"), 1);
        let Some(id) = *attempt else {
            return;
        };
        let at = usize::try_from(id - 1).unwrap();
        let v2 = stage.world.notifications()[at].format == tuikuan_sim::Api::V2;
        let (status, body) = match (received, v2) {
            (Received::Stored, true) => (
                200,
                "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>",
            ),
            (Received::Stored, false) => (200, ""),
            (Received::NotUnderstood, _) => (400, ""),
            (Received::NotStored, _) => (500, ""),
        };
        stage
            .world
            .notification_answered(id, status, body.as_bytes());
    }
}
