//! One seed, one trace, and books that balance after any history: the same calls give the same bytes, another seed gives others (INV-44).

use tuikuan_sim::{FaultAction, FaultRule, Outgoing, PaidOrder};

use crate::stage::{MCH, REFUNDS, refund_json, v2_apply, v3_request, world};

fn trace(seed: u64) -> Vec<u8> {
    let mut world = world(seed);
    world.set_faults(vec![
        FaultRule::always(FaultAction::ReplyLostAfterAccept).rate(0.2),
        FaultRule::always(FaultAction::NotificationDuplicate { n: 2 }).rate(0.5),
        FaultRule::always(FaultAction::NotFoundFor { s: 3 }).rate(0.3),
    ]);
    let mut trace = Vec::new();
    for n in 0..30 {
        let number = format!("ORDER{n:04}");
        world
            .place_paid_order(&PaidOrder::new(MCH, &number, 1_000))
            .unwrap();
        let body = refund_json(&format!("R{n}"), 10, 1_000)
            .replace("ORDER0001", &number)
            .replacen('{', "{\"notify_url\":\"https://shop.example.com/n\",", 1);
        let request = v3_request(&world, MCH, REFUNDS, Some(&body));
        let outgoing: Outgoing = world.handle(&request);
        trace.extend(format!("{outgoing:?}").into_bytes());
        let at = world.now_ms() + 700;
        for attempt in world.due_notifications(at) {
            trace.extend(format!("{attempt:?}").into_bytes());
            let status = if attempt.id % 2 == 0 { 204 } else { 500 };
            world.notification_answered(attempt.id, status, b"");
        }
    }
    trace.extend(v2_apply_trace(&mut world));
    trace.extend(format!("{:?}", world.fault_counts()).into_bytes());
    trace
}

fn v2_apply_trace(world: &mut tuikuan_sim::World) -> Vec<u8> {
    world.set_faults(Vec::new());
    let at = world.now_ms() + 60_000;
    world.advance_to(at);
    v2_apply(world, "RV2", "1").to_xml().into_bytes()
}

#[test]
fn one_seed_gives_one_trace() {
    let first = trace(42);
    assert!(first == trace(42), "the same seed gave other bytes");
    assert!(first != trace(43), "the seed changes nothing");
}

#[test]
fn the_books_balance_after_any_history() {
    use tuikuan_sim::{Outcome, RefundStatus};
    for seed in 0..4 {
        let mut world = world(seed);
        let before = world.balance(MCH).unwrap().0;
        let ends = |status| FaultAction::Outcome(Outcome::ends(status, 500));
        world.set_faults(vec![
            FaultRule::always(FaultAction::ReplyLostAfterAccept).rate(0.2),
            FaultRule::always(ends(RefundStatus::Closed)).rate(0.2),
            FaultRule::always(ends(RefundStatus::Abnormal)).rate(0.2),
        ]);
        for n in 0..200 {
            let number = format!("ORDER{:04}", n % 40);
            if n < 40 {
                world
                    .place_paid_order(&PaidOrder::new(MCH, &number, 1_000))
                    .unwrap();
            }
            let request = crate::stage::v2_request(
                "/secapi/pay/refund",
                &[
                    ("out_trade_no", &number),
                    ("out_refund_no", &format!("R{n}")),
                    ("total_fee", "1000"),
                    ("refund_fee", "350"),
                ],
                tuikuan_wechat::v2::SignType::Md5,
            );
            world.handle(&request);
            let at = world.now_ms() + 2_000;
            world.advance_to(at);
        }
        let at = world.now_ms() + 60_000;
        world.advance_to(at);
        let sum = |wanted: &[RefundStatus]| -> i64 {
            let of = world.refunds().iter();
            of.filter(|r| wanted.contains(&r.status))
                .map(|r| r.amount)
                .sum()
        };
        let moved = sum(&[RefundStatus::Success, RefundStatus::Abnormal]);
        assert_eq!(sum(&[RefundStatus::Processing]), 0);
        assert_eq!(world.balance(MCH).unwrap().0, before - moved, "seed {seed}");
        let held: i64 = world.orders().iter().map(|order| order.refunded).sum();
        assert_eq!(held, moved);
        assert!(
            world
                .orders()
                .iter()
                .all(|order| order.refunded <= order.total)
        );
        assert!(
            sum(&[RefundStatus::Closed]) > 0,
            "the history had closed refunds"
        );
    }
}

#[test]
fn no_bytes_make_the_world_panic() {
    let mut world = world(9);
    world
        .place_paid_order(&PaidOrder::new(MCH, "ORDER0001", 1_000))
        .unwrap();
    let v3 = v3_request(&world, MCH, REFUNDS, Some(&refund_json("R1", 10, 1_000)));
    let v2 = crate::stage::v2_request(
        "/pay/refundquery",
        &[("out_trade_no", "ORDER0001"), ("offset", "-1")],
        tuikuan_wechat::v2::SignType::Md5,
    );
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound.max(1)).unwrap()).unwrap()
    };
    let paths = [
        "/",
        "/v3/",
        "/v3/pay/transactions/%",
        "/pay/orderquery?a=%zz&&=",
        REFUNDS,
    ];
    for n in 0..3_000 {
        let mut request = if n % 2 == 0 { v3.clone() } else { v2.clone() };
        for _ in 0..=next(3) {
            let at = next(request.body.len());
            match next(4) {
                0 => request.body.truncate(at),
                1 if !request.body.is_empty() => request.body[at] = next(256).try_into().unwrap(),
                2 => request.path_and_query = paths[next(paths.len())].into(),
                _ => request.method = ["GET", "POST", "PUT", ""][next(4)].into(),
            }
        }
        let outgoing = world.handle(&request);
        assert!(outgoing.response().is_some());
    }
}
