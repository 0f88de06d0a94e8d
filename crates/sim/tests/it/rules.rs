//! Sums, idempotence, quotas, balance, coupons, paging.

use tuikuan_sim::{
    CouponInput, CouponKind, Limits, Outcome, OutcomePolicy, PaidOrder, RefundStatus,
};

use crate::stage::{
    MCH, REFUNDS, apply, later, refund_json, v2, v2_apply, v3, world, world_with_order,
};

fn status_of(world: &mut tuikuan_sim::World, number: &str) -> String {
    let (code, value) = v3(world, &format!("{REFUNDS}/{number}"), None);
    assert_eq!(code, 200, "{value}");
    value["status"].as_str().unwrap().to_owned()
}

#[test]
fn the_same_number_is_the_same_refund_and_moves_money_once() {
    let mut world = world_with_order(1);
    let (before, _) = world.balance(MCH).unwrap();
    let (status, first) = apply(&mut world, "R1", 300);
    assert_eq!(
        (status, first["status"].as_str()),
        (200, Some("PROCESSING"))
    );
    let (_, again) = apply(&mut world, "R1", 300);
    assert_eq!(first["refund_id"], again["refund_id"]);
    let (status, other) = apply(&mut world, "R1", 301);
    assert_eq!(
        (status, other["code"].as_str()),
        (400, Some("INVALID_REQUEST"))
    );
    later(&mut world, 5);
    assert_eq!(status_of(&mut world, "R1"), "SUCCESS");
    assert_eq!(world.balance(MCH).unwrap().0, before - 300);
    let refund = world.refund(MCH, None, "R1").unwrap();
    assert_eq!((refund.applications, refund.differing_repeats), (2, 0));
    let order = world.order(MCH, None, "ORDER0001").unwrap();
    assert_eq!(order.refundable(), 700);
}

#[test]
fn a_closed_refund_gives_the_money_back_to_the_order() {
    let mut world = world_with_order(1);
    world.set_outcomes(OutcomePolicy {
        default: RefundStatus::Closed,
        ..OutcomePolicy::prompt()
    });
    let (before, _) = world.balance(MCH).unwrap();
    apply(&mut world, "R1", 1_000);
    later(&mut world, 61);
    assert_eq!(status_of(&mut world, "R1"), "CLOSED");
    assert_eq!(world.balance(MCH).unwrap().0, before);
    // The old number stays closed, a new one is a new refund.
    assert_eq!(apply(&mut world, "R1", 1_000).1["status"], "CLOSED");
    assert_eq!(apply(&mut world, "R2", 1_000).0, 200);
}

#[test]
fn balance_shortage_refuses_first_and_closes_after_a_week() {
    let mut world = world_with_order(1);
    world.set_balance(MCH, 99, None).unwrap();
    let (status, value) = apply(&mut world, "R1", 100);
    assert_eq!((status, value["code"].as_str()), (403, Some("NOT_ENOUGH")));
    world.set_balance(MCH, 100, None).unwrap();
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
    // Spent elsewhere in the meantime.
    world.set_balance(MCH, 0, None).unwrap();
    later(&mut world, 86_400);
    assert_eq!(status_of(&mut world, "R1"), "PROCESSING");
    later(&mut world, 6 * 86_400 + 1_000);
    assert_eq!(status_of(&mut world, "R1"), "CLOSED");
}

#[test]
fn merchants_on_the_old_fund_flow_choose_their_source() {
    let mut world = world_with_order(1);
    world.set_balance(MCH, 5_000, Some(10)).unwrap();
    assert_eq!(
        v2_apply(&mut world, "R1", "100").get("err_code"),
        Some("NOTENOUGH")
    );
    let body = refund_json("R1", 100, 1_000).replacen('{', "{\"funds_account\":\"AVAILABLE\",", 1);
    assert_eq!(v3(&mut world, REFUNDS, Some(&body)).0, 200);
    later(&mut world, 5);
    assert_eq!(world.balance(MCH).unwrap(), (4_900, Some(10)));
}

#[test]
fn quotas_hold_on_the_simulators_clock() {
    let mut world = world(1);
    for n in 0..151 {
        let number = format!("ORDER{n:04}");
        world
            .place_paid_order(&PaidOrder::new(MCH, &number, 10))
            .unwrap();
    }
    let send = |world: &mut tuikuan_sim::World, n: usize| {
        let body = refund_json(&format!("R{n}"), 1, 10);
        v3(
            world,
            REFUNDS,
            Some(&body.replace("ORDER0001", &format!("ORDER{n:04}"))),
        )
    };
    for n in 0..150 {
        assert_eq!(send(&mut world, n).0, 200, "{n}");
    }
    let (status, value) = send(&mut world, 150);
    assert_eq!(
        (status, value["code"].as_str()),
        (429, Some("FREQUENCY_LIMITED"))
    );
    later(&mut world, 1);
    assert_eq!(send(&mut world, 150).0, 200);
    let exceeded = world.exceeded();
    assert_eq!((exceeded.rates, exceeded.spacing), (1, 0));
}

#[test]
fn too_many_bad_applications_block_good_ones_for_a_minute() {
    let mut world = world_with_order(1);
    for _ in 0..7 {
        assert_eq!(apply(&mut world, "R 1", 100).0, 400);
    }
    assert_eq!(apply(&mut world, "R1", 100).0, 429);
    assert_eq!(
        v2_apply(&mut world, "R1", "100").get("err_code"),
        Some("INVALID_REQ_TOO_MUCH")
    );
    later(&mut world, 61);
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
}

#[test]
fn an_order_takes_fifty_refunds_a_minute_apart() {
    let mut world = world_with_order(1);
    for n in 0..50 {
        assert_eq!(apply(&mut world, &format!("R{n}"), 1).0, 200, "{n}");
        let again = apply(&mut world, "TOOSOON", 1).0;
        assert_eq!(again, if n < 49 { 429 } else { 400 }, "{n}");
        later(&mut world, 60);
    }
    let (status, value) = apply(&mut world, "R50", 1);
    assert_eq!(
        (status, value["code"].as_str()),
        (400, Some("INVALID_REQUEST"))
    );
    let first = v2(
        &mut world,
        "/pay/refundquery",
        &[("out_trade_no", "ORDER0001")],
    );
    assert_eq!(first.get("refund_count"), Some("10"));
    assert_eq!(first.get("total_refund_count"), Some("50"));
    assert_eq!(first.get("out_refund_no_9"), Some("R9"));
    let query = [("out_trade_no", "ORDER0001"), ("offset", "45")];
    let last = v2(&mut world, "/pay/refundquery", &query);
    assert_eq!(last.get("refund_count"), Some("5"));
    assert_eq!(last.get("out_refund_no_4"), Some("R49"));
    let query = [("out_trade_no", "ORDER0001"), ("offset", "51")];
    assert_eq!(
        v2(&mut world, "/pay/refundquery", &query).get("err_code"),
        Some("PARAM_ERROR")
    );
}

#[test]
fn old_orders_have_a_quota_of_their_own() {
    let mut world = world(1);
    world.set_limits(Limits {
        old_orders_per_minute: 1,
        ..Limits::published()
    });
    for number in ["ORDER0001", "ORDER0002"] {
        let order = PaidOrder {
            paid_at_ms: Some(world.now_ms() - 40 * 86_400_000),
            ..PaidOrder::new(MCH, number, 1_000)
        };
        world.place_paid_order(&order).unwrap();
    }
    assert_eq!(apply(&mut world, "R1", 1).0, 200);
    let second = refund_json("R2", 1, 1_000).replace("ORDER0001", "ORDER0002");
    assert_eq!(v3(&mut world, REFUNDS, Some(&second)).0, 429);
    later(&mut world, 60);
    assert_eq!(v3(&mut world, REFUNDS, Some(&second)).0, 200);
}

#[test]
fn coupons_split_a_refund_and_a_complete_one_returns_all_cash() {
    let mut world = world(1);
    let coupon = |kind, amount| CouponInput { kind, amount };
    let order = PaidOrder {
        coupons: vec![
            coupon(CouponKind::Cash, 100),
            coupon(CouponKind::NoCash, 200),
        ],
        ..PaidOrder::new(MCH, "ORDER0001", 1_000)
    };
    world.place_paid_order(&order).unwrap();
    // The published example: total 10.00, coupons 3.00; refund 9.00 gives 6.30 cash.
    let (_, first) = apply(&mut world, "R1", 900);
    assert_eq!(first["amount"]["payer_refund"], 630);
    assert_eq!(first["amount"]["discount_refund"], 270);
    assert_eq!(first["amount"]["payer_total"], 700);
    assert_eq!(first["amount"]["settlement_total"], 800);
    assert_eq!(first["amount"]["settlement_refund"], 900 - 180);
    later(&mut world, 60);
    let last = v2_apply(&mut world, "R2", "100");
    assert_eq!(last.get("cash_refund_fee"), Some("70"));
    assert_eq!(last.get("coupon_refund_fee"), Some("30"));
    assert_eq!(last.get("coupon_refund_count"), Some("2"));
    assert_eq!(last.get("settlement_refund_fee"), Some("80"));
}

#[test]
fn abnormal_refunds_end_by_the_interface_or_by_hand() {
    use tuikuan_sim::{FaultAction, FaultRule};
    let mut world = world_with_order(1);
    let abnormal = Outcome::ends(RefundStatus::Abnormal, 1_000);
    world.add_fault(FaultRule::always(FaultAction::Outcome(abnormal)).times(2));
    let id = apply(&mut world, "R1", 100).1["refund_id"].clone();
    later(&mut world, 60);
    assert_eq!(status_of(&mut world, "R1"), "ABNORMAL");
    let path = format!("{REFUNDS}/{}/apply-abnormal-refund", id.as_str().unwrap());
    let body = r#"{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}"#;
    let wrong = body.replace("R1", "R2");
    assert_eq!(v3(&mut world, &path, Some(&wrong)).0, 400);
    let (status, value) = v3(&mut world, &path, Some(body));
    assert_eq!(
        (status, value["status"].as_str()),
        (200, Some("PROCESSING"))
    );
    assert_eq!(
        v3(&mut world, &path, Some(body)).0,
        400,
        "not abnormal any more"
    );
    later(&mut world, 60);
    assert_eq!(status_of(&mut world, "R1"), "SUCCESS");
    let id = apply(&mut world, "R2", 100).1["refund_id"].clone();
    later(&mut world, 60);
    world
        .decide(id.as_str().unwrap(), RefundStatus::Success)
        .unwrap();
    assert_eq!(status_of(&mut world, "R2"), "SUCCESS");
    assert!(
        world
            .decide(id.as_str().unwrap(), RefundStatus::Closed)
            .is_err()
    );
    assert_eq!(world.balance(MCH).unwrap().0, 1_000_000_000 - 200);
}

#[test]
fn orders_are_placed_paid_and_queried_in_both_generations() {
    let mut world = world(1);
    let (plan, _) = crate::stage::kit().of(MCH);
    let body = format!(
        r#"{{"appid":"{}","mchid":"{MCH}","description":"x","out_trade_no":"NATIVE001",
            "notify_url":"https://pay.example.com/n","amount":{{"total":77}}}}"#,
        plan.app_id
    );
    let (status, value) = v3(&mut world, "/v3/pay/transactions/native", Some(&body));
    assert_eq!(status, 200, "{value}");
    assert!(value["code_url"].as_str().unwrap().starts_with("weixin://"));
    let path = format!("/v3/pay/transactions/out-trade-no/NATIVE001?mchid={MCH}");
    assert_eq!(v3(&mut world, &path, None).1["trade_state"], "NOTPAY");
    let refund = refund_json("R1", 1, 77).replace("ORDER0001", "NATIVE001");
    assert_eq!(v3(&mut world, REFUNDS, Some(&refund)).0, 404, "not paid");
    let id = world.pay_order(MCH, None, "NATIVE001", &[]).unwrap();
    assert_eq!(v3(&mut world, &path, None).1["trade_state"], "SUCCESS");
    assert_eq!(v3(&mut world, REFUNDS, Some(&refund)).0, 200);
    let answer = v2(&mut world, "/pay/orderquery", &[("transaction_id", &id)]);
    assert_eq!(answer.get("trade_state"), Some("REFUND"));
    assert_eq!(answer.get("total_fee"), Some("77"));
    let placed = v2(
        &mut world,
        "/pay/unifiedorder",
        &[
            ("body", "x"),
            ("out_trade_no", "UNIFIED01"),
            ("total_fee", "5"),
            ("spbill_create_ip", "127.0.0.1"),
            ("notify_url", "https://pay.example.com/n"),
            ("trade_type", "NATIVE"),
        ],
    );
    assert_eq!(placed.get("result_code"), Some("SUCCESS"));
    assert!(placed.get("code_url").is_some());
    world.pay_order(MCH, None, "UNIFIED01", &[]).unwrap();
    let now_ms = world.now_ms();
    assert_eq!(world.due_notifications(now_ms).len(), 2);
}
