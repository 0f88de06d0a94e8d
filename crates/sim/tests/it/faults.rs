//! What each fault does to an answer, and to the books behind it.

use tuikuan_sim::{
    FaultAction, FaultMatch, FaultRule, Interface, Outgoing, RefundStatus, Response, World,
};
use tuikuan_wechat::v3::sign::verify;

use crate::stage::{
    MCH, REFUNDS, apply, kit, later, refund_json, v2_apply, v2_request, v3, v3_request,
    world_with_order,
};

fn with(action: FaultAction) -> World {
    let mut world = world_with_order(1);
    world.add_fault(FaultRule::always(action).times(1));
    world
}

fn send(world: &mut World) -> Outgoing {
    let request = v3_request(world, MCH, REFUNDS, Some(&refund_json("R1", 100, 1_000)));
    world.handle(&request)
}

fn verified(world: &World, response: &Response) -> bool {
    let now = world.wall_ms() / 1_000;
    verify(&response.headers, &response.body, &kit().trusted(MCH), now).is_ok()
}

#[test]
fn lost_replies_leave_the_books_as_their_names_say() {
    let mut world = with(FaultAction::ReplyLostAfterAccept);
    assert_eq!(send(&mut world), Outgoing::Drop);
    assert_eq!(world.refunds().len(), 1);
    let mut world = with(FaultAction::ReplyLostBeforeAccept);
    assert_eq!(send(&mut world), Outgoing::Drop);
    assert_eq!(world.refunds().len(), 0);
    // The resend goes through, and is the first refund.
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
    assert_eq!(world.refunds().len(), 1);
    assert_eq!(
        world.fault_counts().get("reply_lost_before_accept"),
        Some(&1)
    );
}

#[test]
fn slow_hanging_and_cut_answers() {
    let mut world = with(FaultAction::Delay { ms: 70 });
    assert!(matches!(send(&mut world), Outgoing::Delay { ms: 70, .. }));
    let mut world = with(FaultAction::Hang);
    assert_eq!(send(&mut world), Outgoing::Hang);
    assert_eq!(world.refunds().len(), 1);
    let mut world = with(FaultAction::CutAtByte { n: 9 });
    assert!(matches!(
        send(&mut world),
        Outgoing::CutAfter { bytes: 9, .. }
    ));
}

#[test]
fn error_codes_come_with_and_without_acceptance() {
    for accepted in [false, true] {
        let code = "SYSTEM_ERROR".to_owned();
        let mut world = with(FaultAction::ErrorCode {
            code,
            http: None,
            accepted,
        });
        let (status, value) = apply(&mut world, "R1", 100);
        assert_eq!(
            (status, value["code"].as_str()),
            (500, Some("SYSTEM_ERROR"))
        );
        assert_eq!(world.refunds().len(), usize::from(accepted));
        let code = "BIZERR_NEED_RETRY".to_owned();
        let mut world = with(FaultAction::ErrorCode {
            code,
            http: None,
            accepted,
        });
        let answer = v2_apply(&mut world, "R1", "100");
        assert_eq!(answer.get("err_code"), Some("BIZERR_NEED_RETRY"));
        assert_eq!(world.refunds().len(), usize::from(accepted));
    }
}

#[test]
fn answers_that_cannot_be_trusted() {
    for action in [
        FaultAction::BadSignature,
        FaultAction::Unsigned,
        FaultAction::AlteredReply,
        FaultAction::Signtest,
        FaultAction::Truncated,
        FaultAction::Gzip,
        FaultAction::Html,
        FaultAction::Empty,
    ] {
        let name = action.name();
        let mut world = with(action.clone());
        let outgoing = send(&mut world);
        let response = outgoing.response().unwrap();
        assert_eq!(response.status, 200, "{name}");
        assert!(!verified(&world, response), "{name} must not verify");
        assert_eq!(world.refunds().len(), 1, "{name}");
        let outgoing = send(&mut world);
        assert!(
            verified(&world, outgoing.response().unwrap()),
            "the next is right"
        );

        let mut world = with(action);
        let request = v2_request(
            "/secapi/pay/refund",
            &[
                ("out_trade_no", "ORDER0001"),
                ("out_refund_no", "R1"),
                ("total_fee", "1000"),
                ("refund_fee", "100"),
            ],
            tuikuan_wechat::v2::SignType::Md5,
        );
        let outgoing = world.handle(&request);
        let body = &outgoing.response().unwrap().body;
        let key = kit().of(MCH).1.api_v2_key.clone().into();
        let right = tuikuan_wechat::v2::Fields::parse(body)
            .is_ok_and(|fields| tuikuan_wechat::v2::verify(&fields, &key));
        assert!(!right, "{name} in v2");
    }
}

#[test]
fn swapped_answers_are_signed_and_about_another_refund() {
    let mut world = world_with_order(1);
    let rule = FaultRule::always(FaultAction::SwappedReply);
    let rule = rule.matching(FaultMatch {
        api: Some(Interface::V3RefundQuery),
        ..FaultMatch::default()
    });
    apply(&mut world, "R1", 100);
    later(&mut world, 60);
    apply(&mut world, "R2", 100);
    world.set_faults(vec![rule]);
    let (status, value) = v3(&mut world, &format!("{REFUNDS}/R1"), None);
    assert_eq!(status, 200);
    assert_ne!(value["out_refund_no"], "R1");
    let (_, value) = v3(&mut world, &format!("{REFUNDS}/R2"), None);
    assert_eq!(value["out_refund_no"], "R1");
}

#[test]
fn an_accepted_refund_can_be_invisible_for_a_while() {
    let mut world = with(FaultAction::NotFoundFor { s: 30 });
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
    let path = format!("{REFUNDS}/R1");
    assert_eq!(v3(&mut world, &path, None).0, 404);
    later(&mut world, 29);
    assert_eq!(v3(&mut world, &path, None).0, 404);
    later(&mut world, 1);
    assert_eq!(v3(&mut world, &path, None).0, 200);
}

#[test]
fn accepted_but_not_finished_is_202() {
    let mut world = with(FaultAction::Http202);
    assert_eq!(apply(&mut world, "R1", 100).0, 202);
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
    assert_eq!(world.refund(MCH, None, "R1").unwrap().applications, 2);
}

#[test]
fn maintenance_takes_nothing() {
    let mut world = world_with_order(1);
    world.add_fault(FaultRule::always(FaultAction::Maintenance));
    assert_eq!(send(&mut world).response().unwrap().status, 503);
    assert_eq!(world.refunds().len(), 0);
    world.set_faults(Vec::new());
    assert_eq!(apply(&mut world, "R1", 100).0, 200);
}

#[test]
fn outcomes_follow_their_plan() {
    use tuikuan_sim::Outcome;
    let plan = Outcome::abnormal_then_success(1_000, 60_000);
    let mut world = with(FaultAction::Outcome(plan));
    apply(&mut world, "R1", 100);
    later(&mut world, 2);
    let status = |world: &World| world.refund(MCH, None, "R1").unwrap().status;
    assert_eq!(status(&world), RefundStatus::Abnormal);
    later(&mut world, 60);
    assert_eq!(status(&world), RefundStatus::Success);
}
