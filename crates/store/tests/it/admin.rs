//! Endpoints, deliveries, keys, the audit log.

use secrecy::{ExposeSecret, SecretString};
use tuikuan_domain::{Actor, Role};
use tuikuan_store::{
    AdminChange, Administered, ApiKey, Change, CommitError, DeliveryEnd, DeliveryId,
    DeliveryReport, DeliveryStatus, Endpoint, EndpointId, JobKey, KeyId, Lane, NewAudit,
    NewDelivery, RulesAct, Scope, SettingsSeen, StoredRules,
};

use crate::world::{World, at, merchant, payment, refund_id, registered};

conformance! {
    a_message_is_tried_until_it_is_taken,
    a_dead_message_can_be_delivered_again_and_a_failing_endpoint_is_switched_off,
    a_deleted_endpoint_takes_its_messages_with_it,
    messages_are_listed_newest_first,
    a_message_to_nobody_undoes_its_change,
    an_endpoint_is_read_back_with_its_secret,
    a_secret_and_a_state_that_change_at_the_same_time_both_stay,
    a_key_is_found_by_its_hash_and_stays_when_revoked,
    the_audit_log_is_a_chain_without_gaps,
    what_was_decided_with_other_endpoints_or_rules_is_not_written,
}

fn audit(action: &str) -> NewAudit {
    NewAudit {
        at: at(0),
        actor: "cli".to_owned(),
        action: action.to_owned(),
        subject: "x".to_owned(),
        detail: "{}".to_owned(),
    }
}

fn endpoint(n: u32) -> Endpoint {
    Endpoint {
        id: format!("ep_{n:08}").parse().unwrap(),
        merchant: merchant("main"),
        url: "https://example.com/hook".to_owned(),
        secret: SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        enabled: true,
        disabled_reason: None,
        failing_since: None,
        created_at: at(0),
    }
}

async fn administer(world: &World, act: Administered) -> Result<(), CommitError> {
    let audit = audit("test");
    world.store.administer(AdminChange { act, audit }).await
}

fn message(n: u32, endpoint: &EndpointId) -> NewDelivery {
    NewDelivery {
        id: format!("msg_{n:08}").parse().unwrap(),
        endpoint_id: endpoint.clone(),
        refund_id: refund_id(1),
        seq: 1,
        event_type: "refund.queued".to_owned(),
        body: r#"{"type":"refund.queued"}"#.to_owned(),
    }
}

/// An endpoint with one message about refund 1, due at 0.
pub(crate) async fn with_message(world: &World) -> (Endpoint, DeliveryId, Lane) {
    let endpoint = endpoint(1);
    let created = Administered::EndpointCreated(endpoint.clone());
    administer(world, created).await.unwrap();
    let id = world.queued(1, at(0)).await;
    let message = message(1, &endpoint.id);
    let delivery = message.id.clone();
    let change = Change {
        deliveries: vec![message],
        subject: Some(id),
        ..Change::empty(at(0))
    };
    world.commit(change).await.unwrap();
    let lane = Lane::Webhook(endpoint.id.clone());
    (endpoint, delivery, lane)
}

async fn a_message_is_tried_until_it_is_taken(world: World) {
    let (endpoint, id, lane) = with_message(&world).await;
    let first = world.claim_lane(lane.clone(), at(0)).await.remove(0);
    assert_eq!(first.guard.key, JobKey::Delivery(id.clone()));
    let failed = DeliveryReport {
        guard: first.guard,
        at: at(1),
        end: DeliveryEnd::Retry { due: at(6) },
        http_status: Some(500),
        error: Some("status 500".to_owned()),
        disable: None,
    };
    world.store.finish_delivery(failed.clone()).await.unwrap();
    let error = world.store.finish_delivery(failed).await.unwrap_err();
    assert!(matches!(error, CommitError::LeaseLost), "{error:?}");
    let stored = world.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.attempts),
        (DeliveryStatus::Pending, 1)
    );
    assert_eq!(
        (stored.last_status, stored.next_at),
        (Some(500), Some(at(6)))
    );
    let health = world.store.endpoint(&endpoint.id).await.unwrap().unwrap();
    assert_eq!(health.failing_since, Some(at(1)));

    let second = world.claim_lane(lane, at(6)).await.remove(0);
    let taken = DeliveryReport {
        guard: second.guard,
        at: at(7),
        end: DeliveryEnd::Delivered,
        http_status: Some(204),
        error: None,
        disable: None,
    };
    world.store.finish_delivery(taken).await.unwrap();
    let stored = world.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.attempts),
        (DeliveryStatus::Delivered, 2)
    );
    assert_eq!((stored.delivered_at, stored.next_at), (Some(at(7)), None));
    let health = world.store.endpoint(&endpoint.id).await.unwrap().unwrap();
    assert_eq!(health.failing_since, None);
}

async fn a_dead_message_can_be_delivered_again_and_a_failing_endpoint_is_switched_off(
    world: World,
) {
    let (endpoint, id, lane) = with_message(&world).await;
    let claimed = world.claim_lane(lane.clone(), at(0)).await.remove(0);
    let dead = DeliveryReport {
        guard: claimed.guard,
        at: at(1),
        end: DeliveryEnd::Dead,
        http_status: None,
        error: Some("connection refused".to_owned()),
        disable: Some("failing for 5 days".to_owned()),
    };
    world.store.finish_delivery(dead).await.unwrap();
    let off = world.store.endpoint(&endpoint.id).await.unwrap().unwrap();
    assert!(!off.enabled);
    assert_eq!(off.disabled_reason.as_deref(), Some("failing for 5 days"));
    let log = world.store.audit_after(0, 10).await.unwrap();
    assert_eq!(log.last().unwrap().entry.action, "endpoint.disabled");
    assert_eq!(world.claim_lane(lane.clone(), at(1000)).await, vec![]);

    world.store.redeliver(id.clone(), at(2000)).await.unwrap();
    let stored = world.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.attempts),
        (DeliveryStatus::Pending, 0)
    );
    assert_eq!(world.claim_lane(lane, at(2000)).await.len(), 1);
    let unknown = "msg_99999999".parse().unwrap();
    let error = world.store.redeliver(unknown, at(0)).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
}

async fn a_deleted_endpoint_takes_its_messages_with_it(world: World) {
    let (endpoint, id, lane) = with_message(&world).await;
    let deleted = Administered::EndpointDeleted(endpoint.id.clone());
    administer(&world, deleted.clone()).await.unwrap();
    assert!(world.store.endpoint(&endpoint.id).await.unwrap().is_none());
    assert!(world.store.endpoints().await.unwrap().is_empty());
    // Two have begun; one of them ends before the messages are buried.
    let change = Change {
        deliveries: (2..=1300).map(|n| message(n, &endpoint.id)).collect(),
        subject: Some(refund_id(1)),
        ..Change::empty(at(1))
    };
    world.commit(change).await.unwrap();
    let begun = world.claim_lane(lane.clone(), at(2)).await;
    let mut pieces = Vec::new();
    while let 1.. = *pieces.last().unwrap_or(&1) {
        pieces.push(world.store.prune(at(-1000)).await.unwrap());
    }
    assert_eq!(pieces, [500, 500, 300, 0]);
    assert_eq!(world.claim_lane(lane, at(1000)).await, vec![]);
    let stored = world.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!(stored.status, DeliveryStatus::Dead);
    let late = DeliveryReport {
        guard: begun[0].guard.clone(),
        end: DeliveryEnd::Delivered,
        http_status: Some(204),
        error: None,
        disable: None,
        at: at(3),
    };
    let lost = world.store.finish_delivery(late).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost)));
    let error = administer(&world, deleted).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
}

async fn messages_are_listed_newest_first(world: World) {
    let (endpoint, first, _) = with_message(&world).await;
    let change = Change {
        deliveries: (2..6).map(|n| message(n, &endpoint.id)).collect(),
        subject: Some(refund_id(1)),
        ..Change::empty(at(1))
    };
    world.commit(change).await.unwrap();
    let page = world
        .store
        .list_deliveries(&endpoint.id, None, 3)
        .await
        .unwrap();
    assert_eq!(page.len(), 3);
    let last = page.last().unwrap().id.clone();
    let rest = world
        .store
        .list_deliveries(&endpoint.id, Some(&last), 10)
        .await
        .unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest.last().unwrap().id, first);
}

async fn a_message_to_nobody_undoes_its_change(world: World) {
    world.commit(registered(payment(1, 100))).await.unwrap();
    let mut change = world.request(crate::world::wanted(1, 1, 10), at(0)).await;
    change.deliveries = vec![message(1, &"ep_99999999".parse().unwrap())];
    let error = world.commit(change).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error:?}");
    assert_eq!(world.store.refund(&refund_id(1)).await.unwrap(), None);
    assert_eq!(world.store.counts().await.unwrap(), vec![]);
}

async fn an_endpoint_is_read_back_with_its_secret(world: World) {
    let endpoint = endpoint(1);
    let created = Administered::EndpointCreated(endpoint.clone());
    administer(&world, created).await.unwrap();
    let read = world.store.endpoint(&endpoint.id).await.unwrap().unwrap();
    assert_eq!(read.secret.expose_secret(), endpoint.secret.expose_secret());
    assert!(!format!("{read:?}").contains("whsec_Mf"));
}

async fn a_secret_and_a_state_that_change_at_the_same_time_both_stay(world: World) {
    let endpoint = endpoint(1);
    let created = Administered::EndpointCreated(endpoint.clone());
    administer(&world, created).await.unwrap();
    let rotated = Endpoint {
        secret: SecretString::from("whsec_new"),
        ..endpoint.clone()
    };
    let off = Endpoint {
        enabled: false,
        ..endpoint
    };
    for act in [
        Administered::EndpointRotated(rotated.clone()),
        Administered::EndpointUpdated(off),
        Administered::EndpointRotated(rotated),
    ] {
        administer(&world, act).await.unwrap();
    }
    let read = world.store.endpoints().await.unwrap().remove(0);
    assert_eq!(read.secret.expose_secret(), "whsec_new");
    assert!(!read.enabled);
}

async fn a_key_is_found_by_its_hash_and_stays_when_revoked(world: World) {
    let id: KeyId = "key_00000001".parse().unwrap();
    let key = ApiKey {
        id: id.clone(),
        name: "shop".to_owned(),
        hash: [9; 32],
        owner: None,
        role: Role::Operator,
        scope: Scope::Only(vec![merchant("main"), merchant("other")]),
        created_at: at(0),
        created_by: Some(Actor::Cli),
        last_used_at: None,
        expires_at: Some(at(100)),
        revoked_at: None,
    };
    let created = Administered::KeyCreated(key.clone());
    administer(&world, created.clone()).await.unwrap();
    let again = administer(&world, created).await.unwrap_err();
    assert!(matches!(again, CommitError::Conflict), "{again:?}");
    assert_eq!(
        world.store.api_key_by_hash(&[9; 32]).await.unwrap(),
        Some(key)
    );
    assert_eq!(world.store.api_key_by_hash(&[8; 32]).await.unwrap(), None);
    for (second, written) in [(10, 10), (69, 10), (71, 71)] {
        world.store.touch_key(id.clone(), at(second)).await.unwrap();
        let used = world.store.api_keys().await.unwrap().remove(0);
        assert_eq!(used.last_used_at, Some(at(written)));
    }
    let revoked = Administered::KeyRevoked(id);
    administer(&world, revoked.clone()).await.unwrap();
    assert!(administer(&world, revoked).await.is_err());
    let key = world
        .store
        .api_key_by_hash(&[9; 32])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(key.revoked_at, Some(at(0)));
}

async fn the_audit_log_is_a_chain_without_gaps(world: World) {
    assert_eq!(
        world
            .store
            .verify_audit(None)
            .await
            .unwrap()
            .map(|head| head.number),
        Ok(0)
    );
    for _ in 0..5 {
        administer(&world, Administered::Noted).await.unwrap();
    }
    // What is refused leaves no entry.
    let nobody = Administered::KeyRevoked("key_00000009".parse().unwrap());
    administer(&world, nobody).await.unwrap_err();
    assert_eq!(
        world
            .store
            .verify_audit(None)
            .await
            .unwrap()
            .map(|head| head.number),
        Ok(5)
    );
    let numbers: Vec<i64> = world
        .store
        .audit_after(2, 10)
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.number)
        .collect();
    assert_eq!(numbers, [3, 4, 5]);
}

async fn what_was_decided_with_other_endpoints_or_rules_is_not_written(world: World) {
    let (_, delivery, lane) = with_message(&world).await;
    let seen = world.store.settings_versions().await.unwrap();
    assert_eq!((seen.endpoints, seen.rules), (1, 0));
    let decided = |endpoints, rules| Change {
        settings: SettingsSeen { endpoints, rules },
        ..registered(payment(7, 100))
    };
    // Switched off by its own failures: nobody's act, and yet a change.
    let mut claimed = world.claim_lane(lane, at(0)).await;
    let report = DeliveryReport {
        guard: claimed.remove(0).guard,
        end: DeliveryEnd::Dead,
        http_status: Some(500),
        error: None,
        disable: Some("it does not answer".to_owned()),
        at: at(1),
    };
    assert_eq!(report.guard.key, JobKey::Delivery(delivery));
    world.store.finish_delivery(report).await.unwrap();
    let stored = StoredRules {
        merchant: None,
        rules: tuikuan_domain::approval::Rules::default(),
        changed_at: at(0),
        changed_by: Actor::Cli,
        version: 1,
    };
    let act = Administered::Rules(Box::new(RulesAct::Set(stored)));
    administer(&world, act).await.unwrap();
    let now = world.store.settings_versions().await.unwrap();
    assert_eq!((now.endpoints, now.rules), (2, 1));
    for stale in [decided(Some(1), None), decided(Some(2), Some(0))] {
        let written = world.commit(stale).await;
        assert!(matches!(written, Err(CommitError::Outdated)));
    }
    world.commit(decided(Some(2), Some(1))).await.unwrap();
}
