//! Approvals by a second person and limits of a day, through the interface (INV-32, INV-33).

use serde_json::{Value, json};
use tuikuan_domain::approval::{DayLimit, Rules};
use tuikuan_domain::batch::{Steer, SteerRefusal};
use tuikuan_domain::refund::Command;
use tuikuan_domain::{Actor, Refusal, Role, WechatState};
use tuikuan_engine::batch::BatchError;
use tuikuan_engine::{By, EngineError, NewKey};
use tuikuan_store::{AuditFilter, Merchants, Scope};
use tuikuan_terms::Fen;

use crate::reached::{says, send};
use crate::visitor::{Visitor, add_user};
use crate::world::{ALL, Answer, World, make_key, request};

const LI: &str = "tk_li_0123456789abcdef0123456789abcdef";
const WANG: &str = "tk_wang_0123456789abcdef0123456789abcd";

async fn rules(world: &World, rules: Rules) {
    let set = world
        .engine
        .set_rules(&By::cli(), None, (rules, None))
        .await;
    set.unwrap();
}

/// Everything above 10 yuan needs a second person; li and wang both may approve.
async fn guarded() -> World {
    let world = World::new().await;
    for (name, token) in [("li", LI), ("wang", WANG)] {
        let owner = add_user(&world, name, Role::Approver, Scope::All).await;
        let new = NewKey {
            name: name.to_owned(),
            owner: Some(owner.id),
            role: Role::Approver,
            scope: Scope::All,
            expires_at: None,
        };
        make_key(&world.engine, token, new).await;
    }
    let approval_above = Some(Fen::new(1000).unwrap());
    rules(
        &world,
        Rules {
            approval_above,
            ..Rules::default()
        },
    )
    .await;
    world
}

async fn post(world: &World, key: &str, path: &str, body: &Value) -> Answer {
    let request = request("POST", path, key).header("content-type", "application/json");
    world
        .send(request.body(body.to_string().into()).unwrap())
        .await
}

/// Li asks for a refund of 19.80 yuan.
async fn asked(world: &World, number: &str) -> Value {
    let order = format!("ORDER-{number}");
    let path = format!("/v1/payments/main/{order}");
    world.call("PUT", &path, r#"{"total":3960}"#).await;
    let body = json!({
        "merchant": "main", "out_trade_no": order, "amount": 1980, "out_refund_no": number,
    });
    let answer = post(world, LI, "/v1/refunds", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()
}

fn path(refund: &Value, act: &str) -> String {
    format!("/v1/refunds/{}/{act}", refund["id"].as_str().unwrap())
}

#[tokio::test]
async fn another_person_approves_what_they_looked_at() {
    let world = guarded().await;
    let refund = asked(&world, "R-1").await;
    assert_eq!(refund["status"], "awaiting_approval");
    assert_eq!(refund["attention"]["reason"], "approval");
    assert_eq!(refund["approval"]["state"], "required");
    assert_eq!(refund["approval"]["requested_by"], refund["requested_by"]);
    assert_eq!(refund["next"]["action"], "expire_approval");
    let listed = world
        .get("/v1/refunds?status=awaiting_approval")
        .await
        .json();
    assert_eq!(listed["data"][0]["id"], refund["id"]);
    let approve = path(&refund, "approve");
    let own = post(&world, LI, &approve, &json!({})).await;
    assert_eq!(own.problem(), (403, "same_person".to_owned()));
    let other = json!({ "content_hash": "00".repeat(32) });
    let changed = post(&world, WANG, &approve, &other).await;
    assert_eq!(changed.problem(), (409, "content_changed".to_owned()));
    let bad = json!({ "content_hash": "0", "comment": "two\nlines", "more": 1 });
    let faults = post(&world, WANG, &approve, &bad).await.json();
    assert_eq!(faults["errors"].as_array().unwrap().len(), 3, "{faults}");
    let hash = &refund["approval"]["content_hash"];
    let seen = json!({ "content_hash": hash, "comment": "checked with the buyer" });
    let approved = post(&world, WANG, &approve, &seen).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    let approved = approved.json();
    assert_eq!(approved["status"], "queued");
    assert_eq!(approved["approval"]["state"], "given");
    assert_eq!(approved["approval"]["content_hash"], *hash);
    assert_ne!(approved["approval"]["approved_by"], refund["requested_by"]);
    let again = post(&world, WANG, &approve, &json!({})).await;
    assert_eq!(again.problem(), (409, "wrong_status".to_owned()));
    let log = AuditFilter {
        action: Some("refund.".to_owned()),
        ..AuditFilter::of(Merchants::All)
    };
    let log = world.engine.store().list_audit(log).await.unwrap().entries;
    let actions: Vec<&str> = log.iter().map(|e| e.entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["refund.approved"],
        "what was refused has no entry"
    );
    assert!(log[0].entry.detail.contains("checked with the buyer"));
}

#[tokio::test]
async fn what_a_second_person_does_not_agree_to_is_withdrawn() {
    let world = guarded().await;
    let refund = asked(&world, "R-1").await;
    let said = json!({ "comment": "paid out in cash" });
    let rejected = post(&world, WANG, &path(&refund, "reject"), &said)
        .await
        .json();
    assert_eq!(rejected["status"], "cancelled");
    assert_eq!(rejected["error"]["code"], "approval_rejected");
    let payment = world.get("/v1/payments/main/ORDER-R-1").await.json();
    assert_eq!(payment["refundable"], 3960);
}

#[tokio::test]
async fn of_approve_and_cancel_one_wins() {
    let world = guarded().await;
    for n in 0..10 {
        let refund = asked(&world, &format!("R-{n}")).await;
        let (approve, cancel) = (path(&refund, "approve"), path(&refund, "cancel"));
        let nothing = json!({});
        let (yes, no) = tokio::join!(
            post(&world, WANG, &approve, &nothing),
            post(&world, LI, &cancel, &nothing)
        );
        let both = (yes.status.as_u16(), no.status.as_u16());
        // A refund that was approved can still be cancelled before it is sent; never the reverse.
        assert!(matches!(both, (200, 200) | (409, 200)), "{both:?}");
        let found = world
            .get(&path(&refund, "")[..path(&refund, "").len() - 1])
            .await;
        assert_eq!(found.json()["status"], "cancelled");
    }
}

#[tokio::test]
async fn of_200_requests_at_once_exactly_what_fits_into_the_day_is_accepted() {
    let world = World::new().await;
    rules(
        &world,
        Rules {
            key_day: DayLimit {
                amount: Some(Fen::new(100_000).unwrap()),
                count: None,
            },
            ..Rules::default()
        },
    )
    .await;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..200 {
        let path = format!("/v1/payments/main/ORDER-{n}");
        world.call("PUT", &path, r#"{"total":3960}"#).await;
        let body = json!({
            "merchant": "main", "out_trade_no": format!("ORDER-{n}"), "amount": 1980,
            "out_refund_no": format!("R-{n}"),
        });
        let router = world.router.clone();
        let request =
            request("POST", "/v1/refunds", ALL).header("content-type", "application/json");
        let request = request
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        waiting.spawn(async move {
            tower::ServiceExt::oneshot(router, request)
                .await
                .unwrap()
                .status()
        });
    }
    let statuses = waiting.join_all().await;
    let accepted = statuses.iter().filter(|status| **status == 202).count();
    let refused = statuses.iter().filter(|status| **status == 409).count();
    assert_eq!(
        (accepted, refused),
        (50, 150),
        "50 times 19.80 yuan fit into 1000 yuan"
    );
    let again = json!({
        "merchant": "main", "out_trade_no": "ORDER-0", "amount": 1980, "out_refund_no": "R-late",
    });
    let late = world.post("/v1/refunds", &again).await;
    let problem = late.json();
    assert_eq!(problem["code"], "limit_reached");
    assert_eq!(
        (&problem["limit_of"], &problem["used_count"]),
        (&json!("key"), &json!(50))
    );
}

#[tokio::test]
async fn who_made_a_key_of_nobody_does_not_approve_what_it_asks_for() {
    const SHOP: &str = "tk_shop_0123456789abcdef0123456789abcd";
    let world = guarded().await;
    let admin = add_user(&world, "zhao", Role::Admin, Scope::All).await;
    let new = NewKey {
        name: "shop".to_owned(),
        owner: None,
        role: Role::Operator,
        scope: Scope::All,
        expires_at: None,
    };
    let computed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SHOP.as_bytes());
    let hash = computed.as_ref().try_into().unwrap();
    let maker = Actor::Person(admin.id.clone());
    let people = world.engine.people();
    people.create_key(&maker, hash, new).await.unwrap();
    let path_of_payment = "/v1/payments/main/ORDER-S";
    world
        .call("PUT", path_of_payment, r#"{"total":3960}"#)
        .await;
    let body = json!({
        "merchant": "main", "out_trade_no": "ORDER-S", "amount": 1980, "out_refund_no": "S",
    });
    let refund = post(&world, SHOP, "/v1/refunds", &body).await.json();
    assert_eq!(refund["status"], "awaiting_approval");
    let id = refund["id"].as_str().unwrap().parse().unwrap();
    let by = By::person(admin.id.clone());
    let approve = Command::Approve {
        by: maker,
        comment: None,
    };
    let own = world.engine.command(&id, approve, &by).await;
    assert!(
        matches!(own, Err(EngineError::Refused(Refusal::SamePerson))),
        "{own:?}"
    );
    let other = json!({ "content_hash": refund["approval"]["content_hash"] });
    let approved = post(&world, WANG, &path(&refund, "approve"), &other).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    let file = "商户订单号,金额(元),退款原因\nORDER-S,19.80,活动取消\n";
    let upload = request("POST", "/v1/batches?merchant=main&name=s.csv", SHOP)
        .header("content-type", "text/csv");
    let batch = world.send(upload.body(file.into()).unwrap()).await.json();
    let submit = format!("/v1/batches/{}/submit", batch["id"].as_str().unwrap());
    let waits = post(&world, SHOP, &submit, &json!({})).await.json();
    assert_eq!(waits["state"], "awaiting_approval", "{waits}");
    let id = batch["id"].as_str().unwrap().parse().unwrap();
    let stored = world.engine.store().batch(&id).await.unwrap().unwrap();
    let content = stored.content.map(|byte| format!("{byte:02x}")).concat();
    let own = world
        .engine
        .steer_batch(&id, &Steer::Approve { content }, &by)
        .await;
    assert!(
        matches!(own, Err(BatchError::Refused(SteerRefusal::SamePerson))),
        "{own:?}"
    );
}

#[tokio::test]
async fn what_was_approved_goes_to_another_account_by_another_person_only() {
    let world = guarded().await;
    let refund = asked(&world, "R1").await;
    let hash = json!({ "content_hash": refund["approval"]["content_hash"] });
    let approved = post(&world, WANG, &path(&refund, "approve"), &hash).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    let id = refund["id"].as_str().unwrap();
    send(&world, id).await;
    says(&world, id, WechatState::Abnormal).await;
    let (elsewhere, body) = (path(&refund, "abnormal"), json!({ "to": "merchant" }));
    let own = post(&world, LI, &elsewhere, &body).await;
    assert_eq!(own.problem(), (403, "same_person".to_owned()));
    let nobodys = post(&world, ALL, &elsewhere, &body).await;
    assert_eq!(nobodys.problem(), (403, "forbidden".to_owned()));
    let here = format!("/console/refunds/{id}/abnormal");
    let operator = Visitor::of(&world, Role::Operator).await;
    let page = operator.get(&here).await.text;
    assert!(page.contains("有审批权限的同事") && !page.contains("name=\"to\""));
    let refused = operator.post(&here, &[("to", "merchant")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let events = world.get(&path(&refund, "events")).await.text;
    assert!(!events.contains("note.elsewhere"), "{events}");
    let other = post(&world, WANG, &elsewhere, &body).await;
    assert_eq!(other.status, 200, "{}", other.text);
}
