//! Who opens the console of the demo: a person who is signed in by a link, and what waits there for
//! them when the books have been compared. Everything goes through the same doors as ever.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tuikuan_domain::approval::Rules;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::{By, Engine, NewUser};
use tuikuan_sim::{FaultAction, FaultMatch, FaultRule, Interface};
use tuikuan_store::{Purpose, Scope};
use tuikuan_terms::Fen;

use super::plan::{self, Registration, Scene};
use super::play::Play;
use super::stage::Stage;
use super::trouble::Trouble;

/// Refunds above this need a second person, in fen.
const APPROVAL_ABOVE: i64 = 50_000;
/// Numbers of scenes from here on are the visitor's.
const FIRST_SCENE: usize = 500_000;
/// After the plan a refund begins this often, so that what is open in a browser moves.
const TRICKLE_EVERY: Duration = Duration::from_secs(4);
/// The trickle ends after so many: a demo that was forgotten shall not fill the disk.
const TRICKLE_MAX: usize = 5_000;

/// Adds the visitor and gives the link that signs them in.
pub(crate) async fn link(engine: &Engine, url: &str) -> anyhow::Result<String> {
    let people = engine.people();
    let visitor = NewUser {
        name: "demo".to_owned(),
        role: Role::Admin,
        scope: Scope::All,
        language: None,
        password: None,
    };
    let visitor = people
        .create_user(&Actor::Cli, visitor)
        .await
        .context("the visitor could not be added")?;
    let token = people
        .invite(&Actor::Cli, Some(&visitor.id), Purpose::Demo)
        .await
        .context("the visitor's link could not be made")?;
    Ok(tuikuan_server::link(url, &token))
}

impl Play {
    /// Leaves what a person has to decide about.
    pub(crate) async fn leave_work(self: &Arc<Self>) -> anyhow::Result<()> {
        let rules = Rules {
            approval_above: Some(Fen::new(APPROVAL_ABOVE)?),
            ..Rules::default()
        };
        self.stage
            .engine()
            .set_rules(&By::cli(), None, (rules, None))
            .await
            .context("the rules could not be set")?;
        let mut number = FIRST_SCENE;
        for (trouble, merchant, total) in WAITING {
            number = number.saturating_add(1);
            let scene = scene(number, trouble, (merchant, total));
            self.set_up(&scene).await?;
            if trouble == Trouble::Hang {
                self.silence(&scene);
            }
            self.ask(&scene, "a", Vec::new()).await?;
        }
        number = number.saturating_add(1);
        self.leave_later(number).await?;
        self.leave_batch(number.saturating_add(1)).await
    }

    /// A file of small refunds that runs.
    async fn leave_batch(&self, first: usize) -> anyhow::Result<()> {
        let mut csv = String::from("商户订单号,金额(元),退款原因\n");
        for (place, yuan) in ["12.80", "9.90", "25.00", "18.60", "7.20", "3.50"]
            .iter()
            .enumerate()
        {
            let scene = scene(first.saturating_add(place), Trouble::None, ("main", 2_990));
            self.set_up(&scene).await?;
            writeln!(csv, "{},{yuan},活动取消", self.order_number(&scene))?;
        }
        let checked = self.shop.upload("main", csv).await?;
        let id = checked.get("id").and_then(Value::as_str);
        let id = id.context("a batch has no id")?;
        let path = format!("/v1/batches/{id}/submit");
        self.shop.done(Method::POST, &path, None).await?;
        Ok(())
    }

    /// One that is not to be sent before tomorrow.
    async fn leave_later(&self, number: usize) -> anyhow::Result<()> {
        let scene = scene(number, Trouble::None, ("main", 12_800));
        self.set_up(&scene).await?;
        let tomorrow = self
            .stage
            .now()
            .checked_add(SignedDuration::from_hours(24))?;
        let more = vec![("not_before", json!(tomorrow.to_string()))];
        self.ask(&scene, "a", more).await?;
        Ok(())
    }

    /// WeChat answers nothing that is asked about this refund.
    fn silence(&self, scene: &Scene) {
        let number = self.refund_number(scene, "a");
        self.stage.sim.with_world(|world| {
            for api in [Interface::V3RefundQuery, Interface::RefundNotification] {
                let action = match api {
                    Interface::RefundNotification => FaultAction::NotificationDrop,
                    _ => FaultAction::Maintenance,
                };
                world.add_fault(FaultRule::always(action).matching(FaultMatch {
                    api: Some(api),
                    out_refund_no: Some(number.clone()),
                    ..FaultMatch::default()
                }));
            }
        });
    }

    /// Ordinary life goes on, slowly, until the demo is stopped.
    pub(crate) async fn trickle(self: Arc<Self>, stopping: CancellationToken) {
        let first = FIRST_SCENE.saturating_mul(2);
        let scenes = plan::scenes(self.seed.wrapping_add(1), TRICKLE_MAX);
        for (place, mut scene) in scenes.into_iter().enumerate() {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(TRICKLE_EVERY) => {}
            }
            scene.number = first.saturating_add(place);
            let begun = async {
                self.set_up(&scene).await?;
                self.ask(&scene, "a", Vec::new()).await
            };
            if let Err(error) = begun.await {
                tracing::debug!(%error, "a refund of the demo was not taken");
            }
        }
    }
}

/// What waits: large refunds for a second person, abnormal ones, a refused one, one that WeChat says
/// nothing about.
const WAITING: [(Trouble, &str, i64); 8] = [
    (Trouble::None, "main", 68_800),
    (Trouble::None, "classic", 129_900),
    (Trouble::None, "provider", 52_000),
    (Trouble::AbnormalByHand, "main", 29_900),
    (Trouble::AbnormalByHand, "provider", 8_800),
    (Trouble::AccountClosed, "main", 15_600),
    (Trouble::ParamError, "classic", 4_990),
    (Trouble::Hang, "main", 36_500),
];

fn scene(number: usize, trouble: Trouble, (merchant, total): (&'static str, i64)) -> Scene {
    Scene {
        number,
        merchant,
        trouble,
        total,
        amount: total,
        registration: Registration::Put,
        size: 0,
    }
}

/// The words of the link, in both languages.
pub(crate) fn invitation(stage: &Stage) -> String {
    format!(
        "The console, with you signed in 打开控制台:\n  {}\n",
        stage.visit
    )
}
