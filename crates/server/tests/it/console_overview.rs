//! The page "Overview": numbers of the merchants a visit covers, and of no others.

use tuikuan_domain::{Role, WechatState};
use tuikuan_store::Scope;

use crate::visitor::Visitor;
use crate::world::World;

fn main_only() -> Scope {
    Scope::Only(vec!["main".parse().unwrap()])
}

#[tokio::test]
async fn a_new_installation_says_what_to_do_first() {
    let world = World::new().await;
    let page = Visitor::of(&world, Role::Admin).await.get("/console").await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    assert!(page.text.contains("还没有退款，可以这样开始"));
    assert!(page.text.contains("href=\"/console/users\""));
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get_english("/console").await.text;
    assert!(
        page.contains("No refunds yet; this is how to begin"),
        "{page}"
    );
    assert!(
        !page.contains("href=\"/console/refunds/new\""),
        "a viewer asks for nothing"
    );
    assert!(
        page.contains("API v2 key"),
        "health is shown from the start"
    );
}

#[tokio::test]
async fn the_tiles_count_what_the_visit_covers() {
    let world = World::new().await;
    world.ended("main", "R-1", WechatState::Success).await;
    world.ended("main", "R-2", WechatState::Abnormal).await;
    world.refund("main", "R-3").await;
    world.ended("other", "R-4", WechatState::Success).await;
    let all = Visitor::of(&world, Role::Viewer).await;
    let page = all.get("/console").await.text;
    assert!(page.contains("4 笔"), "{page}");
    assert!(page.contains("¥\u{a0}79.20"));
    assert!(page.contains("50%"), "two of four have arrived");
    assert!(page.contains("role=\"img\""));
    assert!(
        page.contains("今日共 4 笔：已到账 2，处理中 1，被拒或关闭 0，异常 1。"),
        "{page}"
    );
    assert!(
        page.contains("/console/refunds?status=abnormal"),
        "money at risk"
    );
    assert!(
        page.contains("/console/attention?reason=abnormal"),
        "needs a person"
    );
    assert!(
        page.contains("<option value=\"other\">"),
        "two merchants to choose from"
    );
    let page = all.get("/console?merchant=other").await.text;
    assert!(page.contains("1 笔") && page.contains("100%"), "{page}");
    let scoped = Visitor::with(&world, Role::Viewer, main_only()).await;
    let page = scoped.get("/console").await.text;
    assert!(page.contains("3 笔"), "{page}");
    assert!(
        !page.contains("other"),
        "nothing of the other merchant: {page}"
    );
    for path in [
        "/console?merchant=other",
        "/console?merchant=nobody",
        "/console?merchant=%3Cb%3E",
    ] {
        assert_eq!(scoped.get(path).await.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn both_languages_speak_of_the_same_numbers() {
    let world = World::new().await;
    world.ended("main", "R-1", WechatState::Success).await;
    let visitor = Visitor::of(&world, Role::Viewer).await;
    let page = visitor.get_english("/console").await.text;
    for text in [
        "Refunds today",
        "1 today: 1 arrived",
        "Time to arrive (last 7 days)",
        "Clock skew",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("No refund is unknown, abnormal or waiting for balance."));
    assert!(page.contains("No refund needs a person."));
}
