//! The page "Refund": every status has its words and its acts, what came from outside is text, and
//! nobody does what the role or the merchants do not allow.

use tuikuan_domain::{Role, Status, WechatState};
use tuikuan_store::Scope;

use crate::reached::{refund, refused, submitted, told};
use crate::visitor::Visitor;
use crate::world::World;

#[tokio::test]
async fn each_status_says_what_happens_next_and_offers_what_is_possible() {
    let world = World::new().await;
    let queued = world.refund("main", "R1").await;
    let submitting = submitted(&world, "main", "R2").await;
    let processing = told(&world, "main", "R3", WechatState::Processing).await;
    let abnormal = told(&world, "main", "R4", WechatState::Abnormal).await;
    let succeeded = told(&world, "main", "R5", WechatState::Success).await;
    let closed = told(&world, "main", "R6", WechatState::Closed).await;
    let rejected = refused(&world, "R7", "TRADE_OVERDUE", "too old").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    for (id, says, acts) in [
        (&queued, "将自动提交微信", vec!["cancel"]),
        (&submitting, "正在提交微信", vec![]),
        (&processing, "微信已受理", vec!["query"]),
        (
            &abnormal,
            "银行没有收下",
            vec!["query", "abnormal", "resolve"],
        ),
        (&succeeded, "已经到账", vec![]),
        (&closed, "重新退款", vec!["replaces"]),
        (&rejected, "没有资金变动", vec!["retry", "resolve"]),
    ] {
        let page = operator.get(&format!("/console/refunds/{id}")).await;
        assert_eq!(page.status.as_u16(), 200, "{}", page.text);
        assert!(page.text.contains(says), "{says}: {}", page.text);
        for act in [
            "cancel", "query", "abnormal", "resolve", "retry", "replaces",
        ] {
            let there = page.text.contains(&format!("{id}/{act}\""))
                || (act == "replaces" && page.text.contains(&format!("replaces={id}")));
            assert_eq!(there, acts.contains(&act), "{says}: {act}");
        }
        let english = operator
            .get_english(&format!("/console/refunds/{id}"))
            .await;
        assert!(english.text.contains("What happens next"));
        assert!(
            page.text
                .contains(&format!("data-live=\"/console/stream?refund={id}\""))
        );
    }
    let page = operator.get(&format!("/console/refunds/{rejected}")).await;
    assert!(
        page.text.contains("订单支付已超过一年"),
        "advice for the code"
    );
    let page = operator.get(&format!("/console/refunds/{succeeded}")).await;
    assert!(page.text.contains("退回招商银行信用卡0403，请您查收"));
}

#[tokio::test]
async fn acts_are_done_once_and_told_on_the_page_after() {
    let world = World::new().await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let id = world.refund("main", "R1").await;
    let here = format!("/console/refunds/{id}");
    let answer = operator.post(&format!("{here}/cancel"), &[]).await;
    assert_eq!(answer.status.as_u16(), 303);
    assert_eq!(answer.header("location"), here);
    assert_eq!(refund(&world, &id).await.status, Status::Cancelled);
    let page = operator.get(&here).await;
    assert!(page.text.contains("退款已取消，没有提交微信。"));
    assert!(
        page.text.contains("operator-"),
        "who did it is in the history"
    );
    // The door refuses: nothing changes, and the page says so.
    let id = told(&world, "main", "R2", WechatState::Success).await;
    let here = format!("/console/refunds/{id}");
    operator.post(&format!("{here}/cancel"), &[]).await;
    assert_eq!(refund(&world, &id).await.status, Status::Succeeded);
    assert!(operator.get(&here).await.text.contains("现在不能这样做"));
    let id = told(&world, "main", "R3", WechatState::Abnormal).await;
    let here = format!("/console/refunds/{id}");
    operator.post(&format!("{here}/query"), &[]).await;
    operator
        .post(&format!("{here}/resolve"), &[("note", "已现金付给买家")])
        .await;
    assert_eq!(refund(&world, &id).await.status, Status::SettledOffline);
    assert!(operator.get(&here).await.text.contains("已现金付给买家"));
}

#[tokio::test]
async fn a_note_that_cannot_be_taken_is_shown_again() {
    let world = World::new().await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let id = told(&world, "main", "R1", WechatState::Abnormal).await;
    let here = format!("/console/refunds/{id}");
    let long = "<b>x".repeat(200);
    for act in ["note", "resolve"] {
        let answer = operator
            .post(&format!("{here}/{act}"), &[("note", &long)])
            .await;
        assert_eq!(answer.status.as_u16(), 422);
        assert!(answer.text.contains("请填写 1 到 500 个字"));
        assert!(
            answer.text.contains("&#60;b&#62;x"),
            "what was typed is kept"
        );
        let empty = operator
            .post(&format!("{here}/{act}"), &[("note", " ")])
            .await;
        assert_eq!(empty.status.as_u16(), 422);
    }
    assert_eq!(refund(&world, &id).await.status, Status::Abnormal);
    operator
        .post(
            &format!("{here}/note"),
            &[("note", "=HYPERLINK(\"x\") <i>")],
        )
        .await;
    let page = operator.get(&here).await;
    assert!(
        page.text.contains("=HYPERLINK(&#34;x&#34;) &#60;i&#62;"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn what_came_from_outside_is_text() {
    let world = World::new().await;
    let evil = "<script>alert('x')</script>";
    let id = refused(&world, "R1", "PARAM_ERROR", evil).await;
    let order = "ORDER-X1";
    let path = format!("/v1/payments/main/{order}");
    world.call("PUT", &path, r#"{"total":100}"#).await;
    let ask = serde_json::json!({"merchant": "main", "out_trade_no": order, "amount": 1,
        "out_refund_no": "X|*@1", "reason": "\"><img src=x>", "metadata": {"a": evil}});
    let made = world.post("/v1/refunds", &ask).await;
    assert_eq!(made.status.as_u16(), 202, "{}", made.text);
    let other = made.json()["id"].as_str().unwrap().to_owned();
    let viewer = Visitor::of(&world, Role::Viewer).await;
    for id in [&id, &other] {
        for page in [
            format!("/console/refunds/{id}"),
            "/console/refunds".to_owned(),
        ] {
            let page = viewer.get(&page).await;
            assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src"));
            assert!(
                !page.text.contains("{\"status\":\"<b>\"}"),
                "raw messages are text too"
            );
        }
    }
}

#[tokio::test]
async fn roles_and_merchants_bound_every_act() {
    let world = World::new().await;
    let id = told(&world, "main", "R1", WechatState::Abnormal).await;
    let here = format!("/console/refunds/{id}");
    let acts = [
        "query",
        "retry",
        "cancel",
        "resolve",
        "note",
        "redeliver",
        "abnormal",
    ];
    let viewer = Visitor::of(&world, Role::Viewer).await;
    assert!(viewer.get(&here).await.text.contains("只能查看"));
    assert_eq!(
        viewer
            .get(&format!("{here}/abnormal"))
            .await
            .status
            .as_u16(),
        403
    );
    let foreign = Scope::Only(vec!["other".parse().unwrap()]);
    let foreign = Visitor::with(&world, Role::Operator, foreign).await;
    assert_eq!(foreign.get(&here).await.status.as_u16(), 404);
    for act in acts {
        let path = format!("{here}/{act}");
        let fields = [("note", "x"), ("to", "merchant"), ("delivery", "dl_x")];
        assert_eq!(
            viewer.post(&path, &fields).await.status.as_u16(),
            403,
            "{act}"
        );
        assert_eq!(
            foreign.post(&path, &fields).await.status.as_u16(),
            404,
            "{act}"
        );
    }
    assert_eq!(refund(&world, &id).await.version, 3);
    for id in ["rf_00000000000000000000", "x", "..%2Fusers"] {
        let page = foreign.get(&format!("/console/refunds/{id}")).await;
        assert_eq!(page.status.as_u16(), 404);
    }
}

const CARD: &str = "6222021234567890123";

#[tokio::test]
async fn a_card_is_never_kept_logged_or_shown_again() {
    let world = World::new().await;
    let id = told(&world, "other", "R1", WechatState::Abnormal).await;
    let here = format!("/console/refunds/{id}/abnormal");
    let operator = Visitor::of(&world, Role::Operator).await;
    assert_eq!(operator.get(&here).await.status.as_u16(), 200);
    let card = |account, holder| {
        [
            ("to", "buyer_card"),
            ("bank", "ICBC_DEBIT"),
            ("account", account),
            ("holder", holder),
        ]
    };
    for (account, holder) in [("12", "王小明"), ("6222 0212 x", "王小明"), (CARD, "")] {
        let answer = operator.post(&here, &card(account, holder)).await;
        assert_eq!(answer.status.as_u16(), 422);
        assert!(answer.text.contains("需要重新填写"), "{}", answer.text);
        assert!(!answer.text.contains(CARD) && !answer.text.contains("王小明"));
        assert!(
            answer.text.contains("value=\"ICBC_DEBIT\" selected"),
            "the bank is kept"
        );
    }
    assert_eq!(refund(&world, &id).await.version, 3, "nothing was done");
    // This merchant has no private key here: nothing leaves, and that is told.
    let answer = operator.post(&here, &card(CARD, "王小明")).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let page = operator.get(&format!("/console/refunds/{id}")).await;
    assert!(page.text.contains("微信没有受理改退"), "{}", page.text);
    assert!(page.text.contains("买家的另一张银行卡"));
    assert!(!page.text.contains(CARD) && !page.text.contains("王小明"));
    let record = refund(&world, &id).await;
    assert_eq!((record.status, record.version), (Status::Abnormal, 5));
    for found in [CARD.as_bytes(), "王小明".as_bytes()] {
        assert!(!world.stores(found), "not in the database either");
    }
    assert!(world.stores(b"note.elsewhere"), "the look is a good one");
}

#[tokio::test]
async fn the_interface_sends_an_abnormal_refund_elsewhere_too() {
    let world = World::new().await;
    let id = told(&world, "other", "R1", WechatState::Abnormal).await;
    let path = format!("/v1/refunds/{id}/abnormal");
    let body = serde_json::json!({"to": "buyer_card", "bank_type": "XX", "bank_account": CARD});
    let answer = world.post(&path, &body).await;
    assert_eq!(answer.problem(), (422, "invalid_fields".to_owned()));
    assert!(!answer.text.contains(CARD), "{}", answer.text);
    let body = serde_json::json!({"to": "merchant"});
    let answer = world.post(&path, &body).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let told = answer.json();
    assert_eq!(told["outcome"], "not_sent");
    assert_eq!(told["refund"]["status"], "abnormal");
    let queued = world.refund("other", "R2").await;
    let answer = world
        .post(&format!("/v1/refunds/{queued}/abnormal"), &body)
        .await;
    assert_eq!(answer.problem(), (409, "wrong_status".to_owned()));
    let note = serde_json::json!({"text": "the buyer called"});
    let answer = world
        .post(&format!("/v1/refunds/{queued}/note"), &note)
        .await;
    assert_eq!(answer.status.as_u16(), 200);
    let events = world.get(&format!("/v1/refunds/{queued}/events")).await;
    assert!(events.text.contains("the buyer called"));
    let foreign = world.get_as(crate::world::MAIN, &path).await;
    assert_eq!(foreign.status.as_u16(), 405);
}
