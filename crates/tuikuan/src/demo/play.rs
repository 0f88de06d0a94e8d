//! The scenes as they are played: a payment, the request for its refund, and what a person does
//! about it later. Every request goes through the HTTP interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tuikuan_sim::{Api, CouponInput, CouponKind, PaidOrder, PortalRefund};

use super::board::{Board, is_end};
use super::plan::{Registration, Scene};
use super::shop::Shop;
use super::stage::Stage;
use super::trouble::{self, Trouble};

/// How often a scene looks at the board.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// Clicks of a double click that got out of hand.
const CLICKS: u64 = 5;

/// What scenes share.
pub(crate) struct Play {
    pub(crate) stage: Stage,
    pub(crate) shop: Shop,
    pub(crate) board: Board,
    pub(crate) seed: u64,
    pub(crate) deadline: Instant,
    pub(crate) tally: Tally,
}

/// What the scenes did beside the simulator's faults.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests that repeated one already made.
    pub(crate) repeated_requests: AtomicU64,
    /// Requests for more than was left, refused.
    pub(crate) refused_requests: AtomicU64,
    /// Refunds made in the merchant portal.
    pub(crate) portal_refunds: AtomicU64,
    /// Refunds that had to wait for money.
    pub(crate) shortages: AtomicU64,
    /// Abnormal refunds settled by a person.
    pub(crate) settled: AtomicU64,
}

/// A refund that the service accepted.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The service's id.
    pub(crate) id: String,
    /// Whether it came to an end in time.
    pub(crate) ended: bool,
}

impl Play {
    /// Plays a scene to its end; answers the refunds that were accepted in it.
    pub(crate) async fn scene(self: Arc<Self>, scene: Scene) -> anyhow::Result<Vec<Asked>> {
        self.set_up(&scene).await?;
        let mut asked = vec![self.ask(&scene, "a", Vec::new()).await?];
        match scene.trouble {
            Trouble::Splits => {
                asked.push(self.ask(&scene, "b", Vec::new()).await?);
                asked.push(self.ask(&scene, "c", Vec::new()).await?);
            }
            Trouble::OverAsk => self.ask_too_much(&scene).await?,
            Trouble::Cancelled => self.act(&asked, "cancel", None).await?,
            Trouble::NotEnough => count(&self.tally.shortages),
            Trouble::AbnormalByHand | Trouble::ParamError | Trouble::Closed => {
                self.person(&scene, &mut asked).await?;
            }
            _ => {}
        }
        for refund in &mut asked {
            refund.ended = self.wait(&refund.id, is_end).await;
            if refund.ended {
                self.board.finish();
            }
        }
        Ok(asked)
    }

    /// What a person does about the refunds that wait for one.
    async fn person(&self, scene: &Scene, asked: &mut Vec<Asked>) -> anyhow::Result<()> {
        let wanted = match scene.trouble {
            Trouble::AbnormalByHand => "abnormal",
            Trouble::ParamError => "rejected",
            _ => "closed",
        };
        if !self.reached(asked, |status| status == wanted).await {
            return Ok(());
        }
        match scene.trouble {
            Trouble::AbnormalByHand => {
                let note = json!({ "note": "paid to the buyer's bank card by hand" });
                self.act(asked, "resolve", Some(&note)).await?;
                count(&self.tally.settled);
            }
            Trouble::ParamError => {
                self.act(asked, "retry", None).await?;
                self.reached(asked, |status| status != "rejected").await;
            }
            _ => {
                let old = asked.first().map(|a| a.id.clone()).unwrap_or_default();
                let replaces = vec![("replaces", Value::from(old))];
                asked.push(self.ask(scene, "b", replaces).await?);
            }
        }
        Ok(())
    }

    pub(crate) fn order_number(&self, scene: &Scene) -> String {
        format!("ORDER-{}-{:06}", self.seed % 1_000_000, scene.number)
    }

    pub(crate) fn refund_number(&self, scene: &Scene, letter: &str) -> String {
        format!("R{}-{:06}{letter}", self.seed % 1_000_000, scene.number)
    }

    /// The payment, and how it becomes known.
    pub(crate) async fn set_up(&self, scene: &Scene) -> anyhow::Result<()> {
        if scene.trouble == Trouble::NoSuchOrder {
            return Ok(());
        }
        let number = self.order_number(scene);
        let (mch_id, sub) = Stage::account(scene.merchant);
        let mut order = PaidOrder::new(mch_id, &number, scene.total);
        order.sub_mch_id = sub.map(str::to_owned);
        let v2 = trouble::is_v2(scene.merchant);
        order.api = Some(if v2 { Api::V2 } else { Api::V3 });
        if scene.registration == Registration::Notified {
            let path = if v2 { "v2/payment" } else { "v3" };
            let url = format!("{}/notify/{}/{path}", self.stage.url, scene.merchant);
            order.notify_url = Some(url);
        }
        if scene.trouble == Trouble::Coupon {
            order.coupons.push(CouponInput {
                kind: CouponKind::Cash,
                amount: scene.total / 5,
            });
        }
        self.stage.sim.with_world(|world| -> anyhow::Result<()> {
            world.place_paid_order(&order)?;
            if scene.trouble == Trouble::Portal {
                world.portal_refund(&PortalRefund {
                    mch_id: mch_id.to_owned(),
                    sub_mch_id: sub.map(str::to_owned),
                    out_trade_no: number.clone(),
                    amount: scene.amount,
                    out_refund_no: None,
                })?;
                count(&self.tally.portal_refunds);
            }
            Ok(())
        })?;
        if scene.registration == Registration::Put {
            let path = format!("/v1/payments/{}/{number}", scene.merchant);
            let body = json!({ "total": scene.total });
            self.shop.done(Method::PUT, &path, Some(&body)).await?;
        }
        Ok(())
    }

    fn request(&self, scene: &Scene, letter: &str, more: Vec<(&str, Value)>) -> Value {
        let mut body = json!({
            "merchant": scene.merchant,
            "out_trade_no": self.order_number(scene),
            "amount": scene.amount,
            "out_refund_no": self.refund_number(scene, letter),
            "reason": "商品退货",
            "metadata": { "scene": scene.trouble.words() },
        });
        let wait = match scene.trouble {
            Trouble::Scheduled => Some(SignedDuration::from_mins(3)),
            Trouble::Cancelled => Some(SignedDuration::from_mins(30)),
            _ => None,
        };
        if let Some(members) = body.as_object_mut() {
            if let Some(at) = wait.and_then(|wait| self.stage.now().checked_add(wait).ok()) {
                members.insert("not_before".to_owned(), at.to_string().into());
            }
            members.extend(more.into_iter().map(|(name, v)| (name.to_owned(), v)));
        }
        body
    }

    /// Asks for a refund, in the way of the scene.
    pub(crate) async fn ask(
        &self,
        scene: &Scene,
        letter: &str,
        more: Vec<(&str, Value)>,
    ) -> anyhow::Result<Asked> {
        let out_refund_no = self.refund_number(scene, letter);
        if letter == "a" {
            let rules = trouble::faults(scene, &out_refund_no);
            self.stage.sim.with_world(|world| {
                for rule in rules {
                    world.add_fault(rule);
                }
            });
        }
        let body = self.request(scene, letter, more);
        let answer = match scene.trouble {
            Trouble::DoubleClick => self.click(&body).await?,
            _ => {
                self.shop
                    .done(Method::POST, "/v1/refunds", Some(&body))
                    .await?
            }
        };
        let id = answer.get("id").and_then(Value::as_str);
        let id = id.context("an accepted refund has no id")?.to_owned();
        let label = format!("{:<8} {}", scene.merchant, out_refund_no);
        self.board.label(&id, &label);
        let yuan = tuikuan_terms::Fen::new(scene.amount)?.to_yuan();
        let words = format!("¥{yuan}: {}", scene.trouble.words());
        self.board.note(self.time(), &label, words);
        Ok(Asked { id, ended: false })
    }

    /// The same request several times at once: one refund, told to everybody alike.
    async fn click(&self, body: &Value) -> anyhow::Result<Value> {
        let ask = || self.shop.done(Method::POST, "/v1/refunds", Some(body));
        let answers = tokio::try_join!(ask(), ask(), ask(), ask(), ask())?;
        let (first, second, third, fourth, fifth) = answers;
        let id = first.get("id").cloned();
        for other in [&second, &third, &fourth, &fifth] {
            ensure!(
                other.get("id").cloned() == id,
                "a double click made two refunds"
            );
        }
        let repeats = CLICKS.saturating_sub(1);
        self.tally
            .repeated_requests
            .fetch_add(repeats, Ordering::Relaxed);
        Ok(first)
    }

    /// More than is left must be refused.
    async fn ask_too_much(&self, scene: &Scene) -> anyhow::Result<()> {
        let too_much = scene.total.saturating_sub(scene.amount).saturating_add(1);
        let more = vec![("amount", Value::from(too_much))];
        let body = self.request(scene, "x", more);
        let (status, answer) = self
            .shop
            .call(Method::POST, "/v1/refunds", Some(&body))
            .await?;
        if !(400..500).contains(&status) {
            bail!("more than was left was accepted: {status} {answer}");
        }
        count(&self.tally.refused_requests);
        Ok(())
    }

    /// A person does something about the first refund of a scene.
    async fn act(&self, asked: &[Asked], what: &str, body: Option<&Value>) -> anyhow::Result<()> {
        let Some(refund) = asked.first() else {
            return Ok(());
        };
        let path = format!("/v1/refunds/{}/{what}", refund.id);
        self.shop.done(Method::POST, &path, body).await?;
        Ok(())
    }

    async fn reached(&self, asked: &[Asked], wanted: impl Fn(&str) -> bool) -> bool {
        match asked.first() {
            Some(refund) => self.wait(&refund.id, wanted).await,
            None => false,
        }
    }

    /// Waits until a refund stands where it is wanted; `false` when time is up.
    async fn wait(&self, id: &str, wanted: impl Fn(&str) -> bool) -> bool {
        while Instant::now() < self.deadline {
            if self.board.status(id).is_some_and(|status| wanted(&status)) {
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        false
    }

    /// The time of day on the demo's clock.
    pub(crate) fn time(&self) -> String {
        let now = self.stage.now().to_string();
        now.chars().skip(11).take(8).collect()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
