//! What only SQLite can show: its file altered from outside, a full disk, a second process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tuikuan_domain::{Observation, Status, WechatState};
use tuikuan_store::{AuditFault, CommitError, HistoryFault, OpenError, Options, Store};

use crate::world::{World, at, payment, refund_id, registered, report, sqlite, wanted};

fn file(world: &World) -> PathBuf {
    PathBuf::from(world.url.strip_prefix("sqlite:").unwrap())
}

/// Somebody with a tool, who also knows how to switch off triggers.
fn tamper(world: &World, sql: &str) {
    let connection = Connection::open(file(world)).unwrap();
    connection
        .execute_batch(&format!(
            "DROP TRIGGER IF EXISTS events_unaltered; DROP TRIGGER IF EXISTS events_kept;
             DROP TRIGGER IF EXISTS audit_unaltered; DROP TRIGGER IF EXISTS audit_kept; {sql}"
        ))
        .unwrap();
}

#[tokio::test]
async fn an_altered_event_is_named() {
    let world = sqlite(&Options::default()).await;
    let id = world.succeeded(1, at(0)).await;
    tamper(&world, "UPDATE events SET source = 'cli' WHERE seq = 2");
    let verified = world.store.verify_history(id).await.unwrap();
    assert_eq!(verified, Err(HistoryFault::Altered { seq: 2 }));
}

#[tokio::test]
async fn a_missing_event_is_named() {
    let world = sqlite(&Options::default()).await;
    let id = world.succeeded(1, at(0)).await;
    tamper(&world, "DELETE FROM events WHERE seq = 2");
    let verified = world.store.verify_history(id).await.unwrap();
    let gap = HistoryFault::Gap {
        expected: 2,
        found: 3,
    };
    assert_eq!(verified, Err(gap));
}

#[tokio::test]
async fn a_cut_tail_is_seen() {
    let world = sqlite(&Options::default()).await;
    let id = world.succeeded(1, at(0)).await;
    let version = world.store.refund(&id).await.unwrap().unwrap().version;
    tamper(&world, &format!("DELETE FROM events WHERE seq = {version}"));
    let verified = world.store.verify_history(id).await.unwrap();
    let last = version - 1;
    assert_eq!(verified, Err(HistoryFault::Cut { last, version }));
}

#[tokio::test]
async fn a_record_that_its_history_does_not_give_is_seen() {
    let world = sqlite(&Options::default()).await;
    let id = world.succeeded(1, at(0)).await;
    tamper(&world, "UPDATE refunds SET waits = 7");
    let verified = world.store.verify_history(id).await.unwrap();
    assert_eq!(verified, Err(HistoryFault::RecordDiffers));
}

#[tokio::test]
async fn an_altered_or_cut_audit_log_is_seen() {
    let world = sqlite(&Options::default()).await;
    for _ in 0..3 {
        let change = tuikuan_store::AdminChange {
            act: tuikuan_store::Administered::Noted,
            audit: tuikuan_store::NewAudit {
                at: at(0),
                actor: "cli".to_owned(),
                action: "config.loaded".to_owned(),
                subject: "tuikuan.toml".to_owned(),
                detail: "{}".to_owned(),
            },
        };
        world.store.administer(change).await.unwrap();
    }
    tamper(&world, "DELETE FROM audit WHERE number = 3");
    let cut = AuditFault::Cut {
        last: 2,
        recorded: 3,
    };
    assert_eq!(world.store.verify_audit(None).await.unwrap(), Err(cut));
    tamper(&world, "UPDATE audit SET actor = 'nobody' WHERE number = 1");
    let altered = AuditFault::Altered { number: 1 };
    assert_eq!(world.store.verify_audit(None).await.unwrap(), Err(altered));
}

#[tokio::test]
async fn what_must_not_change_is_refused_by_the_schema() {
    let world = sqlite(&Options::default()).await;
    world.succeeded(1, at(0)).await;
    world.submitting(2, at(0)).await;
    let connection = Connection::open(file(&world)).unwrap();
    for sql in [
        "UPDATE events SET source = 'cli'",
        "DELETE FROM events",
        "DELETE FROM refunds",
        "DELETE FROM attempts",
        "DELETE FROM payments",
        "UPDATE refunds SET status = 'closed' WHERE status = 'succeeded'",
        "UPDATE refunds SET out_refund_no = 'other'",
        "UPDATE refunds SET status = 'lost'",
        "UPDATE refunds SET amount = amount + 1",
        "UPDATE refunds SET ended_at = 1 WHERE status = 'submitting'",
        "UPDATE payments SET reserved = total + 1",
        "UPDATE payments SET spent = -1",
        "UPDATE payments SET refunds = 51",
        "INSERT INTO events SELECT 99, refund_id, seq, kind, status, at, source, detail, hash FROM events LIMIT 1",
        "UPDATE payments SET total = 'a hundred'",
    ] {
        let result = connection.execute(sql, []);
        assert!(result.is_err(), "{sql} must be refused");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let world = sqlite(&Options::default()).await;
    world.queued(1, at(0)).await;
    world.store.limit_pages(Some(1)).await.unwrap();
    let mut refused = None;
    let mut stored = 1;
    for n in 2..2000 {
        let change = world.request(wanted(n, n, 10), at(0)).await;
        match world.commit(change).await {
            Ok(_) => stored = n,
            Err(CommitError::Full) => {
                refused = Some(n);
                break;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let refused = refused.expect("the bound is reached");
    assert_eq!(world.store.refund(&refund_id(refused)).await.unwrap(), None);
    assert!(
        world
            .store
            .refund(&refund_id(stored))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(*world.store.fatal().borrow(), None);
    world.store.limit_pages(None).await.unwrap();
    let change = world.request(wanted(refused, refused, 10), at(0)).await;
    world.commit(change).await.unwrap();
    let verified = world
        .store
        .verify_history(refund_id(refused))
        .await
        .unwrap();
    assert_eq!(verified, Ok(1));
}

#[tokio::test]
async fn a_closed_store_opens_again_with_everything() {
    let world = sqlite(&Options::default()).await;
    let id = world.succeeded(1, at(0)).await;
    let before = world.store.refund(&id).await.unwrap();
    let World { store, url, .. } = &world;
    let again = Store::open(url, &Options::inline()).await.unwrap();
    assert_eq!(again.refund(&id).await.unwrap(), before);
    // Two processes beside each other: what one writes, the other sees.
    again.commit(registered(payment(7, 70))).await.unwrap();
    let seen = store.payment(&crate::world::payment_id(7)).await.unwrap();
    assert_eq!(seen, Some(payment(7, 70)));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let world = sqlite(&Options::default()).await;
    let connection = Connection::open(file(&world)).unwrap();
    let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
               VALUES (99, 'future', '2030-01-01T00:00:00Z', '1')";
    connection.execute(sql, []).unwrap();
    let error = Store::open(&world.url, &Options::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_key_file_or_none_is_refused() {
    let world = sqlite(&Options::default()).await;
    let key = PathBuf::from(format!("{}.key", file(&world).display()));
    let mode = std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&key, [1; 32]).unwrap();
    let error = Store::open(&world.url, &Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::KeyMismatch { .. }), "{error:?}");
    std::fs::remove_file(&key).unwrap();
    let error = Store::open(&world.url, &Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
    assert!(!key.exists());
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused() {
    for url in ["mysql:x", "sqlite:", "tuikuan.db", "sqlite::memory:"] {
        let error = Store::open(url, &Options::default()).await.unwrap_err();
        assert!(matches!(error, OpenError::Url { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn secrets_are_not_in_the_file() {
    let world = sqlite(&Options::default()).await;
    let endpoint = tuikuan_store::Endpoint {
        id: "ep_00000001".parse().unwrap(),
        merchant: crate::world::merchant("main"),
        url: "https://example.com/".to_owned(),
        secret: secrecy::SecretString::from("whsec_findme"),
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        created_at: at(0),
    };
    let change = tuikuan_store::AdminChange {
        act: tuikuan_store::Administered::EndpointCreated(endpoint),
        audit: tuikuan_store::NewAudit {
            at: at(0),
            actor: "cli".to_owned(),
            action: "endpoint.created".to_owned(),
            subject: "ep_00000001".to_owned(),
            detail: "{}".to_owned(),
        },
    };
    world.store.administer(change).await.unwrap();
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{suffix}", file(&world).display())).unwrap();
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!holds(b"whsec_findme"), "in the file{suffix}");
        assert!(
            holds(b"endpoint.created") || suffix.is_empty(),
            "the test looks in the right place"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_its_payment_are_seen_at_one_instant() {
    let world = sqlite(&Options::default()).await;
    let store = &world.store;
    for n in 1..=60 {
        let id = world.processing(n, at(0)).await;
        let refund = store.refund(&id).await.unwrap().unwrap();
        let told = Observation::Notification(report(&refund, WechatState::Success));
        let change = world.seen(&id, told, at(1)).await;
        let ended = AtomicBool::new(false);
        let looking = async {
            while !ended.load(Ordering::Relaxed) {
                let seen = store.refund_and_payment(&id).await.unwrap();
                let status = seen.refund.unwrap().status;
                let spent = seen.payment.unwrap().spent;
                assert_eq!(status == Status::Succeeded, spent == refund.content.amount);
                tokio::task::yield_now().await;
            }
        };
        let committing = async {
            let committed = store.commit(change).await;
            ended.store(true, Ordering::Relaxed);
            committed.unwrap();
        };
        tokio::join!(looking, committing);
    }
}
