//! Bills, differences, and the walk over what was sent on a day.

use jiff::Timestamp;
use jiff::civil::Date;
use tuikuan_domain::reconcile::{
    BillKind, Class, DayState, DifferenceState, Healing, LineState, Repair, day_of,
};
use tuikuan_domain::{RefundId, Status};
use tuikuan_store::{
    Bill, BillAct, BillChange, CommitError, Difference, DifferenceFilter, Facts, Guard, JobKey,
    Lane, Merchants, NewAudit, NewDifference, SentCursor, Sums,
};

use crate::world::{World, at, fen, mch_id, merchant};

conformance! {
    a_bill_is_wanted_once_and_asked_for_until_it_is_there,
    a_second_run_that_finds_the_same_changes_nothing,
    what_a_later_run_does_not_find_again_is_healed,
    a_lost_lease_writes_no_difference,
    what_a_person_settled_stays_settled,
    an_answer_settles_a_difference_or_changes_the_proposal,
    what_is_open_is_asked_about_again_by_another_run_and_what_did_not_fit_by_each_bill,
    the_next_bill_heals_what_waited_for_it_or_ends_the_waiting,
    the_walk_gives_what_wechat_accepted_on_the_day_and_nothing_else,
    who_may_not_see_a_merchant_sees_none_of_its_days,
    pages_of_differences_join_without_a_gap,
}

pub(crate) fn today() -> Date {
    day_of(at(0))
}

fn bill(day: Date) -> Bill {
    Bill {
        merchant: merchant("main"),
        day,
        kind: BillKind::Refunds,
    }
}

fn change(guard: Option<&Guard>, act: BillAct, now: Timestamp) -> BillChange {
    BillChange {
        guard: guard.cloned(),
        act,
        audit: None,
        at: now,
    }
}

pub(crate) fn new(n: u32, number: &str, class: Class) -> NewDifference {
    NewDifference {
        id: format!("rd_{n:020}").parse().unwrap(),
        out_refund_no: number.to_owned(),
        repetition: 0,
        class,
        healing: None,
        repair: class.first_repair(),
        facts: Facts {
            bill_amount: Some(fen(100)),
            bill_state: Some(LineState::Success),
            ..Facts::default()
        },
    }
}

impl World {
    async fn bills(&self, guard: Option<&Guard>, act: BillAct, now: Timestamp) {
        let change = change(guard, act, now);
        self.store.change_bills(change).await.unwrap();
    }

    /// Wants a bill and claims its job.
    async fn bill_claimed(&self, day: Date, now: Timestamp) -> Guard {
        let act = BillAct::Again {
            bill: bill(day),
            mch_id: mch_id(),
        };
        self.bills(None, act, now).await;
        let claimed = self.claim_lane(Lane::Bill(mch_id()), now).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].guard.key, JobKey::Bill(bill(day)));
        claimed.into_iter().next().unwrap().guard
    }

    /// One run of a bill that finds these differences.
    pub(crate) async fn run(&self, day: Date, differences: Vec<NewDifference>, now: Timestamp) {
        let guard = self.bill_claimed(day, now).await;
        let found = BillAct::Found {
            bill: bill(day),
            mch_id: mch_id(),
            differences,
        };
        self.bills(Some(&guard), found, now).await;
        self.finish(&guard, day, now).await;
    }

    async fn finish(&self, guard: &Guard, day: Date, now: Timestamp) {
        let finish = BillAct::Finish {
            bill: bill(day),
            mch_id: mch_id(),
            state: DayState::Fetched,
            hash: Some("ab".repeat(32)),
            sums: Sums {
                lines: 3,
                matched: 2,
                refunds: 3,
                refunds_fen: 300,
                fees_returned: 1800,
                ..Sums::default()
            },
        };
        self.bills(Some(guard), finish, now).await;
    }

    async fn differences_of(&self, day: Date) -> Vec<Difference> {
        let filter = DifferenceFilter::of(Merchants::All, merchant("main"), day);
        self.store.differences(filter).await.unwrap().items
    }
}

async fn a_bill_is_wanted_once_and_asked_for_until_it_is_there(world: World) {
    let want = |due| BillAct::Want {
        bill: bill(today()),
        mch_id: mch_id(),
        due,
    };
    world.bills(None, want(at(100)), at(0)).await;
    world.bills(None, want(at(500)), at(1)).await;
    let day = world.store.bill_day(bill(today())).await.unwrap().unwrap();
    assert_eq!((day.state, day.due_at), (DayState::Wanted, Some(at(100))));
    let guard = world.claim_lane(Lane::Bill(mch_id()), at(100)).await;
    let guard = guard.into_iter().next().unwrap().guard;
    let tried = BillAct::Tried {
        bill: bill(today()),
        state: DayState::Wanted,
        error: "WeChat has not made it yet".to_owned(),
        due: Some(at(1900)),
    };
    world.bills(Some(&guard), tried, at(101)).await;
    let day = world.store.bill_day(bill(today())).await.unwrap().unwrap();
    assert_eq!((day.tries, day.due_at), (1, Some(at(1900))));
    world.run(today(), Vec::new(), at(1900)).await;
    let day = world.store.bill_day(bill(today())).await.unwrap().unwrap();
    assert_eq!(
        (day.state, day.tries, day.due_at),
        (DayState::Fetched, 0, None)
    );
    assert_eq!((day.sums.matched, day.sums.refunds_fen), (2, 300));
    // Once it is there it is not wanted again by itself.
    world.bills(None, want(at(2000)), at(2000)).await;
    assert_eq!(
        world.claim_lane(Lane::Bill(mch_id()), at(3000)).await,
        vec![]
    );
}

async fn a_second_run_that_finds_the_same_changes_nothing(world: World) {
    let found = vec![
        new(1, "PORTAL 1", Class::WechatOnly),
        new(2, "R-2", Class::AmountDiffers),
    ];
    world.run(today(), found.clone(), at(0)).await;
    let before = world.differences_of(today()).await;
    assert_eq!(before.len(), 2);
    let again = found.into_iter().map(|mut difference| {
        difference.id = difference.id.as_str().replace('0', "1").parse().unwrap();
        difference
    });
    world.run(today(), again.collect(), at(60)).await;
    assert_eq!(world.differences_of(today()).await, before);
}

async fn what_a_later_run_does_not_find_again_is_healed(world: World) {
    let found = vec![new(1, "R-1", Class::StatusDiffers)];
    world.run(today(), found.clone(), at(0)).await;
    world.run(today(), Vec::new(), at(60)).await;
    let healed = world.differences_of(today()).await;
    assert_eq!(healed[0].state, DifferenceState::Healed);
    assert_eq!(healed[0].healing, Some(Healing::Gone));
    // It comes back, and is open again.
    world.run(today(), found, at(90)).await;
    let back = world.differences_of(today()).await;
    assert_eq!(back[0].state, DifferenceState::Open);
    assert_eq!(back[0].healing, None);
    world.run(today(), Vec::new(), at(100)).await;
    // Found again as something else, it is open again.
    world
        .run(today(), vec![new(2, "R-1", Class::AmountDiffers)], at(120))
        .await;
    let open = world.differences_of(today()).await;
    assert_eq!(open.len(), 1, "one number has one difference");
    assert_eq!(open[0].state, DifferenceState::Open);
    assert_eq!(open[0].id, healed[0].id);
}

async fn a_lost_lease_writes_no_difference(world: World) {
    let old = world.bill_claimed(today(), at(0)).await;
    let new_guard = world.claim_lane(Lane::Bill(mch_id()), at(30)).await;
    let found = BillAct::Found {
        bill: bill(today()),
        mch_id: mch_id(),
        differences: vec![new(1, "R-1", Class::WechatOnly)],
    };
    let stale = change(Some(&old), found, at(31));
    let error = world.store.change_bills(stale).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
    assert_eq!(world.differences_of(today()).await, vec![]);
    world.finish(&new_guard[0].guard, today(), at(32)).await;
}

async fn what_a_person_settled_stays_settled(world: World) {
    let found = vec![new(1, "R-1", Class::AmountDiffers)];
    world.run(today(), found.clone(), at(0)).await;
    let id = found[0].id.clone();
    let days = world.store.open_days(merchant("main")).await.unwrap();
    assert_eq!(days.len(), 1);
    let day = (days[0].day, days[0].count, days[0].since);
    assert_eq!(day, (today(), 1, at(0)));
    assert_eq!(
        world.store.open_days(merchant("other")).await.unwrap(),
        vec![]
    );
    let ours = Merchants::Only(vec![merchant("main")]);
    let waiting = world.store.waiting(ours.clone(), at(5)).await.unwrap();
    assert_eq!((waiting.differences, waiting.batches), (1, 0));
    let resolve = BillAct::Resolve {
        id: id.clone(),
        note: "agreed with WeChat by telephone".to_owned(),
        by: "usr_0000000000000001".to_owned(),
    };
    let mut act = change(None, resolve, at(10));
    act.audit = Some(NewAudit {
        at: at(10),
        actor: "usr_0000000000000001".parse().unwrap(),
        action: "difference.resolved".to_owned(),
        subject: id.to_string(),
        detail: "{}".to_owned(),
    });
    world.store.change_bills(act.clone()).await.unwrap();
    let error = world.store.change_bills(act).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert!(world.store.verify_audit(None).await.unwrap().is_ok());
    world.run(today(), found, at(60)).await;
    let settled = world.differences_of(today()).await;
    assert_eq!(settled[0].state, DifferenceState::Resolved);
    let open = world.store.differences_open(Merchants::All).await.unwrap();
    assert_eq!(open, 0);
    let waiting = world.store.waiting(ours, at(70)).await.unwrap();
    assert_eq!(waiting.differences, 0);
    // Its query is not asked any more.
    let jobs = world.claim_lane(Lane::Difference(mch_id()), at(999)).await;
    assert_eq!(jobs, vec![]);
}

async fn an_answer_settles_a_difference_or_changes_the_proposal(world: World) {
    let found = vec![
        new(1, "R-1", Class::StatusDiffers),
        new(2, "R-2", Class::AmountDiffers),
        new(3, "R-3", Class::LateByADay),
    ];
    world.run(today(), found, at(0)).await;
    let jobs = world.claim_lane(Lane::Difference(mch_id()), at(1)).await;
    assert_eq!(jobs.len(), 2, "the third waits for the next bill");
    for (job, healing) in jobs.iter().zip([Some(Healing::QueryAgrees), None]) {
        let JobKey::Difference(id) = &job.guard.key else {
            panic!("another job");
        };
        let settle = BillAct::Settle {
            id: id.clone(),
            healing,
            repair: healing.map_or(Repair::AskWechat, |_| Repair::Nothing),
            refund_id: None,
        };
        world.bills(Some(&job.guard), settle, at(2)).await;
    }
    let states: Vec<_> = world.differences_of(today()).await;
    let states: Vec<_> = states.iter().map(|d| (d.state, d.repair)).collect();
    assert_eq!(
        states,
        [
            (DifferenceState::Healed, Repair::Nothing),
            (DifferenceState::Open, Repair::AskWechat),
            (DifferenceState::Open, Repair::WaitForNextBill),
        ]
    );
    assert_eq!(
        world.claim_lane(Lane::Difference(mch_id()), at(99)).await,
        vec![]
    );
}

async fn what_is_open_is_asked_about_again_by_another_run_and_what_did_not_fit_by_each_bill(
    world: World,
) {
    let found = vec![new(1, "PORTAL 1", Class::WechatOnly)];
    let refused = |guard: Guard, now| {
        let settle = BillAct::Settle {
            id: format!("rd_{:020}", 1).parse().unwrap(),
            healing: None,
            repair: Repair::ReviewPayment,
            refund_id: None,
        };
        let world = &world;
        async move { world.bills(Some(&guard), settle, now).await }
    };
    let lane = || Lane::Difference(mch_id());
    world.run(today(), found.clone(), at(0)).await;
    let first = world.claim_lane(lane(), at(1)).await.remove(0);
    refused(first.guard, at(2)).await;
    assert_eq!(world.claim_lane(lane(), at(9)).await, vec![]);
    world.run(today(), found, at(10)).await;
    let again = world.claim_lane(lane(), at(11)).await.remove(0);
    refused(again.guard, at(12)).await;
    let tomorrow = today().tomorrow().unwrap();
    world.run(tomorrow, Vec::new(), at(20)).await;
    let later = world.claim_lane(lane(), at(21)).await;
    assert_eq!(later.len(), 1);
    let open = world.differences_of(today()).await;
    assert_eq!(open[0].repair, Repair::ReviewPayment);
}

async fn the_next_bill_heals_what_waited_for_it_or_ends_the_waiting(world: World) {
    let here = world.succeeded(1, at(0)).await;
    let gone = world.succeeded(2, at(5)).await;
    let waiting = |n: u32, id: &RefundId| {
        let mut difference = new(n, &format!("R-{n:08}"), Class::LateByADay);
        difference.facts = Facts {
            refund_id: Some(id.clone()),
            our_amount: Some(fen(100)),
            our_status: Some(Status::Succeeded),
            ..Facts::default()
        };
        difference
    };
    let tomorrow = today().tomorrow().unwrap();
    world
        .run(today(), vec![waiting(1, &here), waiting(2, &gone)], at(10))
        .await;
    let mut shown = waiting(3, &here);
    shown.out_refund_no = "R-00000001".to_owned();
    shown.healing = Some(Healing::OtherBill);
    shown.repair = Repair::Nothing;
    shown.facts.bill_amount = Some(fen(100));
    world.run(tomorrow, vec![shown], at(20)).await;
    let found = world.differences_of(today()).await;
    assert_eq!(found[0].healing, Some(Healing::OtherBill));
    assert_eq!(found[1].class, Class::OursOnly);
    assert_eq!(found[1].state, DifferenceState::Open);
    assert!(world.store.shown_elsewhere(here, today()).await.unwrap());
    assert!(!world.store.shown_elsewhere(gone, today()).await.unwrap());
    // Another run of the first day does not make it wait again.
    world
        .run(today(), vec![waiting(4, &refund(2))], at(30))
        .await;
    assert_eq!(
        world.differences_of(today()).await[1].class,
        Class::OursOnly
    );
    let jobs = world.claim_lane(Lane::Difference(mch_id()), at(30)).await;
    assert_eq!(jobs.len(), 1);
}

fn refund(n: u32) -> RefundId {
    crate::world::refund_id(n)
}

async fn the_walk_gives_what_wechat_accepted_on_the_day_and_nothing_else(world: World) {
    let begin = tuikuan_domain::reconcile::starts_at(today());
    let second = |s: i64| Timestamp::from_second(begin + s).unwrap();
    world.succeeded(1, second(-1)).await;
    world.succeeded(2, second(0)).await;
    world.processing(3, second(86_399)).await;
    world.succeeded(4, second(86_400)).await;
    // Made long before it was sent.
    world.queued(5, second(-90_000)).await;
    let guard = world
        .lease(tuikuan_domain::Step::Submit, second(40_000))
        .await;
    world.accepted(5, guard, second(40_000)).await;
    // Not known to be accepted.
    world.submitting(6, second(50_000)).await;
    let mut cursor = Some(SentCursor::start());
    let mut found = Vec::new();
    while let Some(after) = cursor {
        let sent = world.store.refunds_sent(merchant("main"), today(), after);
        let (items, next) = sent.await.unwrap();
        found.extend(items.into_iter().map(|sent| sent.out_refund_no));
        cursor = next;
    }
    found.sort();
    assert_eq!(found, ["R-00000002", "R-00000003", "R-00000005"]);
}

async fn who_may_not_see_a_merchant_sees_none_of_its_days(world: World) {
    let found = vec![new(1, "R-1", Class::WechatOnly)];
    world.run(today(), found.clone(), at(0)).await;
    let store = &world.store;
    let none = || Merchants::Only(vec![merchant("other")]);
    let (main, days) = (merchant("main"), (today(), today()));
    let filter = DifferenceFilter::of(none(), main.clone(), today());
    assert_eq!(store.differences(filter).await.unwrap().items, vec![]);
    let id = found[0].id.clone();
    assert_eq!(store.difference(none(), id.clone()).await.unwrap(), None);
    assert!(
        store
            .difference(Merchants::All, id)
            .await
            .unwrap()
            .is_some()
    );
    let counts = store.difference_counts(none(), main.clone(), days).await;
    assert_eq!(counts.unwrap(), vec![]);
    let bills = store.bill_days(none(), main.clone(), days).await;
    assert_eq!(bills.unwrap(), vec![]);
    assert_eq!(store.differences_open(none()).await.unwrap(), 0);
    let counts = store.difference_counts(Merchants::All, main, days).await;
    assert_eq!(counts.unwrap()[0].count, 1);
}

async fn pages_of_differences_join_without_a_gap(world: World) {
    let found = (0..7).map(|n| new(n, &format!("P-{n}"), Class::WechatOnly));
    world.run(today(), found.collect(), at(0)).await;
    let mut filter = DifferenceFilter::of(Merchants::All, merchant("main"), today());
    filter.limit = 3;
    let mut seen = Vec::new();
    loop {
        let page = world.store.differences(filter.clone()).await.unwrap();
        seen.extend(page.items.into_iter().map(|d| d.out_refund_no));
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..7).map(|n| format!("P-{n}")).collect();
    assert_eq!(seen, expected);
}
