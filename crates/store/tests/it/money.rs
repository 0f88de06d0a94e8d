//! INV-1 under concurrency: what fits is accepted, not a fen more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tuikuan_domain::refund::{Command, NewRefund, Situation as Held, decide};
use tuikuan_domain::{Observation, PaymentFinding, PaymentReport, Status};
use tuikuan_store::{Change, CommitError, Situation};

use crate::world::{World, at, fen, order, payment, payment_id, refund_id, registered, wanted};

conformance! {
    exactly_what_fits_is_accepted,
    what_fits_in_a_few_rounds_is_accepted,
    the_database_refuses_what_a_blind_door_allows,
    no_more_than_fifty_refunds_count,
    one_order_is_one_payment,
    what_was_accepted_before_its_payment_is_held_against_it_when_it_is_looked_up,
}

/// 64 callers want 3 fen each, several times, of an order of 100 fen: 33 fit (and fewer than 50).
async fn exactly_what_fits_is_accepted(world: World) {
    let world = Arc::new(world);
    world.commit(registered(payment(1, 100))).await.unwrap();
    let next = Arc::new(AtomicU32::new(1));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (world, next) = (Arc::clone(&world), Arc::clone(&next));
        callers.spawn(async move {
            let mut accepted: u32 = 0;
            for _ in 0..3 {
                let n = next.fetch_add(1, Ordering::Relaxed);
                accepted += u32::from(request(&world, wanted(n, 1, 3)).await);
            }
            accepted
        });
    }
    let accepted: u32 = callers.join_all().await.into_iter().sum();
    assert_eq!(accepted, 33);
    let payment = world.store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((payment.reserved, payment.refunds), (fen(99), 33));
    assert_eq!(world.store.refunds_of(&payment.id).await.unwrap().len(), 33);
}

/// Each of 200 wants the same of an order at once; so many fit. The amount changes with the round.
async fn one_round(world: &Arc<World>, round: u32) {
    const CALLERS: u32 = 200;
    const TOTAL: i64 = 100;
    let amount = [100, 50, 34, 26, 21, 17, 15][usize::try_from(round % 7).unwrap()];
    world
        .commit(registered(payment(round, TOTAL)))
        .await
        .unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let world = Arc::clone(world);
        let new = wanted(round * CALLERS + caller, round, amount);
        callers.spawn(async move { request(&world, new).await });
    }
    let taken: i64 = callers.join_all().await.into_iter().map(i64::from).sum();
    assert_eq!(taken, TOTAL / amount, "round {round}");
    let payment = world.store.payment(&payment_id(round)).await.unwrap();
    let payment = payment.unwrap();
    assert_eq!(payment.reserved, fen(taken * amount), "round {round}");
    assert_eq!(i64::from(payment.refunds), taken, "round {round}");
    let kept = world.store.refunds_of(&payment.id).await.unwrap();
    assert_eq!(i64::try_from(kept.len()).unwrap(), taken, "round {round}");
}

async fn what_fits_in_a_few_rounds_is_accepted(world: World) {
    let world = Arc::new(world);
    for round in 1..=7 {
        one_round(&world, round).await;
    }
}

/// All rounds that whoever runs it asks for: `scripts/torture --fits 1000`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes; scripts/torture --fits runs it"]
#[expect(clippy::print_stdout, reason = "the counts are what it is run for")]
async fn what_fits_in_many_rounds_is_accepted() {
    let asked = std::env::var("TUIKUAN_FITS_ROUNDS");
    let rounds: u32 = asked.map_or(1000, |rounds| rounds.parse().unwrap());
    let many = async |world: World| {
        let (world, began) = (Arc::new(world), std::time::Instant::now());
        for round in 1..=rounds {
            one_round(&world, round).await;
        }
        let (store, took) = (world.url.split(':').next().unwrap(), began.elapsed());
        println!("{store}: {rounds} rounds of 200 callers, each took what fits, {took:.0?}");
    };
    many(crate::world::sqlite(&tuikuan_store::Options::default()).await).await;
    crate::scratch::on_postgres(many).await;
}

/// As the ledger does: load, decide, commit, and again after a conflict.
async fn request(world: &World, new: NewRefund) -> bool {
    loop {
        let held = world.situation(&new).await;
        let Ok(transition) = decide(
            Held {
                refund: held.refund.as_ref(),
                payment: held.payment.as_ref(),
                replaced: None,
            },
            Command::Request(Box::new(new.clone())),
            &world.context(at(0)),
        ) else {
            return false;
        };
        let change = Change::of(transition, new.id.clone(), at(0));
        match world.store.commit(change).await {
            Ok(_) => return true,
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A door that does not look: the constraint of the database still holds, whoever else commits.
async fn the_database_refuses_what_a_blind_door_allows(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let blind = Situation {
        refund: None,
        payment: Some(payment(1, 1_000_000)),
    };
    let mut change = world.request_against(wanted(1, 1, 101), &blind, at(0));
    change.refund.as_mut().unwrap().record.total = Some(fen(200));
    let changed = change.payment.as_mut().unwrap();
    changed.record.total = fen(100);
    let good = world.request_against(wanted(2, 2, 5), &Situation::default(), at(0));
    let (bad, good) = tokio::join!(world.commit(change), world.commit(good));
    match bad {
        Err(CommitError::Overdrawn { constraint }) => assert_eq!(constraint, "payment_sums"),
        other => panic!("{other:?}"),
    }
    good.unwrap();
    let stored = world.store.payment(&payment_id(1)).await.unwrap();
    assert_eq!(stored, Some(payment(1, 100)));
    assert!(world.situation(&wanted(1, 1, 101)).await.refund.is_none());
}

async fn no_more_than_fifty_refunds_count(world: World) {
    let mut full = payment(1, 1000);
    full.refunds = 51;
    let error = world.commit(registered(full)).await.unwrap_err();
    assert!(matches!(error, CommitError::Overdrawn { .. }), "{error:?}");
}

async fn one_order_is_one_payment(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let mut twin = payment(2, 100);
    twin.out_trade_no = order(1).out_trade_no.unwrap();
    let error = world.commit(registered(twin)).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    let mut twin = payment(3, 100);
    twin.transaction_id = payment(1, 100).transaction_id;
    let error = world.commit(registered(twin)).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
}

impl World {
    /// What WeChat says of an order, held against the payment as it is stored now.
    async fn looked_up(&self, n: u32, of: u32, total: i64) -> Change {
        let stored = self.store.payment(&payment_id(of)).await.unwrap().unwrap();
        let report = PaymentReport {
            out_trade_no: stored.out_trade_no.clone(),
            transaction_id: stored.transaction_id.clone(),
            total: fen(total),
            paid_at: stored.paid_at,
        };
        let said = Observation::PaymentLookup {
            finding: PaymentFinding::Paid(report),
            payment: Some(Box::new(stored)),
        };
        self.seen(&refund_id(n), said, at(9)).await
    }

    async fn end_of(&self, n: u32) -> (Status, Option<String>) {
        let refund = self.store.refund(&refund_id(n)).await.unwrap().unwrap();
        (refund.status, refund.error.map(|error| error.code))
    }
}

/// Nobody compares, when such a refund is written, whether its payment has come meanwhile: it is as if it
/// had been accepted a moment earlier. It draws on nothing until then (INV-1, INV-8).
async fn what_was_accepted_before_its_payment_is_held_against_it_when_it_is_looked_up(
    world: World,
) {
    let mut accepted = Vec::new();
    for (n, of) in [(1, 1), (2, 1), (3, 2)] {
        accepted.push(world.request(wanted(n, of, 80), at(0)).await);
    }
    for n in [1, 2] {
        world.commit(registered(payment(n, 100))).await.unwrap();
    }
    for change in accepted {
        assert_eq!(change.payment, None);
        world.commit(change).await.unwrap();
    }
    let stored = world.store.payment(&payment_id(1)).await.unwrap();
    assert_eq!(stored, Some(payment(1, 100)));
    // Both fit into what was read; one of them takes it.
    let first = world.looked_up(1, 1, 100).await;
    let second = world.looked_up(2, 1, 100).await;
    world.commit(first).await.unwrap();
    let lost = world.commit(second).await.unwrap_err();
    assert!(matches!(lost, CommitError::Conflict), "{lost:?}");
    let again = world.looked_up(2, 1, 100).await;
    world.commit(again).await.unwrap();
    assert_eq!(world.end_of(1).await, (Status::Queued, None));
    let code = Some("amount_exceeds_refundable".to_owned());
    assert_eq!(world.end_of(2).await, (Status::Rejected, code));
    let stored = world.store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((stored.reserved, stored.refunds), (fen(80), 1));
    // WeChat knows another total than the one that was registered.
    let other = world.looked_up(3, 2, 90).await;
    world.commit(other).await.unwrap();
    let code = Some("total_mismatch".to_owned());
    assert_eq!(world.end_of(3).await, (Status::Rejected, code));
}
