//! What is told, when it is told again, and what faults do to it.

use tuikuan_sim::{
    Delivery, FaultAction, FaultRule, NotificationAttempt, PaidOrder, PortalRefund, RefundStatus,
    Schedule, VerificationMode, World,
};
use tuikuan_wechat::v2::{Fields, req_info};
use tuikuan_wechat::v3::{aead, sign::verify};

use crate::stage::{MCH, REFUNDS, kit, later, refund_json, v2, v3, world, world_with_order};

const URL: &str = "https://shop.example.com/notify";

fn apply(world: &mut World, number: &str) {
    let body =
        refund_json(number, 10, 1_000).replacen('{', &format!("{{\"notify_url\":\"{URL}\","), 1);
    assert_eq!(v3(world, REFUNDS, Some(&body)).0, 200);
}

fn due(world: &mut World, seconds: i64) -> Vec<NotificationAttempt> {
    let at = world.now_ms() + seconds * 1_000;
    world.due_notifications(at)
}

fn verified(world: &World, attempt: &NotificationAttempt) -> bool {
    let now = world.wall_ms() / 1_000;
    verify(&attempt.headers, &attempt.body, &kit().trusted(MCH), now).is_ok()
}

fn opened(attempt: &NotificationAttempt) -> serde_json::Value {
    let envelope: serde_json::Value = serde_json::from_slice(&attempt.body).unwrap();
    let part = |name: &str| envelope["resource"][name].as_str().unwrap();
    let key = kit().of(MCH).1.api_v3_key.clone().into();
    let plain = aead::open(
        &key,
        part("nonce"),
        part("associated_data"),
        part("ciphertext"),
    );
    serde_json::from_slice(&plain.unwrap()).unwrap()
}

#[test]
fn v3_tells_the_end_of_a_refund_signed_and_sealed() {
    let mut world = world_with_order(1);
    apply(&mut world, "R1");
    let attempts = due(&mut world, 5);
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].url, URL);
    assert!(verified(&world, &attempts[0]));
    let told = opened(&attempts[0]);
    assert_eq!(told["refund_status"], "SUCCESS");
    assert_eq!(told["out_refund_no"], "R1");
    assert_eq!(told["mchid"], MCH);
    assert_eq!(told["amount"]["refund"], 10);
    world.notification_answered(attempts[0].id, 204, b"");
    assert!(due(&mut world, 200_000).is_empty(), "told once");
}

/// Attempts a refund's notification gets when nobody ever accepts it, as seconds after the first.
fn refused_times(schedule: Schedule) -> Vec<i64> {
    let mut world = world_with_order(1);
    world.set_schedule(schedule);
    apply(&mut world, "R1");
    let mut times = Vec::new();
    while let Some(at) = world.next_event_at() {
        for attempt in world.due_notifications(at) {
            times.push(world.now_ms() / 1_000);
            world.notification_answered(attempt.id, 500, b"");
        }
    }
    let first = times[0];
    times.iter().map(|at| at - first).collect()
}

#[test]
fn both_schedules_keep_their_published_intervals() {
    let current = refused_times(Schedule::Current);
    assert_eq!(current.len(), 16);
    assert_eq!(current[1..5], [15, 30, 60, 240]);
    assert_eq!(current[15], 86_640);
    let old = refused_times(Schedule::Old);
    assert_eq!(old.len(), 10);
    assert_eq!(old[9], 11_040);
}

#[test]
fn a_missing_answer_is_a_failure_and_a_late_one_changes_nothing() {
    let mut world = world_with_order(1);
    apply(&mut world, "R1");
    let first = due(&mut world, 5).remove(0);
    world.notification_failed(first.id, "no answer within 5 s");
    world.notification_answered(first.id, 200, b"");
    let second = due(&mut world, 15).remove(0);
    assert_ne!(first.id, second.id);
    let delivery = &world.notifications()[0].delivery;
    assert!(matches!(delivery, Delivery::Failed { .. }));
}

#[test]
fn v2_tells_in_sealed_xml_and_wants_the_word_success() {
    let mut world = world_with_order(1);
    let fields = [
        ("out_trade_no", "ORDER0001"),
        ("out_refund_no", "R1"),
        ("total_fee", "1000"),
        ("refund_fee", "10"),
        ("notify_url", URL),
    ];
    v2(&mut world, "/secapi/pay/refund", &fields);
    let attempt = due(&mut world, 5).remove(0);
    let told = refund_told_in_v2(&attempt);
    assert_eq!(told.get("refund_status"), Some("SUCCESS"));
    assert_eq!(told.get("refund_request_source"), Some("API"));
    world.notification_answered(attempt.id, 200, b"");
    let again = due(&mut world, 15).remove(0);
    let fail = b"<xml><return_code><![CDATA[FAIL]]></return_code></xml>";
    world.notification_answered(again.id, 200, fail);
    let third = due(&mut world, 15).remove(0);
    let success = b"<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>";
    world.notification_answered(third.id, 200, success);
    assert!(due(&mut world, 200_000).is_empty());
}

fn refund_told_in_v2(attempt: &NotificationAttempt) -> Fields {
    let envelope = Fields::parse(&attempt.body).unwrap();
    assert_eq!(
        envelope.get("sign"),
        None,
        "refund notifications are unsigned"
    );
    let key = kit().of(MCH).1.api_v2_key.clone().into();
    let plain = req_info::open(envelope.get("req_info").unwrap(), &key).unwrap();
    let text = String::from_utf8_lossy(&plain).into_owned();
    Fields::parse_in(&plain, "root").unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn without_a_url_of_its_own_a_v3_refund_is_told_in_v2_form() {
    let mut world = world_with_order(1);
    let body = refund_json("R1", 10, 1_000);
    assert_eq!(v3(&mut world, REFUNDS, Some(&body)).0, 200);
    assert!(due(&mut world, 60).is_empty(), "nobody to tell");
    world.set_notify_url(MCH, Some(URL.into())).unwrap();
    let body = refund_json("R2", 10, 1_000);
    assert_eq!(v3(&mut world, REFUNDS, Some(&body)).0, 200);
    let told = refund_told_in_v2(&due(&mut world, 60).remove(0));
    assert_eq!(told.get("out_refund_no"), Some("R2"));
    let by_hand = PortalRefund {
        mch_id: MCH.into(),
        sub_mch_id: None,
        out_trade_no: "ORDER0001".into(),
        amount: 5,
        out_refund_no: None,
    };
    world.portal_refund(&by_hand).unwrap();
    let told = refund_told_in_v2(&due(&mut world, 60).remove(0));
    assert_eq!(told.get("refund_request_source"), Some("VENDOR_PLATFORM"));
}

#[test]
fn payments_are_told_in_the_form_of_the_order() {
    let mut world = world(1);
    let order = PaidOrder {
        notify_url: Some(URL.into()),
        ..PaidOrder::new(MCH, "ORDER0001", 1_000)
    };
    world.place_paid_order(&order).unwrap();
    let attempt = due(&mut world, 0).remove(0);
    assert!(verified(&world, &attempt));
    assert_eq!(opened(&attempt)["trade_state"], "SUCCESS");
    let order = PaidOrder {
        out_trade_no: "ORDER0002".into(),
        api: Some(tuikuan_sim::Api::V2),
        ..order
    };
    world.place_paid_order(&order).unwrap();
    let fields = Fields::parse(&due(&mut world, 0).remove(0).body).unwrap();
    let key = kit().of(MCH).1.api_v2_key.clone().into();
    assert!(tuikuan_wechat::v2::verify(&fields, &key));
    assert_eq!(fields.get("total_fee"), Some("1000"));
}

#[test]
fn notifications_are_lost_doubled_late_and_out_of_order() {
    let mut world = world_with_order(1);
    world.set_faults(vec![
        FaultRule::always(FaultAction::NotificationDrop).times(1),
        FaultRule::always(FaultAction::NotificationDuplicate { n: 3 }).times(1),
        FaultRule::always(FaultAction::NotificationDelay { s: 600 }).times(1),
        FaultRule::always(FaultAction::NotificationReorder).times(1),
    ]);
    apply(&mut world, "R1");
    assert!(due(&mut world, 60).is_empty(), "dropped");
    apply(&mut world, "R2");
    let copies = due(&mut world, 60);
    assert_eq!(copies.len(), 3);
    assert!(copies.iter().all(|copy| verified(&world, copy)));
    copies
        .iter()
        .for_each(|copy| world.notification_answered(copy.id, 204, b""));
    apply(&mut world, "R3");
    assert!(due(&mut world, 590).is_empty());
    let late = due(&mut world, 20).remove(0);
    world.notification_answered(late.id, 204, b"");
    apply(&mut world, "R4");
    later(&mut world, 58);
    world
        .place_paid_order(&PaidOrder {
            notify_url: Some(URL.into()),
            ..PaidOrder::new(MCH, "ORDER0009", 5)
        })
        .unwrap();
    let both = due(&mut world, 1);
    assert_eq!(both.len(), 2);
    assert!(
        opened(&both[0]).get("trade_state").is_some(),
        "the later one first"
    );
    assert_eq!(opened(&both[1])["out_refund_no"], "R4");
}

#[test]
fn forged_probing_and_broken_messages_are_followed_by_a_true_one() {
    for action in [
        FaultAction::NotificationForge { once: true },
        FaultAction::NotificationSigntest,
        FaultAction::NotificationMalformed,
    ] {
        let mut world = world_with_order(1);
        world.add_fault(FaultRule::always(action.clone()));
        apply(&mut world, "R1");
        let first = due(&mut world, 5).remove(0);
        assert!(!verified(&world, &first), "{}", action.name());
        world.notification_answered(first.id, 401, b"");
        let second = due(&mut world, 15).remove(0);
        assert!(verified(&world, &second), "{}", action.name());
    }
}

#[test]
fn a_spliced_v2_message_decrypts_to_something_else() {
    let mut world = world_with_order(1);
    world.set_notify_url(MCH, Some(URL.into())).unwrap();
    let mut plain = |number: &str| {
        v3(&mut world, REFUNDS, Some(&refund_json(number, 10, 1_000)));
        due(&mut world, 60).remove(0)
    };
    plain("R1");
    let truth = refund_told_in_v2(&plain("R2"));
    world.add_fault(FaultRule::always(FaultAction::NotificationForge {
        once: true,
    }));
    v3(&mut world, REFUNDS, Some(&refund_json("R3", 20, 1_000)));
    let attempt = due(&mut world, 60).remove(0);
    let envelope = Fields::parse(&attempt.body).unwrap();
    let key = kit().of(MCH).1.api_v2_key.clone().into();
    let opened = req_info::open(envelope.get("req_info").unwrap(), &key).unwrap();
    let text = String::from_utf8_lossy(&opened);
    assert!(text.starts_with("<root>"), "it decrypts: {text}");
    assert_ne!(Fields::parse_in(&opened, "root").ok(), Some(truth));
    assert!(!text.contains("R3") || !text.contains("[20]"), "{text}");
}

#[test]
fn the_notification_can_overtake_the_answer() {
    let mut world = world_with_order(1);
    let action = FaultAction::NotificationBeforeReply { ms: 250 };
    world.add_fault(FaultRule::always(action));
    let body =
        refund_json("R1", 10, 1_000).replacen('{', &format!("{{\"notify_url\":\"{URL}\","), 1);
    let request = crate::stage::v3_request(&world, MCH, REFUNDS, Some(&body));
    let outgoing = world.handle(&request);
    assert!(matches!(
        outgoing,
        tuikuan_sim::Outgoing::Delay { ms: 250, .. }
    ));
    assert_eq!(due(&mut world, 0).len(), 1);
    assert_eq!(world.refunds()[0].status, RefundStatus::Success);
}

#[test]
fn the_public_key_signs_when_told_to() {
    let mut world = world_with_order(1);
    world.set_mode(MCH, VerificationMode::PublicKey).unwrap();
    apply(&mut world, "R1");
    let attempt = due(&mut world, 5).remove(0);
    assert!(verified(&world, &attempt));
    let serial = attempt
        .headers
        .iter()
        .find(|(n, _)| n == "Wechatpay-Serial");
    assert_eq!(serial.unwrap().1, kit().of(MCH).1.public_key_id);
    let (status, value) = v3(&mut world, "/v3/certificates", None);
    assert_eq!(
        (status, value["code"].as_str()),
        (404, Some("RESOURCE_NOT_EXISTS"))
    );
}

#[test]
fn messages_are_replayed_with_their_old_time_and_sent_astray() {
    let mut world = world_with_order(1);
    let elsewhere = "https://other.example.com/notify".to_owned();
    world.set_faults(vec![
        FaultRule::always(FaultAction::NotificationReplay { s: 400 }).times(1),
        FaultRule::always(FaultAction::NotificationMisdirect {
            url: elsewhere.clone(),
        }),
    ]);
    apply(&mut world, "R1");
    let first = due(&mut world, 5).remove(0);
    world.notification_answered(first.id, 204, b"");
    assert!(verified(&world, &first));
    let again = due(&mut world, 400).remove(0);
    assert_eq!((&again.body, &again.headers), (&first.body, &first.headers));
    assert!(!verified(&world, &again), "too old by now");
    world.notification_answered(again.id, 401, b"");
    apply(&mut world, "R2");
    let both = due(&mut world, 60);
    assert_eq!(both.len(), 2);
    assert_eq!(both[1].url, elsewhere);
    // Its acceptance elsewhere does not spare the right receiver the next attempt.
    world.notification_answered(both[1].id, 204, b"");
    world.notification_answered(both[0].id, 500, b"");
    assert_eq!(due(&mut world, 15).remove(0).url, URL);
}
