//! The page "Approvals": another person agrees, to exactly what was shown, by a form only (INV-32).

use tuikuan_domain::approval::Rules;
use tuikuan_domain::{Role, Status};
use tuikuan_engine::By;
use tuikuan_store::Scope;
use tuikuan_terms::Fen;

use crate::reached::refund;
use crate::visitor::Visitor;
use crate::world::{Answer, World};

/// Everything above 10 yuan needs a second person.
async fn guarded() -> World {
    let world = World::new().await;
    let rules = Rules {
        approval_above: Some(Fen::new(1000).unwrap()),
        reasons: vec!["少件".to_owned(), "质量问题".to_owned()],
        ..Rules::default()
    };
    let cli = By::cli();
    let set = world.engine.set_rules(&cli, None, (rules, None));
    set.await.unwrap();
    world
}

fn seen(page: &Answer, id: &str) -> String {
    let after = page
        .text
        .split(&format!("approvals/{id}/approve"))
        .nth(1)
        .unwrap();
    let after = after.split("name=\"seen\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

const HERE: &str = "/console/approvals";

#[tokio::test]
async fn another_person_agrees_and_the_same_one_cannot() {
    let world = guarded().await;
    let li = Visitor::of(&world, Role::Approver).await;
    let wang = Visitor::of(&world, Role::Approver).await;
    world
        .call("PUT", "/v1/payments/main/E-0001", r#"{"total":29900}"#)
        .await;
    let form = li.get("/console/refunds/new?q=E-0001").await;
    assert!(
        form.text.contains("<option>少件</option>"),
        "reasons of the rules"
    );
    let key = form.text.split("name=\"key\" value=\"").nth(1).unwrap();
    let key = key.split('"').next().unwrap();
    let fields = [
        ("key", key),
        ("merchant", "main"),
        ("order", "E-0001"),
        ("expected", "29900"),
        ("amount", "128"),
        ("reason", "少件"),
    ];
    let check = li.post("/console/refunds/new/check", &fields).await;
    assert!(check.text.contains("可能需要另一位同事审批"));
    let made = li.post("/console/refunds/new", &fields).await;
    let id = made
        .header("location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(refund(&world, &id).await.status, Status::AwaitingApproval);

    let own = li.get(HERE).await;
    assert!(own.text.contains("这是你发起的退款"));
    assert!(!own.text.contains("/approve\""), "no form for one's own");
    let page = wang.get(HERE).await;
    for text in [
        "壹佰贰拾捌元整",
        "approver-",
        "少件",
        "299.00",
        "2 天后到期",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let hash = seen(&page, &id);
    let path = format!("{HERE}/{id}/approve");
    li.post(&path, &[("seen", &hash)]).await;
    assert_eq!(refund(&world, &id).await.status, Status::AwaitingApproval);
    assert!(li.get(HERE).await.text.contains("自己发起的退款"));
    assert_eq!(wang.get(&path).await.status.as_u16(), 405, "never by GET");
    let answer = wang
        .post(&path, &[("seen", &hash), ("comment", "已核对 <b>")])
        .await;
    assert_eq!(answer.header("location"), HERE);
    assert_eq!(refund(&world, &id).await.status, Status::Queued);
    assert!(wang.get(HERE).await.text.contains("没有等待审批的退款"));
    let story = wang.get(&format!("/console/refunds/{id}")).await;
    assert!(story.text.contains("已核对 &#60;b&#62;"), "{}", story.text);
}

#[tokio::test]
async fn only_what_was_shown_is_agreed_to() {
    let world = guarded().await;
    let wang = Visitor::of(&world, Role::Approver).await;
    let id = world.refund("main", "R1").await;
    let other = world.refund("main", "R2").await;
    let page = wang.get(HERE).await;
    let path = format!("{HERE}/{id}/approve");
    for hash in ["", "x", &"0".repeat(64), &seen(&page, &other)] {
        wang.post(&path, &[("seen", hash)]).await;
        assert_eq!(
            refund(&world, &id).await.status,
            Status::AwaitingApproval,
            "{hash}"
        );
    }
    let right = seen(&page, &id);
    wang.post(&path, &[("seen", &right)]).await;
    assert_eq!(refund(&world, &id).await.status, Status::Queued);
    wang.post(&path, &[("seen", &right)]).await;
    assert!(wang.get(HERE).await.text.contains("现在不能这样做"));
}

#[tokio::test]
async fn to_reject_needs_a_reason_and_keeps_what_was_typed() {
    let world = guarded().await;
    let wang = Visitor::of(&world, Role::Approver).await;
    let id = world.refund("main", "R1").await;
    let hash = seen(&wang.get(HERE).await, &id);
    let path = format!("{HERE}/{id}/reject");
    let answer = wang.post(&path, &[("seen", &hash), ("comment", " ")]).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("拒绝时请写明原因"));
    let long = "\"<i>".repeat(200);
    let answer = wang
        .post(&path, &[("seen", &hash), ("comment", &long)])
        .await;
    assert!(answer.text.contains("&#34;&#60;i&#62;") && !answer.text.contains("<i>"));
    assert_eq!(refund(&world, &id).await.status, Status::AwaitingApproval);
    wang.post(&path, &[("seen", &hash), ("comment", "重复申请")])
        .await;
    assert_eq!(refund(&world, &id).await.status, Status::Cancelled);
    let story = wang.get_english(&format!("/console/refunds/{id}")).await;
    assert!(story.text.contains("重复申请") && story.text.contains("did not agree"));
}

#[tokio::test]
async fn roles_and_merchants_bound_who_agrees() {
    let world = guarded().await;
    let id = world.refund("main", "R1").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let page = operator.get(HERE).await;
    assert!(page.text.contains(&id) && page.text.contains("你的角色不能审批"));
    let foreign = Scope::Only(vec!["other".parse().unwrap()]);
    let foreign = Visitor::with(&world, Role::Approver, foreign).await;
    assert!(!foreign.get(HERE).await.text.contains(&id));
    let hash = "0".repeat(64);
    for act in ["approve", "reject"] {
        let path = format!("{HERE}/{id}/{act}");
        let fields = [("seen", hash.as_str()), ("comment", "x")];
        assert_eq!(operator.post(&path, &fields).await.status.as_u16(), 403);
        assert_eq!(foreign.post(&path, &fields).await.status.as_u16(), 404);
    }
    assert_eq!(refund(&world, &id).await.status, Status::AwaitingApproval);
}
