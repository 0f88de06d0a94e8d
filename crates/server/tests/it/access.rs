//! Who may see what (INV-34).

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tuikuan_server::Settings;
use tuikuan_store::{Administered, Scope};

use crate::world::{ALL, MAIN, OTHER, World, add_key, administer, request};

fn documented() -> Vec<(String, String)> {
    let document = serde_json::to_value(tuikuan_server::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

#[tokio::test]
async fn without_a_good_key_every_route_of_the_interface_is_closed() {
    let world = World::new().await;
    let keys = [
        None,
        Some("Bearer tk_wrong"),
        Some("Bearer "),
        Some("Basic dXNlcg=="),
        Some("tk_all"),
    ];
    let closed: Vec<_> = documented()
        .into_iter()
        .filter(|(_, path)| path.starts_with("/v1/") || path == "/metrics")
        .collect();
    assert!(closed.len() > 20);
    for (method, path) in closed {
        let path = path
            .replace("{id}", "x")
            .replace("{merchant}", "main")
            .replace("{out_trade_no}", "ORDER-1");
        let path = path.replace("{delivery}", "y");
        for key in keys {
            let mut request = Request::builder().method(method.as_str()).uri(&path);
            if let Some(key) = key {
                request = request.header("authorization", key);
            }
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.problem(),
                (401, "unauthorized".to_owned()),
                "{method} {path} {key:?}"
            );
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

#[tokio::test]
async fn a_refund_that_the_key_does_not_cover_looks_absent() {
    let world = World::new().await;
    let id = world.refund("main", "R-1").await;
    let unknown = "rf_0123456789abcdef0123456789abcdef";
    for (method, path) in [
        ("GET", "/v1/refunds/ID"),
        ("GET", "/v1/refunds/ID/events"),
        ("POST", "/v1/refunds/ID/cancel"),
        ("POST", "/v1/refunds/ID/query"),
    ] {
        let send = |id: &str| {
            let request = request(method, &path.replace("ID", id), OTHER);
            world.send(request.body(Body::empty()).unwrap())
        };
        let (foreign, absent) = (send(&id).await, send(unknown).await);
        assert_eq!(
            foreign.problem(),
            (404, "refund_not_found".to_owned()),
            "{path}"
        );
        assert_eq!(
            foreign.text.replace(&id, "ID"),
            absent.text.replace(unknown, "ID"),
            "{path}"
        );
    }
    let own = world.get_as(MAIN, &format!("/v1/refunds/{id}")).await;
    assert_eq!(own.json()["version"], 1, "nothing was done");
}

#[tokio::test]
async fn lists_payments_and_endpoints_show_only_what_the_key_covers() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    let hook = json!({"merchant": "main", "url": "https://example.com/h"});
    let hook = world.post("/v1/webhooks", &hook).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        "/v1/refunds",
        "/v1/refunds?merchant=main",
        "/v1/refunds?out_refund_no=R-1",
        "/v1/webhooks",
    ] {
        assert_eq!(
            world.get_as(OTHER, path).await.json()["data"],
            json!([]),
            "{path}"
        );
        assert_eq!(
            world.get_as(MAIN, path).await.json()["data"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
    for (path, code) in [
        ("/v1/payments/main/ORDER-R-1", "merchant_not_found"),
        ("/v1/stream?merchant=main", "merchant_not_found"),
        (&*format!("/v1/webhooks/{hook}"), "webhook_not_found"),
        (
            &*format!("/v1/webhooks/{hook}/deliveries"),
            "webhook_not_found",
        ),
    ] {
        assert_eq!(
            world.get_as(OTHER, path).await.problem(),
            (404, code.to_owned()),
            "{path}"
        );
    }
    for (merchant, expected) in [("main", 404), ("nobody", 404), ("other", 202)] {
        let body = json!({"merchant": merchant, "out_trade_no": "ORDER-R-1", "amount": 1, "out_refund_no": "R-2"});
        let request = request("POST", "/v1/refunds", OTHER);
        let request = request.header("content-type", "application/json");
        let answer = world
            .send(request.body(body.to_string().into()).unwrap())
            .await;
        assert_eq!(
            answer.status.as_u16(),
            expected,
            "{merchant}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_revoked_key_is_closed_out() {
    let settings = Settings {
        key_cache: Duration::ZERO,
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let token = "tk_short_lived_0123456789abcdef01234";
    let key = add_key(&world.engine, token, Scope::All).await;
    assert_eq!(
        world.get_as(token, "/v1/refunds").await.status.as_u16(),
        200
    );
    administer(
        &world.engine,
        Administered::KeyRevoked(key.id),
        world.engine.now(),
    )
    .await;
    assert_eq!(world.get_as(token, "/v1/refunds").await.problem().0, 401);
    assert_eq!(world.get_as(ALL, "/v1/refunds").await.status.as_u16(), 200);
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_safety() {
    let world = World::new().await;
    for path in [
        "/v1/refunds",
        "/healthz",
        "/nowhere",
        "/openapi.json",
        "/docs/",
        "/docs/problems",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            answer
                .header("content-security-policy")
                .contains("frame-ancestors 'none'"),
            "{path}"
        );
    }
    assert_eq!(
        world.get("/v1/refunds").await.header("cache-control"),
        "no-store"
    );
}

#[tokio::test]
async fn figures_are_readable_and_tell_no_secret() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    let figures = world.get("/metrics").await;
    assert_eq!(figures.status.as_u16(), 200);
    for line in [
        "tuikuan_refunds{merchant=\"main\",status=\"queued\"} 1",
        "tuikuan_refunds_stuck 0",
        "tuikuan_ready 1",
        "tuikuan_http_requests_total{method=\"POST\",route=\"/v1/refunds\",status=\"202\"} 1",
        "tuikuan_lane_lag_milliseconds{lane=\"submit:1900000109\"}",
    ] {
        assert!(
            figures.text.contains(line),
            "{line} is missing in\n{}",
            figures.text
        );
    }
    assert!(figures.text.ends_with("# EOF\n"));
    for secret in [ALL, "TESTONLY", "R-1"] {
        assert!(!figures.text.contains(secret), "{secret} is shown");
    }
}
