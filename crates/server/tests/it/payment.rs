//! Payments: registered and read.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_payment_is_registered_once_and_read_with_its_refunds() {
    let world = World::new().await;
    let path = "/v1/payments/main/ORDER%7C1*@";
    let body = r#"{"total":3960,"currency":"CNY","transaction_id":"4200000215201811190261405420","paid_at":"2026-11-01T10:00:00+08:00"}"#;
    let made = world.call("PUT", path, body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let payment = made.json();
    assert_eq!(payment["out_trade_no"], "ORDER|1*@");
    assert_eq!(payment["paid_at"], "2026-11-01T02:00:00Z");
    assert_eq!(world.call("PUT", path, body).await.status.as_u16(), 200);
    let differs = world.call("PUT", path, r#"{"total":3961}"#).await;
    assert_eq!(differs.problem(), (409, "payment_differs".to_owned()));
    assert_eq!(differs.json()["fields"], json!(["total"]));
    let ask = json!({"merchant": "main", "transaction_id": "4200000215201811190261405420", "amount": 60, "out_refund_no": "R-1"});
    let refund = world.post("/v1/refunds", &ask).await.json();
    assert_eq!(refund["out_trade_no"], "ORDER|1*@", "{refund}");
    let read = world.get(path).await.json();
    assert_eq!(read["reserved"], 60);
    assert_eq!(read["refunded"], 0);
    assert_eq!(read["refundable"], 3900);
    assert_eq!(read["refunds"][0]["id"], refund["id"]);
}

#[tokio::test]
async fn bad_payments_are_refused_field_by_field() {
    let world = World::new().await;
    for (body, pointer) in [
        (r#"{}"#, "/total"),
        (r#"{"total":"1"}"#, "/total"),
        (r#"{"total":0}"#, "/total"),
        (r#"{"total":1,"currency":"USD"}"#, "/currency"),
        (r#"{"total":1,"transaction_id":"a b"}"#, "/transaction_id"),
        (r#"{"total":1,"paid_at":1}"#, "/paid_at"),
        (r#"{"total":1,"amount":1}"#, "/amount"),
    ] {
        let answer = world.call("PUT", "/v1/payments/main/ORDER-1", body).await;
        assert_eq!(
            answer.problem(),
            (422, "invalid_fields".to_owned()),
            "{body}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let short = world
        .call("PUT", "/v1/payments/main/abc", r#"{"total":1}"#)
        .await;
    assert_eq!(short.problem(), (422, "invalid_parameters".to_owned()));
    let absent = world.get("/v1/payments/main/ORDER-1").await;
    assert_eq!(absent.problem(), (404, "payment_not_found".to_owned()));
    let nobody = world.get("/v1/payments/nobody/ORDER-1").await;
    assert_eq!(nobody.problem(), (404, "merchant_not_found".to_owned()));
}
