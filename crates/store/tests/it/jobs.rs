//! Leases, fences, hints, lanes.

use jiff::SignedDuration;
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Finding, Observation, Outcome, Plan, Status, Step, WechatState};
use tuikuan_store::{Change, CommitError, JobKey, Lane, Release};

use crate::world::{World, at, mch_id, report};

conformance! {
    a_claimed_job_is_not_claimed_again_until_the_lease_ends,
    a_stale_holder_writes_nothing,
    a_fence_does_not_come_again_when_the_job_does,
    a_job_handed_back_is_due_again_and_no_attempt_was_made,
    a_hint_brings_the_query_forward_but_no_more_than_the_limit,
    a_hint_during_a_look_is_kept_for_the_next,
    a_hint_does_not_turn_a_submit_into_a_query,
    a_used_up_schedule_waits_for_hints_which_stay_limited,
    a_newer_plan_ends_the_lease_of_an_older_one,
    lanes_say_when_they_are_due,
    what_nothing_will_move_is_listed,
}

async fn a_claimed_job_is_not_claimed_again_until_the_lease_ends(world: World) {
    world.queued(1, at(0)).await;
    assert_eq!(world.claim(Step::Submit, at(-1)).await, vec![]);
    let first = world.claim(Step::Submit, at(0)).await;
    assert_eq!(first.len(), 1);
    assert!(!first[0].rescued);
    assert_eq!(world.claim(Step::Submit, at(29)).await, vec![]);
    let second = world.claim(Step::Submit, at(30)).await;
    assert!(second[0].rescued);
    assert!(second[0].guard.fence > first[0].guard.fence);
}

async fn a_stale_holder_writes_nothing(world: World) {
    let id = world.queued(1, at(0)).await;
    let old = world.lease(Step::Submit, at(0)).await;
    let new = world.lease(Step::Submit, at(30)).await;
    let submit = world.command(&id, Command::Submit, at(31)).await;
    let stale = Change {
        guard: Some(old.clone()),
        ..submit.clone()
    };
    let error = world.commit(stale).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
    assert_eq!(world.store.attempts_of(&id).await.unwrap(), vec![]);
    let handed = Release {
        guard: old,
        due: at(31),
        now: at(31),
    };
    let error = world.store.release(handed).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
    let held = Change {
        guard: Some(new),
        ..submit
    };
    world.commit(held).await.unwrap();
}

async fn a_fence_does_not_come_again_when_the_job_does(world: World) {
    let (id, guard) = world.submitting(1, at(0)).await;
    // The refund ends elsewhere, its job goes; then a person sends it again.
    let note = tuikuan_domain::ErrorNote {
        code: "NOTENOUGH".to_owned(),
        message: "x".to_owned(),
        source: tuikuan_domain::outcome::ErrorSource::Wechat,
        advice: String::new(),
    };
    let refused = Observation::Reply {
        attempt: 1,
        outcome: Outcome::Refused(note),
    };
    let change = world.seen(&id, refused, at(1)).await;
    world.commit(change).await.unwrap();
    assert_eq!(
        world.store.job(&JobKey::Refund(id.clone())).await.unwrap(),
        None
    );
    let retry = world.command(&id, Command::Retry, at(100)).await;
    world.commit(retry).await.unwrap();
    let again = world.lease(Step::Submit, at(200)).await;
    assert!(again.fence > guard.fence);
    let stale = Change {
        guard: Some(guard),
        ..world.command(&id, Command::Submit, at(201)).await
    };
    let error = world.commit(stale).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
}

async fn a_job_handed_back_is_due_again_and_no_attempt_was_made(world: World) {
    let id = world.queued(1, at(0)).await;
    let guard = world.lease(Step::Submit, at(0)).await;
    let release = Release {
        guard,
        due: at(5),
        now: at(1),
    };
    world.store.release(release).await.unwrap();
    let job = world
        .store
        .job(&JobKey::Refund(id.clone()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((job.due_at, job.leased_since), (at(5), None));
    assert_eq!(world.store.attempts_of(&id).await.unwrap(), vec![]);
    let again = world.claim(Step::Submit, at(5)).await;
    assert!(!again[0].rescued);
}

async fn due(world: &World, n: u32) -> Option<jiff::Timestamp> {
    let key = JobKey::Refund(crate::world::refund_id(n));
    world.store.job(&key).await.unwrap().map(|job| job.due_at)
}

async fn a_hint_brings_the_query_forward_but_no_more_than_the_limit(world: World) {
    let id = world.processing(1, at(0)).await;
    let first = due(&world, 1).await.unwrap();
    // The last claim was at 0: the earliest look is 6 s after it, and never later than planned.
    world.store.forward(id.clone(), at(1)).await.unwrap();
    assert_eq!(due(&world, 1).await, Some(first.min(at(6))));

    let guard = world.lease(Step::Query, first).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let still = Finding::Found(report(&refund, WechatState::Processing));
    let change = Change {
        guard: Some(guard),
        ..world
            .seen(
                &id,
                Observation::Query {
                    finding: still,
                    asked: first,
                },
                first,
            )
            .await
    };
    world.commit(change).await.unwrap();
    let planned = due(&world, 1).await.unwrap();
    assert!(planned > first + SignedDuration::from_secs(6));
    for second in 1..4 {
        let now = first + SignedDuration::from_secs(second);
        world.store.forward(id.clone(), now).await.unwrap();
        let earliest = first + SignedDuration::from_secs(6);
        assert_eq!(due(&world, 1).await, Some(earliest));
    }
    // Long after the last look, a hint means now.
    let late = first + SignedDuration::from_secs(5);
    let query = world
        .claim(Step::Query, first + SignedDuration::from_secs(6))
        .await;
    assert_eq!(query.len(), 1, "{late}");
}

async fn a_hint_during_a_look_is_kept_for_the_next(world: World) {
    let id = world.processing(1, at(0)).await;
    let now = due(&world, 1).await.unwrap();
    let guard = world.lease(Step::Query, now).await;
    world.store.forward(id.clone(), now).await.unwrap();
    let leased = world
        .store
        .job(&JobKey::Refund(id.clone()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        leased.leased_since,
        Some(now),
        "a hint does not end a lease"
    );
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let still = Finding::Found(report(&refund, WechatState::Processing));
    let change = Change {
        guard: Some(guard),
        ..world
            .seen(
                &id,
                Observation::Query {
                    finding: still,
                    asked: now,
                },
                now,
            )
            .await
    };
    world.commit(change).await.unwrap();
    assert_eq!(
        due(&world, 1).await,
        Some(now + SignedDuration::from_secs(6))
    );
}

async fn a_hint_does_not_turn_a_submit_into_a_query(world: World) {
    let id = world.queued(1, at(50)).await;
    world.store.forward(id.clone(), at(0)).await.unwrap();
    let job = world.store.job(&JobKey::Refund(id)).await.unwrap().unwrap();
    assert_eq!((job.step, job.due_at), (Some(Step::Submit), at(50)));
}

async fn a_used_up_schedule_waits_for_hints_which_stay_limited(world: World) {
    let id = world.processing(1, at(0)).await;
    let now = due(&world, 1).await.unwrap();
    let guard = world.lease(Step::Query, now).await;
    let rest = Change {
        guard: Some(guard),
        plan: Plan::Done,
        subject: Some(id.clone()),
        ..Change::empty(now)
    };
    world.commit(rest).await.unwrap();
    assert_eq!(due(&world, 1).await, None);
    assert_eq!(world.store.next_due().await.unwrap(), None);
    world.store.forward(id.clone(), now).await.unwrap();
    assert_eq!(
        due(&world, 1).await,
        Some(now + SignedDuration::from_secs(6))
    );
}

async fn a_newer_plan_ends_the_lease_of_an_older_one(world: World) {
    let id = world.processing(1, at(0)).await;
    let now = due(&world, 1).await.unwrap();
    let guard = world.lease(Step::Query, now).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let told = Observation::Notification(report(&refund, WechatState::Success));
    let change = world.seen(&id, told, now).await;
    world.commit(change).await.unwrap();
    let late = Change {
        guard: Some(guard),
        subject: Some(id.clone()),
        plan: Plan::At(Step::Query, now),
        ..Change::empty(now)
    };
    let error = world.commit(late).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
    let status = world.store.refund(&id).await.unwrap().unwrap().status;
    assert_eq!((status, due(&world, 1).await), (Status::Succeeded, None));
}

async fn lanes_say_when_they_are_due(world: World) {
    assert_eq!(world.store.lanes().await.unwrap(), vec![]);
    let changed = world.store.jobs_changed();
    let before = *changed.borrow();
    world.queued(1, at(10)).await;
    world.queued(2, at(5)).await;
    world.processing(3, at(0)).await;
    assert_ne!(*changed.borrow(), before);
    let lanes = world.store.lanes().await.unwrap();
    let found: Vec<_> = lanes.iter().map(|l| (l.lane.clone(), l.due_at)).collect();
    let query = due(&world, 3).await.unwrap();
    let expected = [
        (Lane::Query(mch_id()), query),
        (Lane::Submit(mch_id()), at(5)),
    ];
    assert_eq!(found, expected);
    let due = world.store.lanes_due(at(4)).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(world.store.next_due().await.unwrap(), Some(query));
}

async fn what_nothing_will_move_is_listed(world: World) {
    world.succeeded(2, at(0)).await;
    world.queued(1, at(0)).await;
    let guard = world.lease(Step::Submit, at(100)).await;
    assert_eq!(world.store.stuck(at(0), 10).await.unwrap(), vec![]);
    let lost = Change {
        guard: Some(guard),
        plan: Plan::Done,
        subject: Some(crate::world::refund_id(1)),
        ..Change::empty(at(100))
    };
    world.commit(lost).await.unwrap();
    let stuck = world.store.stuck(at(0), 10).await.unwrap();
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].due_at, None);
    let id = world.queued(3, at(0)).await;
    let stuck = world.store.stuck(at(50), 10).await.unwrap();
    let overdue = stuck.iter().find(|s| s.refund_id == id).unwrap();
    assert_eq!(overdue.due_at, Some(at(0)));
}
