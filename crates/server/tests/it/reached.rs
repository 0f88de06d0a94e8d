//! Ways to bring a refund to a status without WeChat: through the real doors.

use tuikuan_domain::outcome::{ErrorNote, ErrorSource};
use tuikuan_domain::refund::{Approval, Context, Situation, decide, observe};
use tuikuan_domain::retry::Schedule;
use tuikuan_domain::{
    Actor, Command, Finding, Observation, Outcome, Refund, RefundId, Report, Source, Transition,
    WechatState,
};
use tuikuan_store::{Change, Exchange};
use tuikuan_terms::Fen;

use crate::world::World;

/// A refund of 19.80 of an order of 39.60, where WeChat's last word is `state`.
pub(crate) async fn told(
    world: &World,
    merchant: &str,
    number: &str,
    state: WechatState,
) -> String {
    let id = submitted(world, merchant, number).await;
    says(world, &id, state).await;
    id
}

/// WeChat says of a refund that was sent how it stands.
pub(crate) async fn says(world: &World, id: &str, state: WechatState) {
    let refund = refund(world, id).await;
    let number = refund.out_refund_no.as_str();
    let report = Report {
        mch_id: refund.mch_id.clone(),
        sub_mch_id: None,
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: Some(format!("503008069620231124{number:0>10}").parse().unwrap()),
        out_trade_no: None,
        transaction_id: None,
        amount: refund.content.amount,
        total: refund.total,
        state,
        user_received_account: Some("招商银行信用卡0403".to_owned()),
        success_time: None,
    };
    let found = Observation::Query {
        finding: Finding::Found(report),
        asked: world.engine.now(),
    };
    see(world, id, found, Source::Query).await;
}

/// A refund that WeChat refused with a code and a text.
pub(crate) async fn refused(world: &World, number: &str, code: &str, message: &str) -> String {
    let id = submitted(world, "main", number).await;
    let note = ErrorNote {
        code: code.to_owned(),
        message: message.to_owned(),
        source: ErrorSource::Wechat,
        advice: String::new(),
    };
    let reply = Observation::Reply {
        attempt: 1,
        outcome: Outcome::Refused(note),
    };
    see(world, &id, reply, Source::Reply).await;
    id
}

/// A refund whose first attempt is on its way.
pub(crate) async fn submitted(world: &World, merchant: &str, number: &str) -> String {
    let id = world.refund(merchant, number).await;
    send(world, &id).await;
    id
}

/// The first attempt of a queued refund begins.
pub(crate) async fn send(world: &World, id: &str) {
    act(world, id, |refund, payment, context| {
        let situation = Situation {
            refund: Some(refund),
            payment,
            replaced: None,
        };
        decide(situation, Command::Submit, context).unwrap()
    })
    .await;
}

async fn see(world: &World, id: &str, what: Observation, source: Source) {
    act_from(world, id, source, |refund, payment, context| {
        observe(refund, payment, what.clone(), context)
    })
    .await;
}

async fn act(
    world: &World,
    id: &str,
    door: impl Fn(&Refund, Option<&tuikuan_domain::Payment>, &Context<'_>) -> Transition,
) {
    act_from(world, id, Source::Engine, door).await;
}

async fn act_from(
    world: &World,
    id: &str,
    source: Source,
    door: impl Fn(&Refund, Option<&tuikuan_domain::Payment>, &Context<'_>) -> Transition,
) {
    let id: RefundId = id.parse().unwrap();
    let held = world.engine.store().refund_and_payment(&id).await.unwrap();
    let (schedule, now) = (Schedule::default(), world.engine.now());
    let context = Context {
        now,
        source,
        actor: &Actor::Engine,
        schedule: &schedule,
        total_max: Fen::MAX,
        approval: Approval::NotNeeded,
    };
    let refund = held.refund.unwrap();
    let transition = door(&refund, held.payment.as_ref(), &context);
    let mut change = Change::of(transition, id, now);
    change.exchange = Some(Exchange {
        kind: "query".to_owned(),
        attempt: None,
        at: now,
        elapsed_ms: 0,
        request: "GET /v3/refund\n<script>alert(1)</script>".to_owned(),
        reply: Some("{\"status\":\"<b>\"}".to_owned()),
        status: Some(200),
    });
    world.engine.store().commit(change).await.unwrap();
}

/// A refund as it stands.
pub(crate) async fn refund(world: &World, id: &str) -> Refund {
    let id: RefundId = id.parse().unwrap();
    world.engine.store().refund(&id).await.unwrap().unwrap()
}
