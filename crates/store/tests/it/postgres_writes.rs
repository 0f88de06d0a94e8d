//! Writes from several nodes at once, and answers that are lost: what SQLite cannot show, for there one
//! thread writes in our own process.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tuikuan_domain::refund::{Command, Situation as Held, decide};
use tuikuan_domain::{Observation, Source, Step, WechatState};
use tuikuan_store::{
    Change, Claim, CommitError, Exchange, Lane, LeaseClock, Merchants, NewAudit, Options, Store,
};

use crate::scratch::{Scratch, on_postgres};
use crate::world::{
    LEASE, World, at, fen, mch_id, payment, payment_id, refund_id, registered, report, wanted,
};

/// Two nodes on one database.
async fn two_nodes(scratch: &Scratch) -> [Arc<World>; 2] {
    let node = async || {
        let store = Store::open(&scratch.url(), &scratch.options()).await;
        Arc::new(World::around(store.unwrap(), scratch.url()))
    };
    [node().await, node().await]
}

/// As the ledger does: load, decide, commit, and again after a conflict.
async fn request(world: &World, n: u32, amount: i64) -> bool {
    loop {
        let new = wanted(n, 1, amount);
        let held = world.situation(&new).await;
        let held = Held {
            refund: held.refund.as_ref(),
            payment: held.payment.as_ref(),
            replaced: None,
        };
        let command = Command::Request(Box::new(new.clone()));
        let Ok(transition) = decide(held, command, &world.context(at(0))) else {
            return false;
        };
        match world.commit(Change::of(transition, new.id, at(0))).await {
            Ok(_) => return true,
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_accept_exactly_what_fits_into_a_payment() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = two_nodes(&scratch).await;
    let registering = nodes[0].commit(registered(payment(1, 100)));
    registering.await.unwrap();
    let mut callers = JoinSet::new();
    for n in 0..40 {
        let world = Arc::clone(&nodes[n as usize % 2]);
        callers.spawn(async move { u32::from(request(&world, n, 4).await) });
    }
    let accepted: u32 = callers.join_all().await.into_iter().sum();
    assert_eq!(accepted, 25);
    let payment = nodes[1].store.payment(&payment_id(1)).await.unwrap();
    let payment = payment.unwrap();
    assert_eq!((payment.reserved, payment.refunds), (fen(100), 25));
    drop(nodes);
    scratch.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_with_one_number_one_makes_the_refund() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = two_nodes(&scratch).await;
    for n in 1..=20 {
        let [one, other] = &nodes;
        let first = one.request(wanted(n, n, 10), at(0)).await;
        let mut twin = wanted(n, n, 10);
        twin.id = refund_id(1000 + n);
        let second = other.request(twin, at(0)).await;
        let (first, second) = tokio::join!(one.commit(first), other.commit(second));
        let won = u32::from(first.is_ok()) + u32::from(second.is_ok());
        assert_eq!(won, 1, "{first:?} {second:?}");
        let lost = first.err().or(second.err()).unwrap();
        assert!(matches!(lost, CommitError::Conflict), "{lost:?}");
    }
    let counted = nodes[0].store.counts().await.unwrap();
    assert_eq!(counted.iter().map(|count| count.refunds).sum::<i64>(), 20);
    drop(nodes);
    scratch.remove().await;
}

/// Who breaks a constraint is seen only when all are written; the others are committed all the same.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_a_constraint_does_not_spoil_its_group() {
    on_postgres(|world| async move {
        let mut waiting = JoinSet::new();
        for n in 0..60 {
            let mut record = payment(n, 100);
            if n == 37 {
                record.refunds = 51;
            }
            let store = world.store.clone();
            waiting.spawn(async move { (n, store.commit(registered(record)).await) });
        }
        for (n, done) in waiting.join_all().await {
            match (n, done) {
                (37, Err(CommitError::Overdrawn { constraint })) => {
                    assert_eq!(constraint, "payment_refunds");
                }
                (37, other) => panic!("{other:?}"),
                (_, done) => assert!(done.is_ok(), "{n}: {done:?}"),
            }
        }
        assert_eq!(world.store.payment(&payment_id(37)).await.unwrap(), None);
    })
    .await;
}

/// Only a change of the payment's sums needs its row: who holds it does not hold up what WeChat says of
/// its refunds.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_draws_no_more_and_no_less_does_not_wait_for_its_payment() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let store = Store::open(&scratch.url(), &scratch.options()).await;
    let world = World::around(store.unwrap(), scratch.url());
    let id = world.processing(1, at(0)).await;
    let refund = world.store.refund(&id).await.unwrap().unwrap();
    let told = |state| Observation::Notification(report(&refund, state));
    let abnormal = world.seen(&id, told(WechatState::Abnormal), at(9)).await;
    assert_eq!(abnormal.payment, None);
    let mut elsewhere = scratch.connect().await;
    let holding = elsewhere.transaction().await.unwrap();
    let hold = "SELECT 1 FROM payments FOR UPDATE";
    holding.query_one(hold, &[]).await.unwrap();
    world.commit(abnormal).await.unwrap();
    // What moves money waits, and holds what it decided on.
    let succeeded = world.seen(&id, told(WechatState::Success), at(10)).await;
    assert!(succeeded.payment.is_some());
    let mut commit = Box::pin(world.commit(succeeded));
    let waits = tokio::time::timeout(Duration::from_millis(300), &mut commit).await;
    assert!(waits.is_err(), "{waits:?}");
    holding.rollback().await.unwrap();
    commit.await.unwrap();
    let payment = world.store.payment(&payment_id(1)).await.unwrap().unwrap();
    assert_eq!((payment.reserved, payment.spent), (fen(0), fen(100)));
    drop((elsewhere, world));
    scratch.remove().await;
}

/// PostgreSQL keeps no NUL in a text: what WeChat answered is kept without, and what nobody can keep is
/// refused for itself alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_a_nul_spoils_nothing() {
    on_postgres(|world| async move {
        let id = world.queued(1, at(0)).await;
        let asked = Change {
            exchange: Some(Exchange {
                kind: "query".to_owned(),
                attempt: None,
                at: at(0),
                elapsed_ms: 5,
                request: "GET".to_owned(),
                reply: Some("<\0>".to_owned()),
                status: Some(200),
            }),
            subject: Some(id.clone()),
            ..Change::empty(at(0))
        };
        world.commit(asked).await.unwrap();
        let kept = world.store.exchanges_of(&id).await.unwrap();
        assert_eq!(kept[0].exchange.reply.as_deref(), Some("<\u{fffd}>"));
        let mut waiting = JoinSet::new();
        for n in 2..40 {
            let mut change = world.request(wanted(n, n, 5), at(0)).await;
            if n == 17 {
                change.audit = Some(NewAudit {
                    at: at(0),
                    actor: "a\0b".to_owned(),
                    action: "refund.requested".to_owned(),
                    subject: "rf".to_owned(),
                    detail: "{}".to_owned(),
                });
            }
            let store = world.store.clone();
            waiting.spawn(async move { (n, store.commit(change).await) });
        }
        for (n, done) in waiting.join_all().await {
            assert_eq!(done.is_ok(), n != 17, "{n}: {done:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_claimers_get_no_job_twice() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = two_nodes(&scratch).await;
    let mut waiting = JoinSet::new();
    for n in 0..400 {
        let world = Arc::clone(&nodes[0]);
        waiting.spawn(async move { world.queued(n, at(0)).await });
    }
    waiting.join_all().await;
    let mut claimers = JoinSet::new();
    for n in 0..4 {
        let world = Arc::clone(&nodes[n % 2]);
        claimers.spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let claim = Claim {
                    lane: Lane::of_step(Step::Submit, &mch_id(), Source::Api),
                    limit: 7,
                    now: at(1),
                    lease: LEASE,
                };
                let some = world.store.claim(claim).await.unwrap();
                if some.is_empty() {
                    return claimed;
                }
                claimed.extend(some);
            }
        });
    }
    let claimed: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    let jobs: HashSet<_> = claimed.iter().map(|job| job.guard.key.clone()).collect();
    let fences: HashSet<_> = claimed.iter().map(|job| job.guard.fence).collect();
    assert_eq!((claimed.len(), jobs.len(), fences.len()), (400, 400, 400));
    drop(nodes);
    scratch.remove().await;
}

/// A node whose clock is wrong neither takes what others hold nor waits for what is due (INV-25).
#[tokio::test(flavor = "multi_thread")]
async fn leases_are_judged_by_the_clock_of_the_database() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let options = Options {
        lease_clock: LeaseClock::Database,
        ..scratch.options()
    };
    let store = Store::open(&scratch.url(), &options).await.unwrap();
    let world = World::around(store, scratch.url());
    world.queued(1, at(0)).await;
    let slow = world.claim(Step::Submit, at(-100_000)).await;
    assert_eq!(slow.len(), 1);
    let fast = world.claim(Step::Submit, at(500_000_000)).await;
    assert_eq!(fast, vec![]);
    drop(world);
    scratch.remove().await;
}

/// Whoever has read up to a position has read everything before it, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_two_nodes_become_visible_in_the_order_of_their_positions() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = two_nodes(&scratch).await;
    let mut writers = JoinSet::new();
    for n in 0..200 {
        let world = Arc::clone(&nodes[n as usize % 2]);
        writers.spawn(async move { world.queued(n, at(0)).await });
    }
    let store = nodes[0].store.clone();
    let reader = tokio::spawn(async move {
        let (mut seen, mut last) = (0, 0);
        while seen < 200 {
            let (events, position) = store.events_after(last, &Merchants::All, 50).await.unwrap();
            for event in &events {
                last += 1;
                assert_eq!(event.position, last, "a position was passed over");
                seen += 1;
            }
            assert!(position >= last);
        }
    });
    writers.join_all().await;
    reader.await.unwrap();
    // The other node hears how far events have come.
    let mut heard = nodes[1].store.events_changed();
    let far = heard.wait_for(|position| *position == 200);
    tokio::time::timeout(Duration::from_secs(3), far)
        .await
        .unwrap()
        .unwrap();
    drop((heard, nodes));
    scratch.remove().await;
}

/// What stands between a node and its database.
#[derive(Clone)]
struct Wire(Arc<AtomicU8>);

const WHOLE: u8 = 0;
/// The next COMMIT does not arrive.
const BEFORE: u8 = 1;
/// The next COMMIT arrives, its answer does not.
const AFTER: u8 = 2;

impl Wire {
    /// A way to the database that can be cut. Says at which port.
    async fn lay(scratch: &Scratch) -> (Self, u16) {
        let wire = Self(Arc::new(AtomicU8::new(WHOLE)));
        let server = scratch.host();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = wire.clone();
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let database = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(own.clone().carry(node, database));
            }
        });
        (wire, port)
    }

    async fn carry(self, mut node: TcpStream, mut database: TcpStream) {
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = node.read(&mut asked) => {
                    let Ok(length @ 1..) = read else { return };
                    let commit = asked[..length].windows(7).any(|bytes| bytes == b"COMMIT\0");
                    let cut = match commit {
                        true => self.0.swap(WHOLE, Ordering::AcqRel),
                        false => WHOLE,
                    };
                    if cut == BEFORE {
                        return;
                    }
                    database.write_all(&asked[..length]).await.unwrap();
                    if cut == AFTER {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        return;
                    }
                }
                read = database.read(&mut answered) => {
                    let Ok(length @ 1..) = read else { return };
                    if node.write_all(&answered[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// A lost answer is settled by asking, whichever way it went (INV-42).
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_written_once_and_answered() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let (wire, port) = Wire::lay(&scratch).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/{}", scratch.name);
    let store = Store::open(&url, &scratch.options()).await.unwrap();
    let world = World::around(store, url);
    let mut position = 0;
    for (n, cut) in (1..).zip([WHOLE, BEFORE, AFTER, BEFORE, AFTER, WHOLE]) {
        let registering = world.commit(registered(payment(n, 100)));
        registering.await.unwrap();
        let change = world.request(wanted(n, n, 100), at(0)).await;
        wire.0.store(cut, Ordering::Release);
        let committed = world.commit(change).await.unwrap();
        position += 1;
        assert_eq!(committed.position, Some(position), "cut {cut}");
        assert_eq!(wire.0.load(Ordering::Acquire), WHOLE, "nothing was cut");
        let stored = world.store.payment(&payment_id(n)).await.unwrap().unwrap();
        assert_eq!((stored.reserved, stored.refunds), (fen(100), 1));
    }
    let counted = world.store.counts().await.unwrap();
    assert_eq!(counted[0].refunds, 6);
    drop(world);
    scratch.remove().await;
}

/// Connections end at any time; every answer is true.
#[tokio::test(flavor = "multi_thread")]
async fn while_connections_are_ended_each_answer_is_true() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let nodes = two_nodes(&scratch).await;
    let admin = scratch.connect().await;
    let mut writers = JoinSet::new();
    for n in 0..200 {
        let world = Arc::clone(&nodes[n as usize % 2]);
        writers.spawn(async move { (n, world.commit(registered(payment(n, 100))).await) });
    }
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5";
    for _ in 0..10 {
        admin.batch_execute(cut).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (n, answer) in writers.join_all().await {
        let stored = nodes[0].store.payment(&payment_id(n)).await.unwrap();
        match answer {
            Ok(_) => assert!(stored.is_some(), "{n} was accepted and is lost"),
            Err(CommitError::Unavailable { .. }) => {
                assert!(stored.is_none(), "{n} was refused and is there");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(*nodes[0].store.fatal().borrow(), None);
    drop((nodes, admin));
    scratch.remove().await;
}
