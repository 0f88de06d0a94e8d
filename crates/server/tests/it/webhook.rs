//! Webhook endpoints and the messages to them.

use serde_json::{Value, json};

use crate::world::World;

async fn endpoint(world: &World) -> Value {
    let body = json!({"merchant": "main", "url": "https://shop.example.com/hooks"});
    let made = world.post("/v1/webhooks", &body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    made.json()
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let world = World::new().await;
    let made = endpoint(&world).await;
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    assert!(secret.starts_with("whsec_"));
    let path = format!("/v1/webhooks/{id}");
    for answer in [
        world.get(&path).await,
        world.get("/v1/webhooks").await,
        world.get("/metrics").await,
    ] {
        assert!(!answer.text.contains("whsec_"), "{}", answer.text);
    }
    let rotated = world
        .call("POST", &format!("{path}/rotate"), "")
        .await
        .json();
    assert_ne!(rotated["secret"], made["secret"]);
}

#[tokio::test]
async fn an_endpoint_is_switched_off_and_on_and_removed() {
    let world = World::new().await;
    let made = endpoint(&world).await;
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let off = world
        .call("PATCH", &path, r#"{"enabled":false}"#)
        .await
        .json();
    assert_eq!(off["enabled"], false);
    assert!(off["disabled_reason"].is_string());
    world.refund("main", "R-1").await;
    let none = world.get(&format!("{path}/deliveries")).await.json();
    assert_eq!(none["data"], json!([]));
    let on = world
        .call(
            "PATCH",
            &path,
            r#"{"enabled":true,"url":"https://shop.example.com/new"}"#,
        )
        .await
        .json();
    assert_eq!(
        (&on["enabled"], &on["disabled_reason"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(on["url"], "https://shop.example.com/new");
    for body in [
        r#"{"url":"http://shop.example.com/"}"#,
        r#"{"url":"https://user:pw@example.com/"}"#,
    ] {
        let refused = world.call("PATCH", &path, body).await;
        assert_eq!(
            refused.problem(),
            (422, "webhook_refused".to_owned()),
            "{body}"
        );
    }
    assert_eq!(
        world
            .call("PATCH", &path, r#"{"enabled":"yes"}"#)
            .await
            .problem()
            .0,
        422
    );
    assert_eq!(world.call("DELETE", &path, "").await.status.as_u16(), 204);
    assert_eq!(
        world.get(&path).await.problem(),
        (404, "webhook_not_found".to_owned())
    );
}

#[tokio::test]
async fn messages_are_listed_and_sent_again() {
    let world = World::new().await;
    let made = endpoint(&world).await;
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let refund = world.refund("main", "R-1").await;
    world.refund("other", "R-1").await;
    let listed = world.get(&format!("{path}/deliveries")).await.json();
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        1,
        "another merchant's refund is not told"
    );
    let delivery = &listed["data"][0];
    assert_eq!(
        (&delivery["refund"], &delivery["type"]),
        (&json!(refund), &json!("refund.queued"))
    );
    assert_eq!(delivery["status"], "pending");
    let again = format!(
        "{path}/deliveries/{}/redeliver",
        delivery["id"].as_str().unwrap()
    );
    let answer = world.call("POST", &again, "").await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let unknown = world
        .call(
            "POST",
            &format!("{path}/deliveries/msg_01234567/redeliver"),
            "",
        )
        .await;
    assert_eq!(unknown.problem(), (404, "delivery_not_found".to_owned()));
    let tested = world.call("POST", &format!("{path}/test"), "").await.json();
    assert_eq!(
        tested,
        json!({"delivered": true, "http_status": 204, "error": null})
    );
    let calls = world.network.webhooks.lock().unwrap();
    assert!(calls.iter().any(|call| call.body.contains("webhook.test")));
}
