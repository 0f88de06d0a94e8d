//! Bad input: every refusal names what is wrong, and nothing is written.

use axum::body::Body;
use serde_json::json;

use crate::visitor::Visitor;
use crate::world::{ALL, World, request};

const PATH: &str = "/v1/refunds";

/// Fields beside a good merchant and order, the pointer to the bad one, and the reason.
const BAD_FIELDS: &[(&str, &str, &str)] = &[
    (r#""amount":"1980""#, "/amount", "type"),
    (r#""amount":19.80"#, "/amount", "type"),
    (r#""amount":1e3"#, "/amount", "type"),
    (r#""amount":-1"#, "/amount", "range"),
    (r#""amount":0"#, "/amount", "range"),
    (r#""amount":99999999999999999999"#, "/amount", "range"),
    (r#""amount":1000000000001"#, "/amount", "range"),
    (r#""amount":null"#, "/amount", "required"),
    (r#""amount":1,"amount":2"#, "/amount", "duplicate"),
    (
        r#""amount":1,"out_refund_no":"R 1""#,
        "/out_refund_no",
        "format",
    ),
    (
        r#""amount":1,"out_refund_no":"""#,
        "/out_refund_no",
        "format",
    ),
    (r#""amount":1,"out_refund_no":7"#, "/out_refund_no", "type"),
    (
        r#""amount":1,"transaction_id":"a'; DROP TABLE refunds; --""#,
        "/transaction_id",
        "format",
    ),
    (r#""amount":1,"reason":"😀""#, "/reason", "format"),
    (r#""amount":1,"reason":"a\u0000b""#, "/reason", "format"),
    (
        r#""amount":1,"funds_account":"mine""#,
        "/funds_account",
        "format",
    ),
    (
        r#""amount":1,"goods_detail":"text""#,
        "/goods_detail",
        "type",
    ),
    (
        r#""amount":1,"not_before":"tomorrow""#,
        "/not_before",
        "format",
    ),
    (
        r#""amount":1,"not_before":"2026-11-23T08:00:00""#,
        "/not_before",
        "format",
    ),
    (
        r#""amount":1,"expected_refundable":-5"#,
        "/expected_refundable",
        "range",
    ),
    (r#""amount":1,"replaces":"rf_1""#, "/replaces", "format"),
    (r#""amount":1,"metadata":[1]"#, "/metadata", "type"),
    (
        r#""amount":1,"metadata":{"a":1,"a":2}"#,
        "/metadata",
        "format",
    ),
    (r#""amount":1,"ammount":2"#, "/ammount", "unknown"),
    (r#""amount":1,"a/b~":2"#, "/a~1b~0", "unknown"),
];

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_written() {
    let world = World::new().await;
    for (fields, pointer, code) in BAD_FIELDS {
        let body = format!(r#"{{"merchant":"main","out_trade_no":"ORDER-1",{fields}}}"#);
        let answer = world.call("POST", PATH, body).await;
        assert_eq!(
            answer.problem(),
            (422, "invalid_fields".to_owned()),
            "{fields}"
        );
        let fault = &answer.json()["errors"][0];
        assert_eq!(
            (&fault["pointer"], &fault["code"]),
            (&json!(pointer), &json!(code)),
            "{fields}"
        );
        assert!(!fault["message"].as_str().unwrap().is_empty());
    }
    let large = json!({"merchant": "main", "amount": 1, "metadata": {"x": "y".repeat(5000)}});
    assert_eq!(
        world.post(PATH, &large).await.json()["errors"][0]["code"],
        "range"
    );
    nothing_was_written(&world).await;
}

async fn nothing_was_written(world: &World) {
    assert_eq!(world.get(PATH).await.json()["data"], json!([]));
    assert!(world.engine.store().counts().await.unwrap().is_empty());
    assert_eq!(*world.engine.subscribe().borrow(), 0);
}

#[tokio::test]
async fn all_faults_come_at_once() {
    let world = World::new().await;
    let answer = world
        .call("POST", PATH, r#"{"amount":"1","reason":7,"colour":"red"}"#)
        .await;
    let body = answer.json();
    let pointers: Vec<_> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/merchant", "/amount", "/reason", "/colour"]);
}

#[tokio::test]
async fn bodies_that_are_not_json_objects_are_refused_for_their_form() {
    let world = World::new().await;
    let good = r#"{"merchant":"main","out_trade_no":"ORDER-1","amount":1,"out_refund_no":"R-1"}"#;
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        &good[..40],
        "[]",
        "null",
        "7",
        "\"text\"",
        "{}{}",
        "{'a':1}",
        &deep,
    ] {
        let answer = world.call("POST", PATH, body.to_owned()).await;
        assert_eq!(
            answer.problem(),
            (400, "malformed_json".to_owned()),
            "{:.40}",
            body
        );
    }
    let answer = world
        .call(
            "POST",
            PATH,
            vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'],
        )
        .await;
    assert_eq!(answer.problem(), (400, "malformed_json".to_owned()));
    for media in [
        "text/plain",
        "application/json; charset=gbk",
        "application/x-www-form-urlencoded",
    ] {
        let request = request("POST", PATH, ALL).header("content-type", media);
        let answer = world.send(request.body(Body::from(good)).unwrap()).await;
        assert_eq!(
            answer.problem(),
            (415, "unsupported_media_type".to_owned()),
            "{media}"
        );
    }
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(256 * 1024));
    assert_eq!(
        world.call("POST", PATH, large).await.problem(),
        (413, "body_too_large".to_owned())
    );
    nothing_was_written(&world).await;
}

#[tokio::test]
async fn identities_in_headers_are_checked() {
    let world = World::new().await;
    let body = r#"{"merchant":"main","out_trade_no":"ORDER-1","amount":1}"#;
    for key in ["", "has space", &"x".repeat(256), "tab\there"] {
        let request = request("POST", PATH, ALL)
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let answer = world.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(
            answer.problem(),
            (422, "invalid_parameters".to_owned()),
            "{key:?}"
        );
        assert_eq!(answer.json()["errors"][0]["parameter"], "Idempotency-Key");
    }
    let no_order = r#"{"merchant":"main","amount":1,"out_refund_no":"R-1"}"#;
    assert_eq!(
        world.call("POST", PATH, no_order).await.problem(),
        (422, "order_missing".to_owned())
    );
    nothing_was_written(&world).await;
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let world = World::new().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("status=done", "status"),
        ("attention=yes", "attention"),
        ("cursor=abc", "cursor"),
        ("merchant=Main", "merchant"),
        ("created_from=yesterday", "created_from"),
        ("stauts=queued", "stauts"),
        ("limit=1&limit=2", "limit"),
    ] {
        let answer = world.get(&format!("{PATH}?{query}")).await;
        assert_eq!(
            answer.problem(),
            (422, "invalid_parameters".to_owned()),
            "{query}"
        );
        assert_eq!(answer.json()["errors"][0]["parameter"], name, "{query}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let world = World::new().await;
    assert_eq!(
        world.get("/v1/secrets").await.problem(),
        (404, "not_found".to_owned())
    );
    let answer = world.call("DELETE", "/v1/refunds", "").await;
    assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), "POST, GET");
    assert_eq!(
        world.get("/v1/refunds/rf_unknown").await.problem(),
        (404, "refund_not_found".to_owned())
    );
    assert_eq!(
        world.get("/v1/refunds/rf_0123456789abcdef").await.problem(),
        (404, "refund_not_found".to_owned())
    );
}

#[tokio::test]
async fn a_nul_is_refused_at_every_door() {
    let world = World::new().await;
    for path in ["/v1/refunds?out_trade_no=a%00b", "/v1/refunds?cursor=%00"] {
        let answer = world.get(path).await;
        assert_eq!(answer.problem().0, 422, "{path}");
    }
    let batch = "/v1/batches?merchant=main&name=a%00b";
    assert_eq!(world.call("POST", batch, "x").await.json()["status"], 422);
    let visitor = Visitor::stranger(&world);
    assert_eq!(visitor.get("/login?next=%00").await.status, 422);
    let fields = [("name", "a\0b"), ("password", "x"), ("next", "/")];
    assert_eq!(visitor.post_raw("/login", &fields).await.status, 422);
    nothing_was_written(&world).await;
}
