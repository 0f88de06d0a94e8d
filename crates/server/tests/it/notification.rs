//! WeChat's callbacks: only what is stored is a success, and all failures look the same (INV-20,
//! INV-23).

use std::time::Duration;

use axum::body::Body;
use http::Request;
use tokio::time::Instant;
use tuikuan_store::Merchants;
use tuikuan_wechat::v2::ApiV2Key;
use tuikuan_wechat::v2::req_info::seal;

use crate::world::{API_V2_KEY, Answer, MCH_ID, World};

const SUCCESS: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

fn plain(number: &str) -> String {
    format!(
        "<root><out_refund_no>{number}</out_refund_no><out_trade_no>ORDER-{number}</out_trade_no>\
         <refund_account>REFUND_SOURCE_RECHARGE_FUNDS</refund_account><refund_fee>1980</refund_fee>\
         <refund_id>50000408942018111907145868882</refund_id><refund_recv_accout>支付用户零钱</refund_recv_accout>\
         <refund_request_source>API</refund_request_source><refund_status>SUCCESS</refund_status>\
         <settlement_refund_fee>1980</settlement_refund_fee><settlement_total_fee>3960</settlement_total_fee>\
         <success_time>2026-11-19 16:24:13</success_time><total_fee>3960</total_fee>\
         <transaction_id>4200000215201811190261405420</transaction_id></root>"
    )
}

fn envelope(req_info: &str) -> String {
    format!(
        "<xml><return_code>SUCCESS</return_code><appid>wx8888888888888888</appid><mch_id>{MCH_ID}</mch_id>\
         <nonce_str>abc</nonce_str><req_info>{req_info}</req_info></xml>"
    )
}

fn authentic(number: &str) -> String {
    envelope(&seal(plain(number).as_bytes(), &ApiV2Key::from(API_V2_KEY)).unwrap())
}

async fn notify(world: &World, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "text/xml");
    world.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn an_authentic_notification_is_stored_once_and_answered_in_its_own_form() {
    let world = World::new().await;
    let id = world.refund("main", "R-1").await;
    for path in [
        "/notify/main/v2/refund",
        "/notify/main/v3",
        "/notify/main/v2/refund",
    ] {
        let answer = notify(&world, path, authentic("R-1")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, SUCCESS),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    }
    let inbox = world
        .engine
        .store()
        .list_inbox(&Merchants::All, None, 10)
        .await
        .unwrap();
    assert_eq!(inbox.len(), 1, "its equal is not stored again");
    let refund = world.get(&format!("/v1/refunds/{id}")).await.json();
    assert_eq!(
        refund["status"], "queued",
        "a v2 notification proves nothing (INV-18)"
    );
    assert_eq!(refund["refund_id"], serde_json::Value::Null);
}

#[tokio::test]
async fn an_authentic_notification_about_a_foreign_refund_is_stored_too() {
    let world = World::new().await;
    let answer = notify(&world, "/notify/main/v2/refund", authentic("PORTAL-1")).await;
    assert_eq!(answer.text, SUCCESS);
    assert_eq!(
        world
            .engine
            .store()
            .list_inbox(&Merchants::All, None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn all_failures_look_the_same_and_store_nothing() {
    let world = World::new().await;
    let other_key = ApiV2Key::from("ANOTHERapiv2key0123456789ABCDEF0");
    let bodies = [
        ("bad base64", envelope("%%%")),
        ("bad padding", envelope("AAAAAAAAAAAAAAAAAAAAAA==")),
        (
            "another key",
            envelope(&seal(plain("R-1").as_bytes(), &other_key).unwrap()),
        ),
        ("bad XML", "<xml><mch_id>".to_owned()),
        (
            "doctype",
            "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml>&a;</xml>".to_owned(),
        ),
        ("empty", String::new()),
        ("too large", format!("<xml>{}</xml>", "x".repeat(70_000))),
        ("not XML", "hello".to_owned()),
    ];
    let mut seen = Vec::new();
    for (name, body) in bodies {
        for path in [
            "/notify/main/v2/refund",
            "/notify/nobody/v2/refund",
            "/notify/NO%20BODY/v2/refund",
        ] {
            let begun = Instant::now();
            let answer = notify(&world, path, body.clone()).await;
            assert!(
                begun.elapsed() >= Duration::from_millis(20),
                "{name} was answered too soon"
            );
            let headers: Vec<_> = answer
                .headers
                .iter()
                .map(|(n, v)| format!("{n}: {v:?}"))
                .collect();
            seen.push((answer.status.as_u16(), headers, answer.text));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(seen[0].0, 400);
    let unsigned = notify(&world, "/notify/main/v3", r#"{"id":"x","resource":{}}"#).await;
    let nobody = notify(&world, "/notify/nobody/v3", r#"{"id":"x","resource":{}}"#).await;
    assert_eq!(
        (unsigned.status, &unsigned.text),
        (nobody.status, &nobody.text)
    );
    assert_eq!(unsigned.json()["code"], "FAIL");
    assert!(
        world
            .engine
            .store()
            .list_inbox(&Merchants::All, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_notification_that_cannot_be_stored_is_asked_for_again() {
    let world = World::new().await;
    world.engine.store().limit_pages(Some(1)).await.unwrap();
    let mut last = 200;
    for number in 0..500 {
        let answer = notify(
            &world,
            "/notify/main/v2/refund",
            authentic(&format!("FILL-{number}")),
        )
        .await;
        last = answer.status.as_u16();
        if last != 200 {
            assert!(answer.text.contains("FAIL"));
            break;
        }
    }
    assert_eq!(last, 500);
    world.engine.store().limit_pages(None).await.unwrap();
    assert_eq!(
        notify(&world, "/notify/main/v2/refund", authentic("AFTER-1"))
            .await
            .status
            .as_u16(),
        200
    );
}
