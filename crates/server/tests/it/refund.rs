//! Asking for refunds, reading them, acting on them.

use http::StatusCode;
use serde_json::{Value, json};
use tuikuan_domain::WechatState;
use tuikuan_store::Options;

use crate::reached;
use crate::world::{ALL, World, request};

fn ask(number: &str) -> Value {
    json!({"merchant": "main", "out_trade_no": "ORDER-1", "amount": 1980, "out_refund_no": number})
}

#[tokio::test]
async fn the_same_request_is_the_same_refund_and_another_content_is_refused() {
    let world = World::new().await;
    world
        .call("PUT", "/v1/payments/main/ORDER-1", r#"{"total":3960}"#)
        .await;
    let first = world.post("/v1/refunds", &ask("R-1")).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
    let refund = first.json();
    assert_eq!(refund["status"], "queued");
    assert_eq!(refund["total"], 3960);
    assert_eq!(refund["next"]["action"], "submit");
    let again = world.post("/v1/refunds", &ask("R-1")).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json()["id"], refund["id"]);
    let mut other = ask("R-1");
    other["amount"] = json!(1);
    other["reason"] = json!("另一个原因");
    let differs = world.post("/v1/refunds", &other).await;
    assert_eq!(differs.problem(), (409, "content_differs".to_owned()));
    assert_eq!(differs.json()["fields"], json!(["amount", "reason"]));
    assert_eq!(
        world.get("/v1/refunds").await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// The payment does not have WeChat's number of the order, and so is not found by it: the refund that is
/// replaced leads to it.
#[tokio::test]
async fn a_closed_refund_is_replaced_once_by_whichever_number_the_order_is_named() {
    let world = World::new().await;
    world
        .call("PUT", "/v1/payments/main/ORDER-1", r#"{"total":3960}"#)
        .await;
    let mut first = ask("R1");
    first["transaction_id"] = json!("4200000000202611240000000001");
    let closed = world.post("/v1/refunds", &first).await.json();
    let closed = closed["id"].as_str().unwrap();
    reached::send(&world, closed).await;
    reached::says(&world, closed, WechatState::Closed).await;
    let again = |number: &str| {
        let mut again = first.clone();
        again["out_refund_no"] = json!(number);
        again["replaces"] = json!(closed);
        again.as_object_mut().unwrap().remove("out_trade_no");
        again
    };
    let second = world.post("/v1/refunds", &again("R-2")).await;
    assert_eq!(second.status, StatusCode::ACCEPTED, "{}", second.text);
    assert_eq!(second.json()["out_trade_no"], "ORDER-1");
    assert_eq!(second.json()["next"]["action"], "submit");
    let third = world.post("/v1/refunds", &again("R-3")).await;
    assert_eq!(third.problem(), (409, "already_replaced".to_owned()));
    let repeated = world.post("/v1/refunds", &again("R-2")).await;
    assert_eq!(repeated.status, StatusCode::OK, "{}", repeated.text);
}

/// Another payment has, by somebody's mistake, the number by which the order is named.
#[tokio::test]
async fn a_replacement_never_draws_on_another_payment_than_the_old_refund() {
    let world = World::new().await;
    const NUMBER: &str = "4200000000202611240000000001";
    let mistaken = json!({"total": 3960, "transaction_id": NUMBER}).to_string();
    for (order, body) in [("ORDER-1", r#"{"total":3960}"#), ("ORDER-2", &mistaken)] {
        let path = format!("/v1/payments/main/{order}");
        let paid = world.call("PUT", &path, body.to_owned()).await;
        assert_eq!(paid.status, StatusCode::CREATED, "{}", paid.text);
    }
    let mut first = ask("R1");
    first["transaction_id"] = json!(NUMBER);
    let closed = world.post("/v1/refunds", &first).await.json();
    let closed = closed["id"].as_str().unwrap();
    reached::send(&world, closed).await;
    reached::says(&world, closed, WechatState::Closed).await;
    let mut again = first.clone();
    again["replaces"] = json!(closed);
    again.as_object_mut().unwrap().remove("out_trade_no");
    for (number, status) in [("R2", 202), ("R3", 409)] {
        again["out_refund_no"] = json!(number);
        let answer = world.post("/v1/refunds", &again).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        if status == 202 {
            assert_eq!(answer.json()["out_trade_no"], "ORDER-1");
        }
    }
    let other = world.get("/v1/payments/main/ORDER-2").await.json();
    assert_eq!(other["refundable"], 3960, "{other}");
}

/// That it exists, and what became of it, is nobody else's business (INV-34).
#[tokio::test]
async fn a_refund_of_another_merchant_is_as_unknown_as_none() {
    let world = World::new().await;
    let closed = reached::told(&world, "other", "R1", WechatState::Closed).await;
    let mut theirs = ask("R2");
    theirs["merchant"] = json!("other");
    theirs["out_trade_no"] = json!("ORDER-R1");
    theirs["replaces"] = json!(closed);
    let replaced = world.post("/v1/refunds", &theirs).await;
    assert_eq!(replaced.status, StatusCode::ACCEPTED, "{}", replaced.text);
    let mut ours = ask("R3");
    for replaces in [closed.as_str(), "rf_018b0000000000000000000000000058"] {
        ours["replaces"] = json!(replaces);
        let answer = world.post("/v1/refunds", &ours).await;
        assert_eq!(answer.problem(), (422, "replaces_unknown".to_owned()));
    }
}

#[tokio::test]
async fn an_idempotency_key_alone_is_an_identity_and_neither_is_refused() {
    let world = World::new().await;
    let mut body = ask("x");
    body.as_object_mut().unwrap().remove("out_refund_no");
    let without = world.post("/v1/refunds", &body).await;
    assert_eq!(without.problem(), (422, "identity_missing".to_owned()));
    let send = || {
        let request = request("POST", "/v1/refunds", ALL)
            .header("content-type", "application/json")
            .header("idempotency-key", "case-4711");
        world.send(request.body(body.to_string().into()).unwrap())
    };
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 200));
    assert_eq!(
        first.json()["out_refund_no"],
        second.json()["out_refund_no"]
    );
    assert_eq!(first.json()["pending_reason"], "payment_lookup");
    assert_eq!(first.json()["next"]["action"], "look_up_payment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_duplicates_make_one_refund() {
    let world = World::new().await;
    world
        .call("PUT", "/v1/payments/main/ORDER-1", r#"{"total":3960}"#)
        .await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let router = world.router.clone();
        tasks.spawn(async move {
            let request =
                request("POST", "/v1/refunds", ALL).header("content-type", "application/json");
            let request = request
                .body(axum::body::Body::from(ask("R-1").to_string()))
                .unwrap();
            tower::ServiceExt::oneshot(router, request)
                .await
                .unwrap()
                .status()
                .as_u16()
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(
        statuses.iter().filter(|status| **status == 202).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 202)),
        "{statuses:?}"
    );
    let payment = world.get("/v1/payments/main/ORDER-1").await.json();
    assert_eq!(
        (&payment["reserved"], &payment["refundable"]),
        (&json!(1980), &json!(1980))
    );
}

#[tokio::test]
async fn what_is_left_of_the_payment_is_the_limit() {
    let world = World::new().await;
    world.refund("main", "first-1").await;
    let more = json!({"merchant": "main", "out_trade_no": "ORDER-first-1", "amount": 1981, "out_refund_no": "R-2"});
    let refused = world.post("/v1/refunds", &more).await;
    assert_eq!(
        refused.problem(),
        (422, "amount_exceeds_refundable".to_owned())
    );
    assert_eq!(refused.json()["refundable"], 1980);
    let expected = json!({"merchant": "main", "out_trade_no": "ORDER-first-1", "amount": 1,
        "out_refund_no": "R-3", "expected_refundable": 3960});
    let changed = world.post("/v1/refunds", &expected).await;
    assert_eq!(changed.problem(), (409, "refundable_changed".to_owned()));
}

#[tokio::test]
async fn a_refund_is_read_with_its_history_and_withdrawn() {
    let world = World::new().await;
    let id = world.refund("main", "R-1").await;
    let cancelled = world
        .call("POST", &format!("/v1/refunds/{id}/cancel"), "")
        .await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let refund = world.get(&format!("/v1/refunds/{id}")).await.json();
    assert_eq!(refund["status"], "cancelled");
    assert_eq!(refund["next"], Value::Null);
    assert_eq!(refund["version"], 2);
    let events = world
        .get(&format!("/v1/refunds/{id}/events?limit=1"))
        .await
        .json();
    assert_eq!(events["data"][0]["seq"], 1);
    assert_eq!(events["data"][0]["type"], "refund.queued");
    assert_eq!(events["data"][0]["source"], "api");
    let cursor = events["next_cursor"].as_str().unwrap();
    let rest = world
        .get(&format!("/v1/refunds/{id}/events?cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest["data"][0]["type"], "refund.cancelled");
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn what_the_status_does_not_allow_is_a_conflict_that_names_it() {
    let world = World::new().await;
    let id = world.refund("main", "R-1").await;
    for act in ["retry", "query"] {
        let answer = world
            .call("POST", &format!("/v1/refunds/{id}/{act}"), "")
            .await;
        assert_eq!(answer.problem(), (409, "wrong_status".to_owned()), "{act}");
        assert_eq!(answer.json()["refund_status"], "queued", "{act}");
    }
    let nul = world
        .post(
            &format!("/v1/refunds/{id}/resolve"),
            &json!({"note": "a\0b"}),
        )
        .await;
    assert_eq!(nul.problem(), (422, "invalid_fields".to_owned()));
    let note = json!({"note": "two\nlines"});
    let bad = world
        .post(&format!("/v1/refunds/{id}/resolve"), &note)
        .await;
    assert_eq!(bad.problem(), (422, "invalid_fields".to_owned()));
    assert_eq!(bad.json()["errors"][0]["pointer"], "/note");
    let surplus = world
        .call(
            "POST",
            &format!("/v1/refunds/{id}/cancel"),
            r#"{"force":true}"#,
        )
        .await;
    assert_eq!(surplus.problem(), (422, "invalid_fields".to_owned()));
    assert_eq!(
        world.get(&format!("/v1/refunds/{id}")).await.json()["version"],
        1
    );
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let world = World::new().await;
    for number in ["R-1", "R-2", "R-3"] {
        world.refund("main", number).await;
    }
    let first = world.get("/v1/refunds?limit=2").await.json();
    assert_eq!(first["data"][0]["out_refund_no"], "R-3");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .get(&format!("/v1/refunds?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["data"][0]["out_refund_no"], "R-1");
    assert_eq!(second["next_cursor"], Value::Null);
    for (query, count) in [
        ("merchant=main&out_refund_no=R-2", 1),
        ("out_trade_no=ORDER-R-2", 1),
        ("status=queued", 3),
        ("status=succeeded", 0),
        ("attention=true", 0),
        ("attention=false", 3),
        ("created_from=2000-01-01T00:00:00Z", 3),
        ("created_to=2000-01-01T00:00:00Z", 0),
    ] {
        let found = world.get(&format!("/v1/refunds?{query}")).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_service_recovers() {
    let world = World::new().await;
    let store = world.engine.store();
    store.limit_pages(Some(1)).await.unwrap();
    let mut refused = None;
    for number in 0..2000 {
        let mut body = ask(&format!("R-{number}"));
        body["metadata"] = json!({"fill": "x".repeat(3500)});
        let answer = world.post("/v1/refunds", &body).await;
        if answer.status != StatusCode::ACCEPTED {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, refused) = refused.expect("the bound is reached");
    assert_eq!(refused.problem(), (503, "storage_full".to_owned()));
    assert_eq!(refused.header("retry-after"), "2");
    let listed = world
        .get(&format!("/v1/refunds?out_refund_no=R-{number}"))
        .await
        .json();
    assert_eq!(
        listed["data"],
        json!([]),
        "a refused request leaves nothing"
    );
    store
        .limit_pages(Options::default().pages_max)
        .await
        .unwrap();
    let again = world
        .post("/v1/refunds", &ask(&format!("R-{number}")))
        .await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
}
