//! The page "Notifications": the inbox, what was refused, and replay.

use axum::body::Body;
use http::Request;
use tuikuan_domain::Role;
use tuikuan_store::Scope;
use tuikuan_wechat::v2::ApiV2Key;
use tuikuan_wechat::v2::req_info::seal;

use crate::doors::HOSTILE;
use crate::visitor::Visitor;
use crate::world::{API_V2_KEY, MCH_ID, World};

const HERE: &str = "/console/notifications";

/// A v2 notification about a refund, as WeChat sends it.
async fn told(world: &World, number: &str, key: &str) -> u16 {
    let plain = format!(
        "<root><out_refund_no>{number}</out_refund_no><refund_fee>1980</refund_fee>\
         <refund_status>SUCCESS</refund_status><success_time>2026-11-19 16:24:13</success_time>\
         <total_fee>3960</total_fee></root>"
    );
    let sealed = seal(plain.as_bytes(), &ApiV2Key::from(key)).unwrap();
    let body = format!(
        "<xml><return_code>SUCCESS</return_code><mch_id>{MCH_ID}</mch_id><req_info>{sealed}</req_info></xml>"
    );
    let request = Request::builder()
        .method("POST")
        .uri("/notify/main/v2/refund");
    let request = request.header("content-type", "text/xml");
    let answer = world.send(request.body(Body::from(body)).unwrap()).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn what_is_proven_is_listed_and_what_is_refused_is_counted_by_reason() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Viewer).await;
    let page = visitor.get(HERE).await.text;
    assert!(
        page.contains("还没有收到微信的通知") && page.contains("没有被拒收的通知"),
        "{page}"
    );
    world.refund("main", "R-1").await;
    assert_eq!(told(&world, "R-1", API_V2_KEY).await, 200);
    assert_eq!(told(&world, "R-1", API_V2_KEY).await, 200);
    told(&world, "R-1", "WRONGwrongWRONGwrongWRONGwrong12").await;
    let page = visitor.get(HERE).await.text;
    assert!(
        page.contains("提示，已改为查询") && page.contains("R-1"),
        "{page}"
    );
    assert!(page.contains("无法解密，密钥可能不对"), "{page}");
    let page = visitor
        .get_english(&format!("{HERE}?outcome=unmatched"))
        .await
        .text;
    assert!(page.contains("No notification fits this filter."), "{page}");
    let scope = Scope::Only(vec!["other".parse().unwrap()]);
    let other = Visitor::with(&world, Role::Operator, scope).await;
    let page = other.get(HERE).await.text;
    assert!(
        !page.contains("R-1") && !page.contains("无法解密"),
        "{page}"
    );
    assert_eq!(
        other
            .get(&format!("{HERE}?merchant=main"))
            .await
            .status
            .as_u16(),
        404
    );
    assert_eq!(other.get(&format!("{HERE}/1")).await.status.as_u16(), 404);
    assert_eq!(
        other
            .post(&format!("{HERE}/1/replay"), &[])
            .await
            .status
            .as_u16(),
        404
    );
}

#[tokio::test]
async fn raw_text_is_for_operators_and_without_secrets() {
    let world = World::new().await;
    let number = world.noted("main", 1, "unmatched").await;
    let path = format!("{HERE}/{number}");
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get(&path).await.text;
    assert!(
        page.contains("找不到对应的退款") && !page.contains("wechatpay-nonce"),
        "{page}"
    );
    assert_eq!(
        viewer
            .post(&format!("{path}/replay"), &[])
            .await
            .status
            .as_u16(),
        403
    );
    let page = Visitor::of(&world, Role::Operator)
        .await
        .get(&path)
        .await
        .text;
    assert!(page.contains("wechatpay-nonce"), "{page}");
    for secret in ["c2VjcmV0", "hidden<", HOSTILE] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    for path in ["/0", "/999", "/x", "/-1", "/9999999999999999999999"] {
        let answer = viewer.get(&format!("{HERE}{path}")).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_replay_changes_nothing_that_took_effect_and_finds_what_is_known_by_now() {
    let world = World::new().await;
    assert_eq!(told(&world, "R-7", API_V2_KEY).await, 200);
    let id = world.refund("main", "R-7").await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    assert!(visitor.get(HERE).await.text.contains("找不到对应的退款"));
    let answer = visitor.post(&format!("{HERE}/1/replay"), &[]).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let page = visitor.get(&format!("{HERE}/1")).await.text;
    assert!(page.contains("已重放") && page.contains(&id), "{page}");
    let version = async || {
        let refund = world
            .engine
            .store()
            .refund(&id.parse().unwrap())
            .await
            .unwrap();
        refund.unwrap().version
    };
    let before = version().await;
    let answer = visitor
        .post(&format!("{HERE}/replay"), &[("outcome", "hint")])
        .await;
    assert!(
        answer.header("location").contains("done=1&failed=0"),
        "{}",
        answer.header("location")
    );
    assert_eq!(version().await, before, "INV-19");
    let page = visitor.get(answer.header("location")).await.text;
    assert!(page.contains("已重放 1 条，0 条未能处理"), "{page}");
    let log = world.engine.store().audit_after(0, 1000).await.unwrap();
    let replays = log
        .iter()
        .filter(|e| e.entry.action == "notification.replayed");
    assert_eq!(replays.count(), 2);
    let settled = log
        .iter()
        .filter(|e| e.entry.action == "notification.settled");
    assert_eq!(settled.count(), 2);
}
