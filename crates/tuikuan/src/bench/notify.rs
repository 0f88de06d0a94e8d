//! `bench notify`: from a v3 notification over HTTP to the durable answer, against the slower of
//! two limits measured in the same run: verifying, decrypting and parsing on one core, and the
//! group commit of the same rows without HTTP. What else a notification cannot do without is measured
//! beside it, each part alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tuikuan_domain::refund::{Approval, Context, observe};
use tuikuan_domain::{Observation, OrderRef, Report as Told, Source, Status, WechatState};
use tuikuan_engine::{Clock, Engine, MachineClock, Settings};
use tuikuan_sim::{Limits, NotificationAttempt, OutcomePolicy, RefundStatus, World};
use tuikuan_store::{Change, InboxEntry};
use tuikuan_terms::OutRefundNo;
use tuikuan_wechat::v3::notification;
use tuikuan_wechat::{Api, RefundReport};

use super::commits;
use super::load::{Load, Loaded, post};
use super::place::{self, Folder, Keys, MCH_ID, Nearby, Served};
use super::report::{Report, Times, each_us, rate, rounded};

/// The queue must be sent after so long.
const SEND_WITHIN: Duration = Duration::from_secs(300);
/// Nobody looks for a refund by itself while this is measured.
const NEVER: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// Sends in a second, on both sides.
const SENDS_PER_SECOND: u32 = 100_000;

/// One of so many is sent for a merchant that nobody has.
const REFUSED_OF: usize = 4;

/// How it is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Notifications that are measured.
    pub(crate) requests: usize,
    /// Clients at once.
    pub(crate) clients: usize,
}

/// Measures.
pub(crate) async fn run(folder: Folder, plan: Plan) -> anyhow::Result<Report> {
    let keys = Keys::make()?;
    let nearby = Arc::new(Nearby::new(world(&keys)?, MachineClock::real()));
    let settings = settings()?;
    let store = place::store(&folder).await?;
    let account = keys.account(Api::V3)?;
    let engine = place::engine(store, account, (Arc::clone(&nearby), settings)).await?;
    let all = plan.requests * 2;
    send(&engine, &nearby, ("NOTE", all)).await?;
    let mut written = notifications(&nearby, all)?;
    ensure!(
        written.len() == all,
        "{} notifications of {all}",
        written.len()
    );
    let for_commit = written.split_off(plan.requests);
    let crypto = crypto(&engine, &written)?;
    let looked = looks(&engine, &written, plan).await?;
    let half = for_commit.len() / 2;
    let before = commits(&engine, for_commit.get(..half).unwrap_or_default(), plan).await?;
    let served = [place::serve(&engine).await?];
    let refused = refused(&served, &written, plan).run().await?;
    let loaded = load(&served, &written, plan.clients).run().await?;
    let after = commits(&engine, for_commit.get(half..).unwrap_or_default(), plan).await?;
    let commits = f64::midpoint(before.0, after.0);
    let committed = before.1 + after.1;
    let applied = count(&engine, Status::Succeeded).await?;
    ensure!(
        applied == all,
        "{applied} of {all} notifications were applied"
    );
    let each = |loaded: &Loaded, count: usize| rounded(each_us(loaded.spent, count));
    let (baseline, baseline_is) = if crypto < commits {
        (crypto, "verify, decrypt and parse on one core")
    } else {
        (commits, "group commit of the same rows without HTTP")
    };
    Ok(Report {
        bench: "notify",
        unit: "notifications/s",
        figure: rate(plan.requests, loaded.elapsed),
        baseline,
        baseline_is: format!("{baseline_is}, the slower of the two limits"),
        more: vec![
            ("requests", json!(plan.requests)),
            ("clients", json!(plan.clients)),
            ("processor_us_each", each(&loaded, plan.requests)),
            ("crypto_per_s", rounded(crypto)),
            ("group_commit_per_s", rounded(commits)),
            ("refused_us_each", each(&refused, refused.times.len())),
            ("crypto_us_each", rounded(1e6 / crypto)),
            ("look_us_each", each(&looked, plan.requests)),
            (
                "commit_us_each",
                rounded(each_us(committed, for_commit.len())),
            ),
        ],
        times: Times::of(loaded.times),
    })
}

/// A WeChat that takes what is sent and says nothing more, as fast as it comes.
pub(crate) fn world(keys: &Keys) -> anyhow::Result<World> {
    let mut world = keys.world()?;
    world.set_limits(Limits {
        applications_per_second: SENDS_PER_SECOND,
        queries_per_second: SENDS_PER_SECOND,
        ..Limits::published()
    });
    world.set_outcomes(OutcomePolicy {
        default: RefundStatus::Processing,
        ..OutcomePolicy::prompt()
    });
    Ok(world)
}

/// An engine that sends as fast as it can, and asks nothing by itself.
pub(crate) fn settings() -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    settings.limits.submits_per_second = usize::try_from(SENDS_PER_SECOND)?;
    settings.schedule.first_query = NEVER;
    Ok(settings)
}

/// Notifications, over HTTP.
pub(crate) fn load(served: &[Served], written: &[NotificationAttempt], clients: usize) -> Load {
    let requests = written
        .iter()
        .map(|attempt| post("/notify/main/v3", &attempt.headers, &attempt.body));
    Load {
        addresses: served.iter().map(|served| served.address).collect(),
        requests: Arc::new(requests.collect()),
        good: &[200, 204],
        clients,
    }
}

/// Refunds that WeChat has taken.
pub(crate) async fn send(
    engine: &Engine,
    nearby: &Nearby,
    (prefix, refunds): (&str, usize),
) -> anyhow::Result<()> {
    place::orders(nearby, prefix, refunds)?;
    place::pay(engine, prefix, refunds).await?;
    place::ask(engine, prefix, refunds).await?;
    let workers = engine.start();
    let began = Instant::now();
    while count(engine, Status::Processing).await? < refunds {
        if began.elapsed() > SEND_WITHIN {
            bail!("the refunds could not be sent");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    workers.stop().await;
    Ok(())
}

/// How many refunds are in a status.
pub(crate) async fn count(engine: &Engine, status: Status) -> anyhow::Result<usize> {
    let counts = engine.store().counts().await?;
    let found = counts.iter().filter(|count| count.status == status);
    Ok(usize::try_from(
        found.map(|count| count.refunds).sum::<i64>(),
    )?)
}

/// So many of the refunds under way succeed; what WeChat writes about it, signed now. What is signed
/// is believed for five minutes (INV-17).
pub(crate) fn notifications(
    nearby: &Nearby,
    count: usize,
) -> anyhow::Result<Vec<NotificationAttempt>> {
    let mut world = nearby.world();
    let under_way = world.refunds().iter();
    let ids: Vec<String> = under_way
        .filter(|refund| refund.status == RefundStatus::Processing)
        .take(count)
        .map(|refund| refund.refund_id.clone())
        .collect();
    for id in ids {
        world.decide(&id, RefundStatus::Success)?;
    }
    let now_ms = world.now_ms();
    Ok(world.due_notifications(now_ms.saturating_add(1)))
}

/// How many notifications one core can verify, decrypt and parse in a second.
fn crypto(engine: &Engine, written: &[NotificationAttempt]) -> anyhow::Result<f64> {
    let merchant = engine.merchants().first().context("no merchant")?;
    let credentials = &merchant.account.credentials;
    let key = credentials.api_v3_key().context("no key")?;
    let keys = credentials.trusted();
    let began = Instant::now();
    for attempt in written {
        let now = MachineClock::real().wall().as_second();
        notification::open(&attempt.headers, &attempt.body, &keys, key, now)?;
    }
    Ok(rate(written.len(), began.elapsed()))
}

/// How many such notifications the store can take in a second, as many at once as there are
/// clients.
async fn commits(
    engine: &Engine,
    written: &[NotificationAttempt],
    plan: Plan,
) -> anyhow::Result<(f64, Duration)> {
    let mut changes = Vec::with_capacity(written.len());
    for attempt in written {
        changes.push(change(engine, attempt).await?);
    }
    let count = changes.len();
    let loaded = commits::commit(engine, changes, plan.clients).await?;
    Ok((rate(count, loaded.elapsed), loaded.spent))
}

/// Looks for the refund and the payment that each notification is about, as many at once as there are
/// clients; nothing is committed meanwhile, so that the pages of the last look are still at hand.
async fn looks(
    engine: &Engine,
    written: &[NotificationAttempt],
    plan: Plan,
) -> anyhow::Result<Loaded> {
    let mut numbers = Vec::with_capacity(written.len());
    for attempt in written {
        numbers.push(report(engine, attempt)?.0.out_refund_no);
    }
    let engine = engine.clone();
    let look = move |number: OutRefundNo| {
        let engine = engine.clone();
        async move {
            let nameless = OrderRef {
                out_trade_no: None,
                transaction_id: None,
            };
            let mch_id = MCH_ID.parse()?;
            let store = engine.store();
            let found = store.situation(&mch_id, None, &number, &nameless).await?;
            ensure!(found.payment.is_some(), "{number} is not known");
            Ok(())
        }
    };
    commits::shared_out(numbers, plan.clients, look).await
}

/// The same requests for a merchant that nobody has: read, and refused without the store.
fn refused(served: &[Served], written: &[NotificationAttempt], plan: Plan) -> Load {
    let some = written.len().div_ceil(REFUSED_OF);
    let requests = written
        .iter()
        .take(some)
        .map(|attempt| post("/notify/nobody/v3", &attempt.headers, &attempt.body));
    Load {
        addresses: served.iter().map(|served| served.address).collect(),
        requests: Arc::new(requests.collect()),
        good: &[400],
        clients: plan.clients,
    }
}

/// What a notification tells, and its text.
fn report(
    engine: &Engine,
    attempt: &NotificationAttempt,
) -> anyhow::Result<(RefundReport, Vec<u8>)> {
    let merchant = engine.merchants().first().context("no merchant")?;
    let key = merchant.account.credentials.api_v3_key();
    let opened = notification::open_verified(&attempt.body, key.context("no key")?)?;
    match opened.subject {
        notification::Subject::Refund(report) => Ok((*report, opened.plain)),
        notification::Subject::Payment(_) | notification::Subject::Other => {
            bail!("the notification is not about a refund")
        }
    }
}

/// What the engine would commit for a notification.
async fn change(engine: &Engine, attempt: &NotificationAttempt) -> anyhow::Result<Change> {
    let (report, plain) = report(engine, attempt)?;
    let store = engine.store();
    let found = store
        .refund_by_number(&MCH_ID.parse()?, &report.out_refund_no)
        .await?;
    let refund = found.context("the refund is not known")?;
    let payment = store.refund_and_payment(&refund.id).await?.payment;
    let now = engine.now();
    let told = Told {
        mch_id: refund.mch_id.clone(),
        sub_mch_id: None,
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        out_trade_no: refund.content.order.out_trade_no.clone(),
        transaction_id: None,
        amount: refund.content.amount,
        total: refund.total,
        state: WechatState::Success,
        user_received_account: Some("招商银行信用卡0403".to_owned()),
        success_time: Some(now),
    };
    let context = Context {
        now,
        source: Source::Notification,
        actor: &tuikuan_domain::Actor::Engine,
        schedule: &engine.settings().schedule,
        total_max: engine.settings().total_max,
        approval: Approval::NotNeeded,
    };
    let told = Observation::Notification(told);
    let transition = observe(&refund, payment.as_ref(), told, &context);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &plain);
    let kept = attempt.headers.iter();
    let kept = kept.filter(|(name, _)| name.to_ascii_lowercase().starts_with("wechatpay-"));
    let headers: Vec<String> = kept
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut change = Change::of(transition, refund.id.clone(), now);
    change.inbox = Some(InboxEntry {
        told_at: None,
        dedupe: hash.as_ref().try_into()?,
        merchant: refund.merchant.clone(),
        generation: "v3".to_owned(),
        headers: headers.join("\n"),
        body: attempt.body.clone(),
        refund_id: Some(refund.id),
        received_at: now,
        outcome: "applied".to_owned(),
    });
    Ok(change)
}
