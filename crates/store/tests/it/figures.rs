//! The figures of the overview are what counting gives, whatever happened.

use jiff::SignedDuration;
use proptest::prelude::*;
use rusqlite::Connection;
use tuikuan_domain::outcome::{ErrorNote, ErrorSource};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{
    AttentionReason, Finding, Observation, Outcome, Refund, RefundId, Status, WechatState,
};
use tuikuan_store::{
    Change, Class, Figures, FiguresAsked, InboxEntry, Options, Store, Sum, beijing_day,
    beijing_hour,
};

use crate::world::{
    World, at, memory, merchant, payment, refund_id, registered, report, sqlite, wanted,
};

conformance! {
    a_life_moves_through_the_figures,
    what_waits_and_what_needs_a_person_is_told_apart,
    the_lag_of_a_notification_counts_once,
}

async fn figures(world: &World) -> Figures {
    let asked = FiguresAsked {
        merchant: merchant("main"),
        hour_from: 0,
        day_from: 0,
    };
    world.store.figures(asked).await.unwrap()
}

async fn hold(world: &World) {
    let differing = world.store.figure_differences(10).await.unwrap();
    assert_eq!(differing, []);
}

fn of(refunds: i64, amount: i64) -> Sum {
    Sum { refunds, amount }
}

async fn a_life_moves_through_the_figures(world: World) {
    world.succeeded(1, at(0)).await;
    world.processing(2, at(0)).await;
    let id = world.queued(3, at(3600)).await;
    let seen = figures(&world).await;
    let first = beijing_hour(at(0));
    assert_eq!(
        seen.hours,
        [
            (first, Class::Arrived, of(1, 100)),
            (first, Class::UnderWay, of(1, 100)),
            (first + 1, Class::UnderWay, of(1, 100)),
        ]
    );
    assert!(seen.standing.contains(&(Status::Queued, of(1, 100))));
    assert!(seen.waiting.is_empty());
    let (day, arrivals) = seen.arrivals.first().unwrap();
    assert_eq!((*day, arrivals.total()), (beijing_day(at(0)), 1));
    let cancel = world.command(&id, Command::Cancel, at(3700)).await;
    world.commit(cancel).await.unwrap();
    let seen = figures(&world).await;
    assert!(
        seen.hours
            .contains(&(first + 1, Class::Refused, of(1, 100)))
    );
    hold(&world).await;
}

async fn what_waits_and_what_needs_a_person_is_told_apart(world: World) {
    let (id, guard) = world.submitting(1, at(0)).await;
    let note = ErrorNote {
        code: "NOT_ENOUGH".to_owned(),
        message: "基本账户余额不足".to_owned(),
        source: ErrorSource::Wechat,
        advice: "top_up".to_owned(),
    };
    let reply = Observation::Reply {
        attempt: 1,
        outcome: Outcome::NotNow(tuikuan_domain::outcome::Wait::Balance, note),
    };
    let change = Change {
        guard: Some(guard),
        ..world.seen(&id, reply, at(1)).await
    };
    world.commit(change).await.unwrap();
    let seen = figures(&world).await;
    let waits = tuikuan_domain::PendingReason::InsufficientBalance;
    assert_eq!(seen.waiting, [(waits, of(1, 100))]);
    let needs = AttentionReason::InsufficientBalance;
    assert_eq!(seen.needed, [(needs, of(1, 100))]);
    hold(&world).await;
}

async fn the_lag_of_a_notification_counts_once(world: World) {
    let entry = InboxEntry {
        dedupe: [7; 32],
        merchant: merchant("main"),
        generation: "v3".to_owned(),
        headers: String::new(),
        body: Vec::new(),
        refund_id: None,
        received_at: at(9),
        outcome: "applied".to_owned(),
        told_at: Some(at(5)),
    };
    for _ in 0..3 {
        let mut change = Change::empty(at(9));
        change.inbox = Some(entry.clone());
        world.commit(change).await.unwrap();
    }
    let seen = figures(&world).await;
    let (_, lag) = seen.lags.first().unwrap();
    assert_eq!(lag.total(), 1);
    let told = lag.percentile(95).unwrap();
    assert!(told >= SignedDuration::from_secs(3) && told <= SignedDuration::from_secs(5));
    hold(&world).await;
}

/// One more thing that happens to a refund, if its status allows it.
async fn happen(world: &World, id: &RefundId, what: u8, second: i64) {
    let now = at(second);
    let Some(refund) = world.store.refund(id).await.unwrap() else {
        return;
    };
    let told = |state| Observation::Notification(report(&refund, state));
    let change = match what % 8 {
        0 => try_command(world, &refund, Command::Submit, now).await,
        1 => try_command(world, &refund, Command::Cancel, now).await,
        2 => try_command(world, &refund, Command::Rescue, now).await,
        3 => Some(world.seen(id, told(WechatState::Success), now).await),
        4 => Some(world.seen(id, told(WechatState::Abnormal), now).await),
        5 => Some(world.seen(id, told(WechatState::Closed), now).await),
        6 => {
            let note = "handed over in cash".to_owned();
            try_command(world, &refund, Command::Resolve { note }, now).await
        }
        _ => {
            let asked = now;
            let finding = Finding::NotFound;
            Some(
                world
                    .seen(id, Observation::Query { finding, asked }, now)
                    .await,
            )
        }
    };
    if let Some(change) = change {
        world.commit(change).await.unwrap();
    }
}

async fn try_command(
    world: &World,
    refund: &Refund,
    command: Command,
    now: jiff::Timestamp,
) -> Option<Change> {
    let held = world.store.refund_and_payment(&refund.id).await.unwrap();
    let situation = tuikuan_domain::Situation {
        refund: held.refund.as_ref(),
        payment: held.payment.as_ref(),
        replaced: None,
    };
    let transition =
        tuikuan_domain::refund::decide(situation, command, &world.context(now)).ok()?;
    Some(Change::of(transition, refund.id.clone(), now))
}

async fn live(world: &World, acts: &[(u32, u8, i64)]) {
    for n in 1..=4 {
        let fits = registered(payment(n, 100));
        world.commit(fits).await.unwrap();
        let change = world
            .request(wanted(n, n, 10 + i64::from(n)), at(i64::from(n) * 1800))
            .await;
        world.commit(change).await.unwrap();
    }
    for (refund, what, wait) in acts {
        happen(world, &refund_id(*refund), *what, 8000 + wait).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn after_any_history_the_figures_equal_a_recount(
        acts in proptest::collection::vec((1_u32..=4, any::<u8>(), 0_i64..900_000), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = memory().await;
            live(&world, &acts).await;
            hold(&world).await;
        });
    }
}

#[tokio::test]
async fn figures_of_an_older_database_are_filled_in() {
    let world = sqlite(&Options::default()).await;
    let acts: Vec<(u32, u8, i64)> = (0..32)
        .map(|n| (1 + n % 4, u8::try_from(n % 7).unwrap(), i64::from(n) * 700))
        .collect();
    live(&world, &acts).await;
    world.succeeded(9, at(20_000)).await;
    hold(&world).await;
    let before = figures(&world).await;
    let World { store, url, .. } = world;
    let file = url.strip_prefix("sqlite:").unwrap().to_owned();
    drop(store);
    // As a version without figures left it, and then the migration.
    let bare = Connection::open(&file).unwrap();
    bare.execute_batch(
        "DROP TABLE figures; DROP TABLE care; DROP INDEX inbox_merchant; DROP INDEX inbox_odd;
         DROP INDEX refunds_needed; DROP INDEX deliveries_dead;
         ALTER TABLE inbox DROP COLUMN told_at; ALTER TABLE inbox DROP COLUMN seq;",
    )
    .unwrap();
    bare.execute_batch(include_str!("../../src/sqlite/migrations/V4__figures.sql"))
        .unwrap();
    drop(bare);
    let world = World::around(Store::open(&url, &Options::default()).await.unwrap(), url);
    hold(&world).await;
    assert_eq!(figures(&world).await, before);
}
