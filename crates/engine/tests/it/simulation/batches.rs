//! Files of refunds: a person brings one, another agrees to it; it is brought again, paused, withdrawn,
//! and another file names some of the same orders. At the end each line has exactly one outcome, and
//! no order was refunded by two lines.

use std::collections::{BTreeMap, BTreeSet};

use tuikuan_domain::batch::{BatchState, Faulty, Outcome, Steer};
use tuikuan_domain::{BatchId, Source};
use tuikuan_engine::batch::file::{self, Format, Whose};
use tuikuan_engine::batch::{BatchError, Upload};
use tuikuan_engine::{Engine, EngineError};
use tuikuan_store::{BatchLine, LineFilter, LinesOf};

use crate::at_once::at_once;

use super::act::{Act, Script, name_of};
use super::dice::Dice;
use super::keys::kits;
use super::life::{Life, now};
use super::people;
use super::plan::Plan;
use super::task::{About, Done};
use super::time::{MINUTE, SECOND, START_US};

/// A file that somebody brings.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    upload: Upload,
    /// Who brings it.
    asker: usize,
    /// Its batch, once the engine acknowledged it.
    id: Option<BatchId>,
}

impl Script {
    /// The files of a life; most have none. Their dice are their own: what else happens in a life does
    /// not depend on them.
    pub(crate) fn files(&mut self, plan: &Plan) {
        let mut dice = Dice::new(plan.seed ^ 0xBA7C);
        if !dice.chance(350) {
            return;
        }
        let merchant = *dice.pick(&[0, 1, 1, 2]);
        for often in [700, 400] {
            let Some(upload) = self.file((merchant, often), &mut dice) else {
                continue;
            };
            let asker = dice.below(3);
            let (at, id) = (self.brought.len(), None);
            self.brought.push(Brought { upload, asker, id });
            let when = START_US + dice.between(SECOND, plan.busy);
            self.acts.push((when, Act::Bring(at)));
            for later in [0, MINUTE] {
                if dice.chance(250) {
                    self.acts.push((when + later, Act::Bring(at)));
                }
            }
            if dice.chance(200) {
                let soon = when + dice.between(0, 10 * SECOND);
                self.acts.push((soon, Act::Steer(at, Steer::Pause)));
                self.acts
                    .push((soon + MINUTE, Act::Steer(at, Steer::Resume)));
            }
            if dice.chance(150) {
                let soon = when + dice.between(0, 20 * SECOND);
                self.acts.push((soon, Act::Steer(at, Steer::Cancel)));
            }
        }
    }

    /// A file about some of a merchant's orders.
    fn file(&self, (merchant, often): (usize, usize), dice: &mut Dice) -> Option<Upload> {
        let mut text = "out_trade_no,amount_fen,reason\n".to_owned();
        let orders = self
            .orders
            .iter()
            .filter(|order| order.merchant == merchant);
        let mut lines = 0;
        for order in orders {
            if dice.chance(often) {
                let amount = dice.between(1, order.total);
                text.push_str(&format!("{},{amount},活动取消\n", order.out_trade_no));
                lines += 1;
            }
        }
        let kit = &kits()[merchant];
        let name = name_of(merchant).parse().unwrap();
        let whose = Whose {
            merchant: &name,
            mch_id: &kit.plan.mch_id,
            sub_mch_id: kit.plan.sub_merchants.first().map(|sub| &sub.sub_mch_id),
        };
        (lines > 0).then(|| Upload {
            file: file::read(text.as_bytes(), Format::Csv, whose).unwrap(),
            name: Some("event.csv".to_owned()),
            merchant: name.clone(),
        })
    }
}

/// Somebody brings a file and asks for its refunds; where another person must agree, one does.
async fn bring(engine: &Engine, file: Brought) -> Result<BatchId, BatchError> {
    let by = people::by(people::person(file.asker));
    let mut batch = engine.accept_batch(file.upload, &by).await?.batch;
    let id = batch.id.clone();
    if batch.state == BatchState::Checked {
        batch = match engine.submit_batch(&id, Faulty::LeaveOut, &by).await {
            Ok(batch) => batch,
            Err(BatchError::Refused(_)) => return Ok(id),
            Err(error) => return Err(error),
        };
    }
    if batch.state == BatchState::AwaitingApproval {
        let content = batch.content_text();
        let other = people::by(people::person(file.asker + 1));
        match engine
            .steer_batch(&id, &Steer::Approve { content }, &other)
            .await
        {
            Ok(_) | Err(BatchError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(id)
}

impl Life {
    pub(crate) fn bring(&mut self, at: usize) {
        let Some((engine, node)) = self.some_engine() else {
            return self.again(Act::Bring(at));
        };
        let file = self.brought[at].clone();
        self.spawn(node, About::Bring(at), async move {
            Done::Brought(bring(&engine, file).await)
        });
    }

    /// What came of bringing a file.
    pub(crate) fn is_brought(&mut self, about: &About, result: Result<BatchId, BatchError>) {
        let About::Bring(at) = about else {
            return;
        };
        match result {
            Ok(id) => {
                self.outcome.count("batches", 1);
                self.brought[*at].id = Some(id);
            }
            // Somebody brings the same file to another process.
            Err(BatchError::Busy | BatchError::Engine(EngineError::Conflict)) => {
                self.again(Act::Bring(*at));
            }
            Err(error) => {
                let what = format!("a batch failed: {error:?}");
                self.shared.lock().find(what);
            }
        }
    }

    pub(crate) fn steer(&mut self, at: usize, act: Steer) {
        let (Some(id), Some((engine, node))) = (self.brought[at].id.clone(), self.some_engine())
        else {
            return;
        };
        let by = people::by(people::person(self.brought[at].asker));
        self.spawn(node, About::Steer(at), async move {
            Done::Steered(engine.steer_batch(&id, &act, &by).await.map(drop))
        });
    }

    pub(crate) fn is_steered(&mut self, result: Result<(), BatchError>) {
        match result {
            Ok(()) => self.outcome.count("steered batches", 1),
            Err(BatchError::Refused(_)) => {}
            Err(error) => {
                let what = format!("a batch could not be steered: {error:?}");
                self.shared.lock().find(what);
            }
        }
    }

    fn batch_ids(&self) -> BTreeSet<BatchId> {
        let ids = self.brought.iter().filter_map(|file| file.id.clone());
        ids.collect()
    }

    /// Whether no batch goes on by itself.
    pub(crate) fn batches_rest(&self) -> bool {
        self.batch_ids().iter().all(|id| {
            let batch = at_once(self.store.batch(id)).unwrap().unwrap();
            batch.state != BatchState::Running
        })
    }

    /// Every line has one outcome, and it is that of the one refund of its order.
    pub(crate) fn judge_batches(&mut self) {
        let mut refunded: BTreeMap<String, String> = BTreeMap::new();
        for id in self.batch_ids() {
            let batch = at_once(self.store.batch(&id)).unwrap().unwrap();
            let wanted = LinesOf {
                batch: id.clone(),
                filter: LineFilter::All,
                after: 0,
                limit: 1000,
            };
            let lines = now(self.store.batch_lines(wanted)).unwrap();
            let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
            for line in &lines {
                *counted.entry(line.outcome.as_str()).or_default() += 1;
                self.outcome
                    .count(&format!("line {}", line.outcome.as_str()), 1);
                self.judge_line(batch.state, line, &mut refunded);
            }
            let kept = at_once(self.store.batch_counts(&id)).unwrap();
            let kept: BTreeMap<&str, i64> = kept
                .iter()
                .filter(|count| count.lines > 0)
                .map(|count| (count.outcome.as_str(), count.lines))
                .collect();
            let whole = usize::try_from(batch.summary.lines).unwrap() == lines.len();
            if kept != counted || !whole {
                let what = format!("the counts of {id} are {kept:?}, its lines {counted:?}");
                self.shared.lock().find(what);
            }
        }
    }

    fn judge_line(
        &self,
        state: BatchState,
        line: &BatchLine,
        refunded: &mut BTreeMap<String, String>,
    ) {
        let number = line.line.number;
        let ended = matches!(state, BatchState::Running | BatchState::Finished);
        if line.outcome == Outcome::Pending && ended {
            let what = format!("INV-13: line {number} of a batch is passed over");
            self.shared.lock().find(what);
        }
        let (Outcome::Refund(_), Some(id)) = (line.outcome, &line.refund) else {
            return;
        };
        let refund = at_once(self.store.refund(id)).unwrap().unwrap();
        if refund.origin != Source::Batch {
            return;
        }
        let order = line.line.order.out_trade_no.as_ref().unwrap().to_string();
        let key = format!("{}/{order}", refund.mch_id);
        let known = refunded.entry(key).or_insert_with(|| id.to_string());
        if known != id.as_str() {
            let what = format!("INV-15: {order} is refunded by two lines, as {known} and {id}");
            self.shared.lock().find(what);
        }
        if refund.out_refund_no != line.line.out_refund_no
            || refund.content.amount != line.line.amount
        {
            let what = format!("INV-2: line {number} became another refund, {id}");
            self.shared.lock().find(what);
        }
    }
}
