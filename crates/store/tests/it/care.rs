//! Who cares for what: one winner, an audit entry with each act, and lists without what sleeps.

use tuikuan_domain::refund::Command;
use tuikuan_domain::{AttentionReason, Observation, RefundId, WechatState};
use tuikuan_store::{
    AdminChange, Administered, Care, CommitError, Merchants, NeededAsked, NewAudit, Sleeping,
    Subject,
};

use crate::world::{World, at, merchant, report};

conformance! {
    what_sleeps_comes_back_by_itself,
    a_snooze_for_another_reason_does_not_hide_it,
    of_two_who_care_at_once_one_wins,
}

async fn abnormal(world: &World, n: u32) -> RefundId {
    let id = world.processing(n, at(i64::from(n))).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let told = Observation::Notification(report(&refund, WechatState::Abnormal));
    let change = world.seen(&id, told, at(i64::from(n) + 10)).await;
    world.commit(change).await.unwrap();
    id
}

async fn write(world: &World, care: Care) -> Result<(), CommitError> {
    let audit = NewAudit {
        at: at(50),
        actor: "usr_0123456789abcdef".to_owned(),
        action: "attention.snoozed".to_owned(),
        subject: care.subject.to_string(),
        detail: "{}".to_owned(),
    };
    let act = Administered::Cared(care);
    world.store.administer(AdminChange { act, audit }).await
}

async fn needed(world: &World, sleeping: Sleeping, second: i64) -> Vec<RefundId> {
    let asked = NeededAsked {
        merchant: merchant("main"),
        reason: AttentionReason::Abnormal,
        sleeping,
        now: at(second),
        after: None,
        limit: 10,
    };
    let found = world.store.needed(asked).await.unwrap();
    found.into_iter().map(|refund| refund.id).collect()
}

async fn attention(world: &World, second: i64) -> i64 {
    let allowed = Merchants::Only(vec![merchant("main")]);
    let waiting = world.store.waiting(allowed, at(second)).await.unwrap();
    assert_eq!(waiting.approvals, 0);
    waiting.attention
}

async fn what_sleeps_comes_back_by_itself(world: World) {
    let (one, two) = (abnormal(&world, 1).await, abnormal(&world, 2).await);
    assert_eq!(
        needed(&world, Sleeping::Hidden, 60).await,
        [one.clone(), two.clone()]
    );
    let mut care = Care::none(Subject::Refund(one.clone()), merchant("main"), "abnormal");
    (care.snoozed_until, care.version) = (Some(at(100)), 1);
    write(&world, care.clone()).await.unwrap();
    assert_eq!(attention(&world, 60).await, 1);
    assert_eq!(
        needed(&world, Sleeping::Hidden, 60).await.first(),
        Some(&two)
    );
    assert_eq!(needed(&world, Sleeping::Only, 60).await.first(), Some(&one));
    assert_eq!(
        world
            .store
            .sleeping(merchant("main"), at(60))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        needed(&world, Sleeping::Hidden, 100).await,
        [one.clone(), two.clone()]
    );
    assert_eq!(
        world
            .store
            .sleeping(merchant("main"), at(100))
            .await
            .unwrap(),
        0
    );
    let stored = world.store.cares(vec![care.subject.clone()]).await.unwrap();
    assert_eq!(stored, [care]);
    assert_eq!(world.store.audit_after(0, 10).await.unwrap().len(), 1);
}

async fn a_snooze_for_another_reason_does_not_hide_it(world: World) {
    let id = abnormal(&world, 1).await;
    let mut care = Care::none(
        Subject::Refund(id.clone()),
        merchant("main"),
        "unknown_for_long",
    );
    (care.snoozed_until, care.version) = (Some(at(100)), 1);
    write(&world, care).await.unwrap();
    assert_eq!(needed(&world, Sleeping::Hidden, 60).await, [id]);
    assert_eq!(
        world
            .store
            .sleeping(merchant("main"), at(60))
            .await
            .unwrap(),
        0
    );
}

async fn of_two_who_care_at_once_one_wins(world: World) {
    let id = abnormal(&world, 1).await;
    let mut care = Care::none(Subject::Refund(id.clone()), merchant("main"), "abnormal");
    care.version = 1;
    write(&world, care.clone()).await.unwrap();
    let late = write(&world, care.clone()).await;
    assert!(matches!(late, Err(CommitError::Conflict)));
    care.version = 2;
    write(&world, care.clone()).await.unwrap();
    let late = write(&world, care).await;
    assert!(matches!(late, Err(CommitError::Conflict)));
    assert_eq!(world.store.audit_after(0, 10).await.unwrap().len(), 2);
    let note = "handed over in cash".to_owned();
    let change = world.command(&id, Command::Resolve { note }, at(70)).await;
    world.commit(change).await.unwrap();
    assert_eq!(needed(&world, Sleeping::Hidden, 80).await, []);
}
