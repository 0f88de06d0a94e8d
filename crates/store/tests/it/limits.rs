//! Limits of a day are counted in the transaction that creates the refund (INV-33); rules are set by
//! compare-and-set, with their entry in the log.

use jiff::SignedDuration;
use tuikuan_domain::MerchantName;
use tuikuan_domain::approval::{DayLimit, Rules, Usage, UsageClaim};
use tuikuan_store::{
    Action, AdminChange, Administered, Change, CommitError, NewAudit, RulesAct, StoredRules,
};

use crate::world::{World, at, fen, merchant, payment, person, registered, wanted};

conformance! {
    exactly_what_fits_into_a_day_is_written,
    of_two_changes_of_the_same_rules_one_wins,
    old_days_are_removed_and_the_present_one_stays,
}

const DAY: &str = "2023-11-15";

fn claim(
    subject: &str,
    amount: i64,
    amount_max: Option<i64>,
    count_max: Option<u32>,
) -> UsageClaim {
    UsageClaim {
        subject: subject.to_owned(),
        day: DAY.to_owned(),
        amount: fen(amount),
        amount_max: amount_max.map(fen),
        count_max,
    }
}

async fn used(world: &World, subject: &str) -> Option<Usage> {
    let subjects = [subject.to_owned()];
    let found = world.store.usage(DAY, &subjects).await.unwrap();
    found.into_iter().next().map(|found| found.usage)
}

async fn exactly_what_fits_into_a_day_is_written(world: World) {
    for n in 0..60 {
        world.commit(registered(payment(n, 100))).await.unwrap();
    }
    // All decided before any was written: each saw an empty day.
    let mut changes = Vec::new();
    for n in 0..60 {
        changes.push(Change {
            usage: vec![
                claim("person:a", 30, Some(500), None),
                claim("key:k", 30, None, Some(40)),
            ],
            ..world.request(wanted(n, n, 30), at(0)).await
        });
    }
    let mut written = 0;
    let mut waiting = tokio::task::JoinSet::new();
    for change in changes {
        let store = world.store.clone();
        waiting.spawn(async move { store.commit(change).await });
    }
    while let Some(done) = waiting.join_next().await {
        match done.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert!(matches!(error, CommitError::Conflict), "{error:?}"),
        }
    }
    assert_eq!(written, 16, "16 times 30 fen fit into 500");
    let usage = Usage {
        amount: fen(480),
        count: 16,
    };
    assert_eq!(used(&world, "person:a").await, Some(usage));
    // Who lost on the one has not counted on the other.
    assert_eq!(used(&world, "key:k").await, Some(usage));
    assert_eq!(used(&world, "person:b").await, None);
    let count: i64 = world
        .store
        .counts()
        .await
        .unwrap()
        .iter()
        .map(|c| c.refunds)
        .sum();
    assert_eq!(count, 16);
}

fn rules(version: i64, of: Option<MerchantName>) -> StoredRules {
    StoredRules {
        merchant: of,
        rules: Rules {
            approval_above: Some(fen(50_000)),
            person_day: DayLimit {
                amount: Some(fen(1_000_000)),
                count: Some(40),
            },
            reasons: vec!["商品退货".to_owned(), "其他".to_owned()],
            expires: SignedDuration::from_hours(24),
            ..Rules::default()
        },
        changed_at: at(version),
        changed_by: person(9),
        version,
    }
}

async fn set(world: &World, act: RulesAct) -> Result<(), CommitError> {
    let detail = serde_json::json!({});
    let audit = NewAudit::of(at(0), &person(9), Action::RULES_CHANGED, ("rules", &detail));
    let act = Administered::Rules(Box::new(act));
    world.store.administer(AdminChange { act, audit }).await
}

async fn of_two_changes_of_the_same_rules_one_wins(world: World) {
    assert_eq!(world.store.rules().await.unwrap(), vec![]);
    for stored in [
        rules(1, None),
        rules(1, Some(merchant("main"))),
        rules(2, Some(merchant("main"))),
    ] {
        set(&world, RulesAct::Set(stored)).await.unwrap();
    }
    let stale = set(&world, RulesAct::Set(rules(2, Some(merchant("main"))))).await;
    assert!(matches!(stale, Err(CommitError::Conflict)), "{stale:?}");
    let twice = set(&world, RulesAct::Set(rules(1, None))).await;
    assert!(matches!(twice, Err(CommitError::Conflict)), "{twice:?}");
    let all = world.store.rules().await.unwrap();
    assert_eq!(all, vec![rules(1, None), rules(2, Some(merchant("main")))]);
    let removed = |version| RulesAct::Removed {
        merchant: merchant("main"),
        version,
    };
    assert!(set(&world, removed(1)).await.is_err());
    set(&world, removed(2)).await.unwrap();
    assert_eq!(world.store.rules().await.unwrap(), vec![rules(1, None)]);
    let head = world.store.verify_audit(None).await.unwrap().unwrap();
    assert_eq!(head.number, 4, "what lost has no entry");
}

async fn old_days_are_removed_and_the_present_one_stays(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let change = Change {
        usage: vec![claim("person:a", 30, None, None)],
        ..world.request(wanted(1, 1, 30), at(0)).await
    };
    world.commit(change).await.unwrap();
    assert_eq!(world.store.prune(at(0)).await.unwrap(), 0);
    assert!(used(&world, "person:a").await.is_some());
    assert_eq!(world.store.prune(at(86_400)).await.unwrap(), 1);
    assert_eq!(used(&world, "person:a").await, None);
}
