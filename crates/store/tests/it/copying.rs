//! The move from a file to PostgreSQL: cut off and run again, every row the same, histories and the
//! audit log whole, and a store that goes on.

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::Notify;
use tuikuan_domain::reconcile::Class;
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Status, Step};
use tuikuan_store::{Change, Claimed, CopyError, CopyStep, JobKey, OpenError, Options, Store};

use crate::admin::with_message;
use crate::audit::filled;
use crate::bills::{new, today};
use crate::scratch::Scratch;
use crate::world::{World, at, payment_id, refund_id, sqlite, wanted};

/// More conversations than one piece.
const EXCHANGES: i64 = 12_000;

/// A file with something in every kind of table that a life leaves behind.
async fn lived() -> World {
    let world = sqlite(&Options::default()).await;
    for n in 11..=16 {
        world.succeeded(n, at(i64::from(n))).await;
    }
    world.submitting(17, at(17)).await;
    let feeder = world.running_batch(4).await;
    for n in 1..=2 {
        let line = world.fed(n, &feeder).await;
        world.commit(line).await.unwrap();
    }
    let strange = new(1, "R-STRANGE", Class::WechatOnly);
    world.run(today(), vec![strange], at(20)).await;
    filled(&world).await;
    let file = file(&world);
    let bare = Connection::open(file).unwrap();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO exchanges (refund_id, kind, attempt, at, elapsed_ms, request, reply, status)
        SELECT ?2, 'query', NULL, i, 5, 'GET /' || i, char(0) || '退款', 200 FROM n";
    bare.execute(many, (EXCHANGES, refund_id(11).as_str()))
        .unwrap();
    world
}

fn file(world: &World) -> &Path {
    Path::new(world.url.strip_prefix("sqlite:").unwrap())
}

/// Stops the copy while it is in the middle of a table.
async fn cut_off(from: &str, to: &str) {
    let reached = Notify::new();
    let copy = Store::copy(from, to, |progress| {
        if progress.table == "exchanges" && progress.step == CopyStep::Copying {
            reached.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = reached.notified() => {}
        ended = copy => panic!("the copy was not cut off: {ended:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_on_after_it_was_cut_off_and_so_does_the_store() {
    let Some(scratch) = Scratch::empty().await else {
        return;
    };
    let old = lived().await;
    let (from, to) = (old.url.clone(), scratch.url());
    cut_off(&from, &to).await;
    let admin = scratch.connect().await;
    let arrived = "SELECT count(*) FROM exchanges";
    let before: i64 = admin.query_one(arrived, &[]).await.unwrap().get(0);
    assert!(before > 0 && before < EXCHANGES, "{before}");
    let half = Store::open(&to, &scratch.options()).await.unwrap_err();
    assert!(matches!(half, OpenError::HalfCopied), "{half:?}");

    let copied = Store::copy(&from, &to, |_| {}).await.unwrap();
    for table in &copied {
        let sql = format!("SELECT count(*) FROM {}", table.table);
        let theirs: i64 = admin.query_one(&sql, &[]).await.unwrap().get(0);
        let bare = Connection::open(file(&old)).unwrap();
        let ours: i64 = bare.query_row(&sql, [], |row| row.get(0)).unwrap();
        let rows = i64::try_from(table.rows).unwrap();
        assert_eq!((theirs, ours), (rows, rows), "{}", table.table);
        assert_eq!(table.checksum.len(), 64);
    }
    let filled = |name| {
        copied
            .iter()
            .any(|table| table.table == name && table.rows > 0)
    };
    for name in [
        "batches",
        "batch_lines",
        "bill_days",
        "differences",
        "audit",
        "figures",
    ] {
        assert!(filled(name), "nothing was in {name}");
    }
    let again = Store::copy(&from, &to, |_| {}).await.unwrap_err();
    assert!(matches!(again, CopyError::Ended), "{again:?}");

    std::fs::copy(format!("{}.key", file(&old).display()), scratch.key_file()).unwrap();
    let store = Store::open(&to, &scratch.options()).await.unwrap();
    goes_on(&old, World::around(store, to)).await;
    drop(admin);
    scratch.remove().await;
}

/// The new store is what the old one was, and lives.
async fn goes_on(old: &World, new: World) {
    for n in [1, 2, 11, 12, 13, 14, 15, 16, 17] {
        let id = refund_id(n);
        assert_eq!(
            new.store.refund(&id).await.unwrap(),
            old.store.refund(&id).await.unwrap()
        );
        let whole = new.store.verify_history(id.clone()).await.unwrap();
        assert_eq!(whole, old.store.verify_history(id).await.unwrap());
        assert!(whole.is_ok());
    }
    assert_eq!(
        new.store.verify_audit(None).await.unwrap().unwrap(),
        old.store.verify_audit(None).await.unwrap().unwrap()
    );
    assert_eq!(
        new.store.counts().await.unwrap(),
        old.store.counts().await.unwrap()
    );
    assert_eq!(
        *new.store.events_changed().borrow(),
        *old.store.events_changed().borrow()
    );
    // What was due there is due here, under fences above all that were given there.
    let highest = |jobs: &[Claimed]| jobs.iter().map(|job| job.guard.fence).max().unwrap();
    let keys = |jobs: &[Claimed]| -> Vec<_> {
        let keys = jobs.iter().map(|job| (job.guard.key.clone(), job.rescued));
        keys.collect()
    };
    let theirs = old.claim(Step::Submit, at(300)).await;
    let ours = new.claim(Step::Submit, at(300)).await;
    assert_eq!(keys(&ours), keys(&theirs));
    assert_eq!(ours.len(), 3);
    assert!(highest(&ours) >= highest(&theirs));
    let id = refund_id(1);
    let mine = |job: &&Claimed| job.guard.key == JobKey::Refund(id.clone());
    let guard = ours.iter().find(mine).unwrap().guard.clone();
    let change = Change {
        guard: Some(guard),
        ..new.command(&id, Command::Submit, at(301)).await
    };
    new.commit(change).await.unwrap();
    let status = new.store.refund(&id).await.unwrap().unwrap().status;
    assert_eq!(status, Status::Submitting);
    // What is spent stays spent.
    let payment = new.store.payment(&payment_id(11)).await.unwrap().unwrap();
    assert_eq!(payment.spent, payment.total);
    let more = wanted(77, 11, 1);
    let held = new.situation(&more).await;
    assert_eq!(held.payment.unwrap().spent, payment.total);
    new.queued(78, at(200)).await;
}

#[tokio::test]
async fn a_target_with_data_of_its_own_or_of_another_source_is_refused() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let one = sqlite(&Options::default()).await;
    one.succeeded(1, at(0)).await;
    let used = Store::copy(&one.url, &scratch.url(), |_| {}).await;
    assert!(matches!(used, Err(CopyError::NotEmpty { .. })), "{used:?}");
    scratch.remove().await;

    let scratch = Scratch::empty().await.unwrap();
    let other = lived().await;
    cut_off(&other.url, &scratch.url()).await;
    let mixed = Store::copy(&one.url, &scratch.url(), |_| {}).await;
    assert!(matches!(mixed, Err(CopyError::OtherSource)), "{mixed:?}");
    // The source was used since.
    other.queued(50, at(500)).await;
    let moved_on = Store::copy(&other.url, &scratch.url(), |_| {}).await;
    assert!(
        matches!(moved_on, Err(CopyError::OtherSource)),
        "{moved_on:?}"
    );
    scratch.remove().await;
}

/// PostgreSQL has no foreign keys for these: nobody would notice afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_rows_that_belong_to_nothing_is_not_copied() {
    let orphans = [
        ("refunds", "UPDATE refunds SET payment_id = 'pay_nobody'"),
        (
            "events",
            "INSERT INTO events (position, refund_id, seq, kind, at, source, detail, hash)
             SELECT position + 100, 'rf_nobody', seq, kind, at, source, detail, hash FROM events
             WHERE seq = 1",
        ),
        (
            "attempts",
            "INSERT INTO attempts (refund_id, attempt, fence, begun_at)
             VALUES ('rf_nobody', 1, 1, 1)",
        ),
        (
            "deliveries",
            "INSERT INTO deliveries (id, endpoint_id, refund_id, seq, event_type, body, status,
                 attempts, created_at)
             SELECT 'dlv_nobody', endpoint_id, 'rf_nobody', seq, event_type, body, status,
                 attempts, created_at FROM deliveries",
        ),
    ];
    for (table, alter) in orphans {
        let Some(scratch) = Scratch::empty().await else {
            return;
        };
        let source = sqlite(&Options::default()).await;
        with_message(&source).await;
        let bare = Connection::open(file(&source)).unwrap();
        let alter = format!("PRAGMA foreign_keys = OFF; {alter}");
        bare.execute_batch(&alter).unwrap();
        match Store::copy(&source.url, &scratch.url(), |_| {}).await {
            Err(CopyError::Orphans { table: found, rows }) => assert_eq!((found, rows), (table, 1)),
            other => panic!("{table}: {other:?}"),
        }
        let half = Store::open(&scratch.url(), &scratch.options()).await;
        assert!(matches!(half, Err(OpenError::HalfCopied)), "{half:?}");
        scratch.remove().await;
    }
}
