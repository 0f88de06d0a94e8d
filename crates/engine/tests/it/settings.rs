//! Endpoints and rules hold on every node from the moment that somebody was told of them.

use tuikuan_domain::approval::{DayLimit, Rules};
use tuikuan_domain::{OrderRef, Status};
use tuikuan_engine::{
    By, Engine, EngineError, NewEndpoint, PaymentRegistration, RefundRequest, Requested,
};
use tuikuan_store::DeliveryFilter;
use tuikuan_terms::Fen;

use crate::batch::{Place, all};

pub(crate) fn registered(engine: &Engine) {
    let registration = PaymentRegistration {
        merchant: "main".parse().unwrap(),
        out_trade_no: "ORDER-1".parse().unwrap(),
        transaction_id: None,
        total: Fen::new(1000).unwrap(),
        paid_at: None,
    };
    all(engine.register_payment(registration)).unwrap();
}

fn asked(engine: &Engine, amount: i64) -> Result<Requested, EngineError> {
    let ask = RefundRequest {
        merchant: "main".parse().unwrap(),
        order: OrderRef {
            out_trade_no: Some("ORDER-1".parse().unwrap()),
            transaction_id: None,
        },
        amount: Fen::new(amount).unwrap(),
        out_refund_no: Some(format!("R-{amount}").parse().unwrap()),
        idempotency_key: None,
        reason: None,
        funds_account: None,
        goods_detail: None,
        not_before: None,
        expected_refundable: None,
        replaces: None,
        metadata: None,
    };
    all(engine.request(ask, &By::cli()))
}

pub(crate) fn requested(engine: &Engine, amount: i64) -> Requested {
    asked(engine, amount).unwrap()
}

#[test]
fn an_endpoint_made_on_one_node_hears_of_the_next_refund_on_another() {
    let place = Place::new();
    let (one, other) = (place.process(), place.process());
    registered(&other);
    requested(&other, 1);
    let new = NewEndpoint {
        merchant: "main".parse().unwrap(),
        url: "https://93.184.215.14/hook".to_owned(),
    };
    let endpoint = all(one.add_endpoint(new, &By::cli())).unwrap();
    requested(&other, 2);
    let messages = || {
        let filter = DeliveryFilter {
            endpoint: endpoint.id.clone(),
            status: None,
            from: None,
            to: None,
            before: None,
            limit: 10,
        };
        all(place.store.deliveries(filter)).unwrap().len()
    };
    assert_eq!(messages(), 1);
    all(one.delete_endpoint(&endpoint.id, &By::cli())).unwrap();
    requested(&other, 3);
    assert_eq!(messages(), 1);
}

#[test]
fn a_rule_made_on_one_node_holds_for_the_next_refund_on_another() {
    let place = Place::new();
    let (one, other) = (place.process(), place.process());
    registered(&other);
    assert_eq!(requested(&other, 1).refund.status, Status::Queued);
    let rules = Rules {
        approval_above: Some(Fen::ZERO),
        ..Rules::default()
    };
    let merchant = Some("main".parse().unwrap());
    all(one.set_rules(&By::cli(), merchant, (rules, None))).unwrap();
    let held = requested(&other, 2).refund.status;
    assert_eq!(held, Status::AwaitingApproval);
    let by = By::cli();
    all(one.remove_rules(&by, "main".parse().unwrap(), 1)).unwrap();
    assert_eq!(requested(&other, 3).refund.status, Status::Queued);
}

#[test]
fn a_limit_that_one_node_took_back_refuses_nothing_on_another() {
    let place = Place::new();
    let (one, other) = (place.process(), place.process());
    registered(&other);
    let strict = Rules {
        order_day: DayLimit {
            amount: None,
            count: Some(1),
        },
        ..Rules::default()
    };
    let set = |rules, version| all(one.set_rules(&By::cli(), None, (rules, version))).unwrap();
    set(strict, None);
    requested(&other, 1);
    assert!(matches!(asked(&other, 2), Err(EngineError::Refused(_))));
    set(Rules::default(), Some(1));
    requested(&other, 2);
}

#[test]
fn rules_are_told_as_another_node_has_just_made_them() {
    let place = Place::new();
    let (one, other) = (place.process(), place.process());
    assert_eq!(
        all(other.rules_of(&"main".parse().unwrap())).unwrap(),
        Rules::default()
    );
    let rules = Rules {
        approval_above: Some(Fen::ZERO),
        ..Rules::default()
    };
    all(one.set_rules(&By::cli(), None, (rules.clone(), None))).unwrap();
    assert_eq!(
        all(other.rules_of(&"main".parse().unwrap())).unwrap(),
        rules
    );
}
