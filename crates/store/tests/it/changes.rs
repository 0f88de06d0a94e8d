//! One change is applied whole or not at all.

use tuikuan_domain::refund::{AttemptMark, Command};
use tuikuan_domain::{Observation, Plan, Status, Step, WechatState};
use tuikuan_store::{Change, CommitError, Exchange, Inbox, InboxEntry, JobKey};

use crate::world::{
    World, at, fen, mch_id, merchant, number, order, payment, payment_id, refund_id, registered,
    report, wanted,
};

conformance! {
    a_request_is_read_back_by_every_name,
    wechats_number_finds_the_refund_once_it_is_known,
    the_second_of_two_changes_of_one_version_is_a_conflict_and_leaves_no_trace,
    one_number_makes_one_refund,
    a_number_taken_under_a_new_payment_undoes_the_payment_too,
    a_row_that_refers_to_nothing_is_not_written,
    a_request_that_was_judged_on_an_old_payment_is_a_conflict,
    losers_do_not_spoil_the_changes_that_are_committed_with_them,
    a_change_without_its_event_is_refused,
    an_attempt_stands_before_the_bytes_leave_and_ends_once,
    an_equal_notification_is_stored_once_and_counted,
    conversations_are_kept_and_pruned_by_age,
    a_plan_without_a_refund_is_refused,
    counters_follow_every_change,
}

async fn a_request_is_read_back_by_every_name(world: World) {
    let id = world.queued(1, at(0)).await;
    let store = &world.store;
    let refund = store.refund(&id).await.unwrap().unwrap();
    assert_eq!(refund.status, Status::Queued);
    assert_eq!(
        refund.content,
        wanted(1, 1, 100).content.clone_with(&refund)
    );
    let by_number = store.refund_by_number(&mch_id(), &number(1)).await.unwrap();
    assert_eq!(by_number.as_ref(), Some(&refund));
    let payment = store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!(payment.reserved, fen(100));
    let trade_no = order(1).out_trade_no.unwrap();
    let by_order = store.payment_by_trade_no(&mch_id(), None, &trade_no).await;
    assert_eq!(by_order.unwrap().as_ref(), Some(&payment));
    let transaction = payment.transaction_id.clone().unwrap();
    let by_transaction = store.payment_by_transaction(&mch_id(), &transaction).await;
    assert_eq!(by_transaction.unwrap().as_ref(), Some(&payment));
    assert_eq!(
        store.refunds_of(&payment.id).await.unwrap(),
        vec![refund.clone()]
    );
    let held = world.situation(&wanted(1, 1, 100)).await;
    assert_eq!((held.refund, held.payment), (Some(refund), Some(payment)));
    let job = store.job(&JobKey::Refund(id)).await.unwrap().unwrap();
    assert_eq!((job.step, job.due_at), (Some(Step::Submit), at(0)));
}

/// The door completes the order's numbers from the payment.
trait Completed {
    fn clone_with(self, refund: &tuikuan_domain::Refund) -> Self;
}

impl Completed for tuikuan_domain::refund::Content {
    fn clone_with(mut self, refund: &tuikuan_domain::Refund) -> Self {
        self.order = refund.content.order.clone();
        self
    }
}

async fn wechats_number_finds_the_refund_once_it_is_known(world: World) {
    let id = world.processing(1, at(0)).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let wechat = refund.refund_id.clone().unwrap();
    let found = world
        .store
        .refund_by_wechat_id(&mch_id(), &wechat)
        .await
        .unwrap();
    assert_eq!(found, Some(refund));
    let other = "1900000108".parse().unwrap();
    let foreign = world
        .store
        .refund_by_wechat_id(&other, &wechat)
        .await
        .unwrap();
    assert_eq!(foreign, None);
}

async fn the_second_of_two_changes_of_one_version_is_a_conflict_and_leaves_no_trace(world: World) {
    let id = world.queued(1, at(0)).await;
    let cancel = world.command(&id, Command::Cancel, at(1)).await;
    let again = cancel.clone();
    world.commit(cancel).await.unwrap();
    let before = world.store.refund_and_payment(&id).await.unwrap();
    let error = world.commit(again).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.refund_and_payment(&id).await.unwrap(), before);
    assert_eq!(world.store.events_of(&id, 0, 100).await.unwrap().len(), 2);
}

async fn one_number_makes_one_refund(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let held = world.situation(&wanted(1, 1, 10)).await;
    let first = world.request_against(wanted(1, 1, 10), &held, at(0));
    let mut other = wanted(2, 1, 10);
    other.out_refund_no = number(1);
    let second = world.request_against(other, &held, at(0));
    world.commit(first).await.unwrap();
    let error = world.commit(second).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.refund(&refund_id(2)).await.unwrap(), None);
    let payment = world.store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!(payment.reserved, fen(10));
}

async fn a_number_taken_under_a_new_payment_undoes_the_payment_too(world: World) {
    world.queued(1, at(0)).await;
    // The payment is written before the refund is found to be a duplicate.
    let mut new = wanted(2, 2, 10);
    new.out_refund_no = number(1);
    let held = tuikuan_store::Situation {
        refund: None,
        payment: Some(payment(2, 50)),
    };
    let mut change = world.request_against(new, &held, at(0));
    let mut unsaved = change.payment.clone().unwrap();
    unsaved.replaces = None;
    unsaved.record.version = 1;
    change.payment = Some(unsaved);
    let error = world.commit(change).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.payment(&payment_id(2)).await.unwrap(), None);
    assert_eq!(world.store.counts().await.unwrap().len(), 1);
}

async fn a_row_that_refers_to_nothing_is_not_written(world: World) {
    let held = tuikuan_store::Situation {
        refund: None,
        payment: Some(payment(1, 50)),
    };
    let mut change = world.request_against(wanted(1, 1, 10), &held, at(0));
    change.payment = None;
    let error = world.commit(change).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.refund(&refund_id(1)).await.unwrap(), None);
    let mut alone = Change::empty(at(1));
    alone.subject = Some(refund_id(1));
    alone.attempt = Some(AttemptMark::Begin { attempt: 1 });
    let error = world.commit(alone).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.attempts_of(&refund_id(1)).await.unwrap(), []);
}

/// New refunds of payments that were just read may be written without a look before.
async fn a_request_that_was_judged_on_an_old_payment_is_a_conflict(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let held = world.situation(&wanted(1, 1, 60)).await;
    let first = world.request_against(wanted(1, 1, 60), &held, at(0));
    let second = world.request_against(wanted(2, 1, 60), &held, at(0));
    world.commit(first).await.unwrap();
    let error = world.commit(second).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.refund(&refund_id(2)).await.unwrap(), None);
    let kept = world.store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((kept.reserved, kept.refunds), (fen(60), 1));
    // And the next one is not held up by it.
    world.commit(registered(payment(3, 100))).await.unwrap();
    let held = world.situation(&wanted(3, 3, 60)).await;
    let next = world.request_against(wanted(3, 3, 60), &held, at(1));
    world.commit(next).await.unwrap();
    assert!(world.store.refund(&refund_id(3)).await.unwrap().is_some());
}

async fn losers_do_not_spoil_the_changes_that_are_committed_with_them(world: World) {
    world.queued(1, at(0)).await;
    let mut tasks = Vec::new();
    for n in 2..40 {
        let mut new = wanted(n, n, 10);
        if n % 3 == 0 {
            new.out_refund_no = number(1);
        }
        let held = tuikuan_store::Situation {
            refund: None,
            payment: Some(payment(n, 50)),
        };
        let mut change = world.request_against(new, &held, at(0));
        let mut unsaved = change.payment.clone().unwrap();
        unsaved.replaces = None;
        unsaved.record.version = 1;
        change.payment = Some(unsaved);
        let store = world.store.clone();
        tasks.push(tokio::spawn(async move { (n, store.commit(change).await) }));
    }
    for task in tasks {
        let (n, result) = task.await.unwrap();
        assert_eq!(result.is_err(), n % 3 == 0, "refund {n}: {result:?}");
        let stored = world.store.refund(&refund_id(n)).await.unwrap();
        assert_eq!(stored.is_some(), n % 3 != 0);
        let payment = world.store.payment(&payment_id(n)).await.unwrap();
        assert_eq!(payment.is_some(), n % 3 != 0);
    }
    let counts = world.store.counts().await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].refunds, 1 + 38 - 13);
}

async fn a_change_without_its_event_is_refused(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let mut change = world.request(wanted(1, 1, 10), at(0)).await;
    let event = change.event.take();
    let error = world.commit(change.clone()).await.unwrap_err();
    assert!(matches!(error, CommitError::Overdrawn { .. }), "{error:?}");
    change.event = event;
    change.refund = None;
    let error = world.commit(change).await.unwrap_err();
    assert!(matches!(error, CommitError::Overdrawn { .. }), "{error:?}");
    assert_eq!(world.store.refund(&refund_id(1)).await.unwrap(), None);
}

async fn an_attempt_stands_before_the_bytes_leave_and_ends_once(world: World) {
    let (id, guard) = world.submitting(1, at(0)).await;
    let attempts = world.store.attempts_of(&id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].attempt, 1);
    assert_eq!(attempts[0].fence, guard.fence);
    assert_eq!((attempts[0].begun_at, attempts[0].ended_at), (at(0), None));
    let rescue = world.command(&id, Command::Rescue, at(40)).await;
    world.commit(rescue).await.unwrap();
    let attempts = world.store.attempts_of(&id).await.unwrap();
    assert_eq!(attempts[0].ended_at, Some(at(40)));
    assert_eq!(attempts[0].end.as_deref(), Some("lost"));
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    assert_eq!(refund.status, Status::Unknown);
}

async fn an_equal_notification_is_stored_once_and_counted(world: World) {
    let id = world.processing(1, at(0)).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let entry = InboxEntry {
        dedupe: [7; 32],
        merchant: merchant("main"),
        generation: "v3.refund".to_owned(),
        headers: "Wechatpay-Serial: PUB_KEY_ID_1".to_owned(),
        body: b"{}".to_vec(),
        refund_id: Some(id.clone()),
        received_at: at(5),
        outcome: "applied".to_owned(),
        told_at: None,
    };
    let mut results = Vec::new();
    for _ in 0..3 {
        let told = Observation::Notification(report(&refund, WechatState::Success));
        let change = Change {
            inbox: Some(entry.clone()),
            ..world.seen(&id, told, at(5)).await
        };
        results.push(world.commit(change).await.unwrap().inbox);
    }
    assert_eq!(results, [Inbox::Stored, Inbox::Repeat, Inbox::Repeat]);
    let record = world.store.inbox(1).await.unwrap().unwrap();
    assert_eq!((record.entry, record.repeats), (entry.clone(), 2));
    // One event only: the repeats changed nothing.
    let last = world
        .store
        .events_of(&id, 0, 100)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    assert_eq!(
        (last.seq, refund.status),
        (refund.version, Status::Succeeded)
    );
    let all = tuikuan_store::Merchants::All;
    assert_eq!(
        world.store.list_inbox(&all, None, 10).await.unwrap().len(),
        1
    );
    let other = tuikuan_store::Merchants::Only(vec![merchant("other")]);
    assert_eq!(
        world.store.list_inbox(&other, None, 10).await.unwrap(),
        vec![]
    );

    world
        .store
        .settle_inbox(1, "replayed".to_owned())
        .await
        .unwrap();
    assert_eq!(
        world.store.inbox(1).await.unwrap().unwrap().entry.outcome,
        "replayed"
    );
    let missing = world.store.settle_inbox(9, "x".to_owned()).await;
    assert!(matches!(missing, Err(CommitError::Conflict)));
}

async fn conversations_are_kept_and_pruned_by_age(world: World) {
    let id = world.queued(1, at(0)).await;
    for n in 0..5 {
        let change = Change {
            subject: Some(id.clone()),
            exchange: Some(Exchange {
                kind: "query".to_owned(),
                attempt: None,
                at: at(n),
                elapsed_ms: 12,
                request: format!("GET {n}"),
                reply: Some("{}".to_owned()),
                status: Some(200),
            }),
            ..Change::empty(at(n))
        };
        world.commit(change).await.unwrap();
    }
    let kept = world.store.exchanges_of(&id).await.unwrap();
    assert_eq!(kept.len(), 5);
    assert_eq!(kept[0].exchange.request, "GET 4");
    assert_eq!(world.store.prune(at(3)).await.unwrap(), 3);
    assert_eq!(world.store.prune(at(3)).await.unwrap(), 0);
    assert_eq!(world.store.exchanges_of(&id).await.unwrap().len(), 2);
}

async fn a_plan_without_a_refund_is_refused(world: World) {
    let change = Change {
        plan: Plan::At(Step::Query, at(0)),
        ..Change::empty(at(0))
    };
    let error = world.commit(change).await.unwrap_err();
    assert!(matches!(error, CommitError::Overdrawn { .. }), "{error:?}");
}

async fn counters_follow_every_change(world: World) {
    world.succeeded(1, at(0)).await;
    world.processing(2, at(0)).await;
    world.queued(3, at(0)).await;
    let id = world.queued(4, at(0)).await;
    let cancel = world.command(&id, Command::Cancel, at(1)).await;
    world.commit(cancel).await.unwrap();
    let counts = world.store.counts().await.unwrap();
    let mut found: Vec<_> = counts
        .iter()
        .map(|c| (c.status.as_str(), c.refunds))
        .collect();
    found.sort_unstable();
    let expected = [
        ("cancelled", 1),
        ("processing", 1),
        ("queued", 1),
        ("succeeded", 1),
    ];
    assert_eq!(found, expected);
}
