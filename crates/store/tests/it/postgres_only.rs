//! What only PostgreSQL can show: a server that is not durable or not the one it says it is, nodes of
//! different versions, connections that are lost, rows altered from outside.

use tokio::task::JoinSet;
use tuikuan_store::{
    AuditFault, DatabaseError, HistoryFault, LeaseClock, Merchants, OpenError, Options, ReadError,
    RefundSearch, Store,
};

use crate::scratch::{Scratch, on_postgres, variable};
use crate::world::{World, at, payment, refund_id, registered, wanted};

async fn refused(scratch: &Scratch) -> OpenError {
    let opened = Store::open(&scratch.url(), &scratch.options()).await;
    opened.unwrap_err()
}

#[tokio::test]
async fn a_database_whose_commits_are_not_durable_is_refused() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let admin = scratch.connect().await;
    for (value, refuses) in [("off", true), ("on", false), ("remote_apply", false)] {
        let set = format!(
            "ALTER DATABASE {} SET synchronous_commit = {value}",
            scratch.name
        );
        admin.batch_execute(&set).await.unwrap();
        let opened = Store::open(&scratch.url(), &scratch.options()).await;
        match (opened, refuses) {
            (Err(OpenError::NotDurable { setting, .. }), true) => {
                assert_eq!(setting, "synchronous_commit");
            }
            (Ok(_), false) => {}
            (other, _) => panic!("{value}: {other:?}"),
        }
    }
    drop(admin);
    scratch.remove().await;
}

#[tokio::test]
async fn a_node_goes_on_beside_a_newer_one_that_only_added_something() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let admin = scratch.connect().await;
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
        VALUES (99, 'future', '2030-01-01T00:00:00Z', '1')";
    admin.batch_execute(newer).await.unwrap();
    let store = Store::open(&scratch.url(), &scratch.options()).await;
    let world = World::around(store.unwrap(), scratch.url());
    world.succeeded(1, at(0)).await;
    drop(world);
    let beyond = "UPDATE meta SET number = 99 WHERE name = 'compatible'";
    admin.batch_execute(beyond).await.unwrap();
    let error = refused(&scratch).await;
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error:?}"
    );
    drop(admin);
    scratch.remove().await;
}

#[tokio::test]
async fn a_new_version_waits_for_who_reads_and_lets_the_others_work() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let old = Store::open(&scratch.url(), &scratch.options()).await;
    let world = World::around(old.unwrap(), scratch.url());
    // As version 11 left it.
    let admin = scratch.connect().await;
    let before = "DELETE FROM refinery_schema_history WHERE version > 11;
        DROP TABLE tries;
        ALTER TABLE refunds ADD CONSTRAINT refunds_payment_id_fkey
            FOREIGN KEY (payment_id) REFERENCES payments (id);
        ALTER TABLE events ADD CONSTRAINT events_refund_id_fkey
            FOREIGN KEY (refund_id) REFERENCES refunds (id);
        ALTER TABLE attempts ADD CONSTRAINT attempts_refund_id_fkey
            FOREIGN KEY (refund_id) REFERENCES refunds (id);
        ALTER TABLE deliveries ADD CONSTRAINT deliveries_refund_id_fkey
            FOREIGN KEY (refund_id) REFERENCES refunds (id);";
    admin.batch_execute(before).await.unwrap();
    let dump = "BEGIN; LOCK TABLE refunds IN ACCESS SHARE MODE";
    admin.batch_execute(dump).await.unwrap();
    let (url, options) = (scratch.url(), scratch.options());
    let new = tokio::spawn(async move { Store::open(&url, &options).await });
    for number in 1..=3 {
        world.succeeded(number, at(i64::from(number))).await;
    }
    assert!(!new.is_finished(), "the dump was not waited for");
    admin.batch_execute("COMMIT").await.unwrap();
    drop(new.await.unwrap().unwrap());
    let gone = "SELECT count(*) FROM pg_constraint WHERE conname = 'refunds_payment_id_fkey'";
    let left: i64 = admin.query_one(gone, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    drop((admin, world));
    scratch.remove().await;
}

#[tokio::test]
async fn a_node_with_another_key_or_none_is_refused() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    std::fs::write(scratch.key_file(), [1; 32]).unwrap();
    let error = refused(&scratch).await;
    assert!(matches!(error, OpenError::KeyMismatch { .. }), "{error:?}");
    std::fs::remove_file(scratch.key_file()).unwrap();
    let error = refused(&scratch).await;
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
    assert!(!scratch.key_file().exists());
    scratch.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_on_an_empty_database_make_it_once() {
    let Some(scratch) = Scratch::empty().await else {
        return;
    };
    let (url, options) = (scratch.url(), scratch.options());
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let (url, options) = (url.clone(), options.clone());
            tokio::spawn(async move { Store::open(&url, &options).await })
        })
        .collect();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    let admin = scratch.connect().await;
    let ran = "SELECT count(*) FROM refinery_schema_history WHERE version = 10";
    let ran: i64 = admin.query_one(ran, &[]).await.unwrap().get(0);
    assert_eq!(ran, 1);
    drop(admin);
    scratch.remove().await;
}

#[tokio::test]
async fn a_database_that_a_copy_has_not_ended_on_is_refused() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let admin = scratch.connect().await;
    let half = "INSERT INTO meta (name, number) VALUES ('copy', 0)";
    admin.batch_execute(half).await.unwrap();
    let error = refused(&scratch).await;
    assert!(matches!(error, OpenError::HalfCopied), "{error:?}");
    drop(admin);
    scratch.remove().await;
}

#[tokio::test]
async fn the_server_must_prove_its_name() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let Some(roots) = variable("TUIKUAN_TEST_POSTGRES_CA") else {
        return;
    };
    let by_name = scratch.url().replace("127.0.0.1", "localhost");
    let url = format!("{by_name}?sslmode=verify-full&sslrootcert={roots}");
    let store = Store::open(&url, &scratch.options()).await.unwrap();
    store.counts().await.unwrap();
    let admin = scratch.connect().await;
    let open = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE datname = current_database() AND application_name = 'tuikuan' AND NOT ssl";
    let open: i64 = admin.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 0, "every connection is protected");
    // Its certificate is for localhost, and no public authority signed it.
    let other = scratch.url();
    let other = format!("{other}?sslmode=verify-full&sslrootcert={roots}");
    let stranger = format!("{by_name}?sslmode=verify-full");
    for url in [other, stranger] {
        let error = Store::open(&url, &scratch.options()).await.unwrap_err();
        let text = format!("{error:?}");
        assert!(matches!(error, OpenError::Database { .. }), "{text}");
        assert!(text.to_lowercase().contains("certificate"), "{text}");
    }
    drop((store, admin));
    scratch.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_is_survived() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let store = Store::open(&scratch.url(), &scratch.options()).await;
    let world = World::around(store.unwrap(), scratch.url());
    let admin = scratch.connect().await;
    for n in 1..=5 {
        let id = world.succeeded(n, at(0)).await;
        // What a restart does to connections, without a pause for the other tests.
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let cut: i64 = admin.query_one(cut, &[]).await.unwrap().get(0);
        assert!(cut > 0);
        // Reads go on by themselves.
        let refund = world.store.refund(&id).await.unwrap();
        assert!(refund.is_some());
        assert_eq!(world.store.counts().await.unwrap().len(), 1);
    }
    assert_eq!(*world.store.fatal().borrow(), None);
    drop((world, admin));
    scratch.remove().await;
}

#[tokio::test]
async fn while_the_server_is_away_reads_fail_and_nothing_is_fatal() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let store = Store::open(&scratch.url(), &scratch.options()).await;
    let world = World::around(store.unwrap(), scratch.url());
    world.succeeded(1, at(0)).await;
    let admin = scratch.elsewhere().await;
    let name = &scratch.name;
    let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    admin.batch_execute(&close).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    admin.query(cut, &[name]).await.unwrap();
    let error = world.store.refund(&refund_id(1)).await.unwrap_err();
    assert!(matches!(error, ReadError::Database { .. }), "{error:?}");
    let change = registered(payment(7, 70));
    let error = world.commit(change.clone()).await.unwrap_err();
    assert!(
        matches!(error, tuikuan_store::CommitError::Unavailable { .. }),
        "{error:?}"
    );
    assert_eq!(*world.store.fatal().borrow(), None);
    let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    admin.batch_execute(&open).await.unwrap();
    assert!(world.store.refund(&refund_id(1)).await.unwrap().is_some());
    world.commit(change).await.unwrap();
    drop((world, admin));
    scratch.remove().await;
}

/// Somebody with a superuser's rights, who also knows how to switch off triggers.
async fn tamper(world: &World, sql: &str) {
    let client = crate::scratch::connect(&world.url).await;
    let sql = format!("SET session_replication_role = replica; {sql}");
    client.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn an_altered_missing_or_cut_history_is_named() {
    on_postgres(|world| async move {
        for n in 1..=3 {
            world.succeeded(n, at(0)).await;
        }
        let of = |n: u32| format!("refund_id = '{}'", refund_id(n));
        let altered = format!(
            "UPDATE events SET source = 'cli' WHERE seq = 2 AND {}",
            of(1)
        );
        let missing = format!("DELETE FROM events WHERE seq = 2 AND {}", of(2));
        let cut = format!("DELETE FROM events WHERE seq = 4 AND {}", of(3));
        tamper(&world, &format!("{altered}; {missing}; {cut}")).await;
        let verify = async |n| world.store.verify_history(refund_id(n)).await.unwrap();
        assert_eq!(verify(1).await, Err(HistoryFault::Altered { seq: 2 }));
        let gap = HistoryFault::Gap {
            expected: 2,
            found: 3,
        };
        assert_eq!(verify(2).await, Err(gap));
        let version = world
            .store
            .refund(&refund_id(3))
            .await
            .unwrap()
            .unwrap()
            .version;
        assert!(matches!(
            verify(3).await,
            Err(HistoryFault::Cut { .. } | HistoryFault::Gap { .. })
        ));
        assert!(version >= 4);
    })
    .await;
}

#[tokio::test]
async fn an_altered_or_cut_audit_log_is_seen() {
    on_postgres(|world| async move {
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
        tamper(&world, "DELETE FROM audit WHERE number = 3").await;
        let cut = AuditFault::Cut {
            last: 2,
            recorded: 3,
        };
        assert_eq!(world.store.verify_audit(None).await.unwrap(), Err(cut));
        tamper(&world, "UPDATE audit SET actor = 'nobody' WHERE number = 1").await;
        let altered = AuditFault::Altered { number: 1 };
        assert_eq!(world.store.verify_audit(None).await.unwrap(), Err(altered));
    })
    .await;
}

#[tokio::test]
async fn what_must_not_change_is_refused_by_the_schema() {
    on_postgres(|world| async move {
        world.succeeded(1, at(0)).await;
        world.submitting(2, at(0)).await;
        let client = crate::scratch::connect(&world.url).await;
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
        ] {
            assert!(client.batch_execute(sql).await.is_err(), "{sql} must be refused");
        }
    })
    .await;
}

#[tokio::test]
async fn secrets_are_not_in_the_database() {
    on_postgres(|world| async move {
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
        let client = crate::scratch::connect(&world.url).await;
        let sealed = "SELECT secret FROM endpoints";
        let sealed: Vec<u8> = client.query_one(sealed, &[]).await.unwrap().get(0);
        assert!(!sealed.windows(6).any(|part| part == b"findme"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_does_not_fail_because_every_connection_was_ended() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let store = Store::open(&scratch.url(), &scratch.options())
        .await
        .unwrap();
    let admin = scratch.elsewhere().await;
    for _time in 0..20 {
        // More than the pool holds, so that all of them exist.
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    store.refund(&refund_id(1)).await.unwrap();
                    store
                        .search_refunds(RefundSearch::of(Merchants::All))
                        .await
                        .unwrap();
                    let whole = store.verify_history(refund_id(1)).await.unwrap();
                    assert!(
                        matches!(whole, Err(HistoryFault::NoRefund { .. })),
                        "{whole:?}"
                    );
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        let ended = admin.query(end, &[&scratch.name]).await.unwrap();
        assert!(!ended.is_empty());
    }
    drop(store);
    scratch.remove().await;
}

#[tokio::test]
async fn the_time_is_the_servers_where_it_judges_leases() {
    let Some(scratch) = Scratch::make().await else {
        return;
    };
    let options = Options {
        lease_clock: LeaseClock::Database,
        ..scratch.options()
    };
    let store = Store::open(&scratch.url(), &options).await.unwrap();
    let before = store.clock().await.unwrap().unwrap();
    let after = store.clock().await.unwrap().unwrap();
    assert!(before <= after);
    // Of this machine, give or take.
    let off = after.duration_since(jiff::Timestamp::now());
    assert!(off.abs() < jiff::SignedDuration::from_hours(1), "{off}");
    let callers = Store::open(&scratch.url(), &scratch.options()).await;
    assert_eq!(callers.unwrap().clock().await.unwrap(), None);
    drop(store);
    scratch.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_with_others_hears_what_the_database_said() {
    on_postgres(|world| async move {
        tamper(&world, "ALTER TABLE payments RENAME TO elsewhere").await;
        let mut asking = JoinSet::new();
        for n in 1..=8 {
            let (new, store) = (wanted(n, n, 1), world.store.clone());
            asking.spawn(async move {
                let order = &new.content.order;
                let sub = new.sub_mch_id.as_ref();
                store
                    .situation(&new.mch_id, sub, &new.out_refund_no, order)
                    .await
            });
        }
        for said in asking.join_all().await {
            let Err(ReadError::Database { source }) = said else {
                panic!("{said:?}");
            };
            assert!(matches!(source, DatabaseError::Postgres(_)), "{source:?}");
            // What it lacks, and its code for that.
            let source = source.to_string();
            assert!(
                source.contains("payments") && source.contains("42P01"),
                "{source}"
            );
        }
    })
    .await;
}
