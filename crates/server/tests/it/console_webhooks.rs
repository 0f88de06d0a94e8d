//! The page "Webhooks": endpoints, and the messages sent there.

use tuikuan_domain::Role;
use tuikuan_store::{DeliveryStatus, Scope};

use crate::visitor::Visitor;
use crate::world::{Answer, World};

const HERE: &str = "/console/webhooks";
const URL: &str = "https://shop.example.com/hooks?a=%22%3Cb%3E";

async fn added(visitor: &Visitor<'_>, merchant: &str) -> Answer {
    visitor
        .post(HERE, &[("merchant", merchant), ("url", URL)])
        .await
}

async fn endpoint(world: &World) -> String {
    let admin = Visitor::of(world, Role::Admin).await;
    let made = added(&admin, "main").await;
    assert_eq!(made.status.as_u16(), 200, "{}", made.text);
    assert!(
        made.text.contains("whsec_"),
        "shown this once: {}",
        made.text
    );
    world.engine.store().endpoints().await.unwrap()[0]
        .id
        .to_string()
}

#[tokio::test]
async fn administrators_keep_endpoints_and_see_their_secret_once() {
    let world = World::new().await;
    let id = endpoint(&world).await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for path in [HERE.to_owned(), format!("{HERE}/{id}")] {
        let page = admin.get(&path).await.text;
        assert!(
            page.contains("shop.example.com") && !page.contains("whsec_"),
            "{page}"
        );
        assert!(!page.contains("\"<b>"), "{page}");
    }
    let rotated = admin.post(&format!("{HERE}/{id}/rotate"), &[]).await;
    assert!(rotated.text.contains("whsec_"), "{}", rotated.text);
    for (act, words) in [("disable", "由管理员停用"), ("enable", "已启用")] {
        admin.post(&format!("{HERE}/{id}/{act}"), &[]).await;
        let page = admin.get(&format!("{HERE}/{id}")).await.text;
        assert!(page.contains(words), "{act}: {page}");
    }
    let gone = admin.post(&format!("{HERE}/{id}/delete"), &[]).await;
    assert_eq!(gone.header("location"), HERE);
    assert_eq!(
        admin.get(&format!("{HERE}/{id}")).await.status.as_u16(),
        404
    );
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_explained_and_kept_in_the_form() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for url in [
        "http://shop.example.com/",
        "https://",
        "\"><script>alert(1)</script>",
    ] {
        let answer = admin
            .post(HERE, &[("merchant", "main"), ("url", url)])
            .await;
        assert_eq!(answer.status.as_u16(), 422, "{url}");
        assert!(answer.text.contains("这个地址不能用"), "{}", answer.text);
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
    }
    assert!(world.engine.store().endpoints().await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_are_listed_and_sent_again_one_or_many() {
    let world = World::new().await;
    let id = endpoint(&world).await;
    let path = format!("{HERE}/{id}");
    for number in ["R-1", "R-2", "R-3"] {
        world.refund("main", number).await;
    }
    let visitor = Visitor::of(&world, Role::Operator).await;
    let page = visitor.get(&path).await.text;
    assert!(
        page.contains("refund.queued") && page.contains("待送达"),
        "{page}"
    );
    assert!(
        page.contains("&#34;out_refund_no&#34;"),
        "the body is behind a fold: {page}"
    );
    let page = visitor
        .get_english(&format!("{path}?status=dead"))
        .await
        .text;
    assert!(page.contains("No message fits this filter."), "{page}");
    let endpoint = id.parse().unwrap();
    let store = world.engine.store();
    let one = store
        .list_deliveries(&endpoint, None, 10)
        .await
        .unwrap()
        .remove(0);
    let again = format!("{path}/deliveries/{}/redeliver", one.id);
    assert_eq!(visitor.post(&again, &[]).await.header("location"), path);
    let all = visitor
        .post(&format!("{path}/redeliver"), &[("status", "pending")])
        .await;
    assert!(
        all.header("location").ends_with("?done=3"),
        "{}",
        all.header("location")
    );
    assert!(
        visitor
            .get(all.header("location"))
            .await
            .text
            .contains("已安排重发 3 条")
    );
    let after = store.list_deliveries(&endpoint, None, 10).await.unwrap();
    assert!(
        after
            .iter()
            .all(|d| d.status == DeliveryStatus::Pending && d.attempts == 0)
    );
    let log = store.audit_after(0, 1000).await.unwrap();
    let sent = log
        .iter()
        .filter(|e| e.entry.action == "deliveries.redelivered");
    assert_eq!(sent.count(), 2);
}

#[tokio::test]
async fn a_test_is_sent_and_every_act_is_logged_with_its_merchant() {
    let world = World::new().await;
    let id = endpoint(&world).await;
    let path = format!("{HERE}/{id}");
    let visitor = Visitor::of(&world, Role::Operator).await;
    let tested = visitor.post(&format!("{path}/test"), &[]).await;
    assert!(
        tested.text.contains("对方已接收，状态码 204"),
        "{}",
        tested.text
    );
    assert_eq!(world.network.webhooks.lock().unwrap().len(), 1);
    let log = world.engine.store().audit_after(0, 1000).await.unwrap();
    for entry in log.iter().map(|e| &e.entry) {
        let about = ["endpoint.", "deliveries."];
        if about.iter().any(|what| entry.action.starts_with(what)) {
            assert!(entry.detail.contains("\"merchant\":\"main\""), "{entry:?}");
            assert!(entry.detail.contains("\"source\""), "{entry:?}");
        }
    }
    assert!(log.iter().any(|e| e.entry.action == "endpoint.tested"));
}

#[tokio::test]
async fn roles_and_merchants_decide_what_is_seen_and_done() {
    let world = World::new().await;
    let id = endpoint(&world).await;
    let path = format!("{HERE}/{id}");
    let viewer = Visitor::of(&world, Role::Viewer).await;
    assert_eq!(viewer.get(&path).await.status.as_u16(), 200);
    let operator = Visitor::of(&world, Role::Operator).await;
    let scope = Scope::Only(vec!["other".parse().unwrap()]);
    let other = Visitor::with(&world, Role::Admin, scope).await;
    assert_eq!(added(&operator, "main").await.status.as_u16(), 403);
    assert_eq!(added(&other, "main").await.status.as_u16(), 404);
    assert!(!other.get(HERE).await.text.contains(&id));
    assert_eq!(other.get(&path).await.status.as_u16(), 404);
    for act in ["rotate", "enable", "disable", "delete", "test", "redeliver"] {
        let act = format!("{path}/{act}");
        let operates = act.ends_with("test") || act.ends_with("redeliver");
        assert_eq!(viewer.post(&act, &[]).await.status.as_u16(), 403, "{act}");
        assert_eq!(other.post(&act, &[]).await.status.as_u16(), 404, "{act}");
        if !operates {
            assert_eq!(operator.post(&act, &[]).await.status.as_u16(), 403, "{act}");
        }
    }
    assert_eq!(world.engine.store().endpoints().await.unwrap().len(), 1);
}
