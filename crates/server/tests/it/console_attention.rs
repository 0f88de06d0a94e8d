//! The page "Attention": what needs a person, and what people do about it.

use tuikuan_domain::{Role, Status, WechatState};
use tuikuan_store::{Scope, Subject};

use crate::doors::HOSTILE;
use crate::reconciliation::planted;
use crate::visitor::{Visitor, add_user};
use crate::world::World;

const HERE: &str = "/console/attention";

fn only(name: &str) -> Scope {
    Scope::Only(vec![name.parse().unwrap()])
}

fn subject(id: &str) -> String {
    Subject::Refund(id.parse().unwrap()).to_string()
}

#[tokio::test]
async fn reasons_come_with_words_on_what_to_do_and_text_from_outside_stays_text() {
    let world = World::new().await;
    let empty = Visitor::of(&world, Role::Viewer).await.get(HERE).await.text;
    assert!(empty.contains("现在没有需要人处理的事"), "{empty}");
    world.refused("main", "R-1").await;
    world.ended("main", "R-2", WechatState::Abnormal).await;
    world.noted("main", 1, "unmatched").await;
    add_user(&world, "<b>wang</b>", Role::Operator, Scope::All).await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let page = visitor.get(HERE).await.text;
    for text in [
        "微信明确拒绝",
        "微信无法把钱退到原账户",
        "无法对应的微信通知",
        "TRADE_OVERDUE",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        !page.contains(HOSTILE) && page.contains("&#60;script&#62;"),
        "{page}"
    );
    assert!(!page.contains("<b>wang"), "{page}");
    assert!(
        page.contains("<span class=\"count num\">3</span>"),
        "the navigation counts: {page}"
    );
    let page = visitor
        .get_english(&format!("{HERE}?reason=refused"))
        .await
        .text;
    assert!(
        page.contains("WeChat refused for good") && !page.contains("R-2"),
        "{page}"
    );
    assert_eq!(
        visitor
            .get(&format!("{HERE}?reason=nonsense"))
            .await
            .status
            .as_u16(),
        404
    );
}

#[tokio::test]
async fn what_is_put_off_comes_back_and_two_at_once_do_not_both_win() {
    let world = World::new().await;
    let id = world.ended("main", "R-1", WechatState::Abnormal).await;
    let subject = subject(&id);
    let visitor = Visitor::of(&world, Role::Operator).await;
    let snooze = [
        ("subject", subject.as_str()),
        ("version", "0"),
        ("days", "1"),
    ];
    let answer = visitor.post(&format!("{HERE}/snooze"), &snooze).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let page = visitor.get(HERE).await.text;
    assert!(page.contains("已暂缓") && !page.contains("R-1"), "{page}");
    let page = visitor.get(&format!("{HERE}?asleep=1")).await.text;
    assert!(page.contains("R-1") && page.contains("取消暂缓"), "{page}");
    visitor.post(&format!("{HERE}/snooze"), &snooze).await;
    let page = visitor.get(HERE).await.text;
    assert!(
        page.contains("内容已被他人修改"),
        "the form was old: {page}"
    );
    let wake = [
        ("subject", subject.as_str()),
        ("version", "1"),
        ("days", "0"),
    ];
    visitor.post(&format!("{HERE}/snooze"), &wake).await;
    assert!(visitor.get(HERE).await.text.contains("R-1"));
    let log = world.engine.store().audit_after(0, 1000).await.unwrap();
    let acts: Vec<_> = log.iter().map(|e| e.entry.action.as_str()).collect();
    for action in ["attention.snoozed", "attention.woken"] {
        assert_eq!(
            acts.iter().filter(|act| **act == action).count(),
            1,
            "{action}"
        );
    }
}

#[tokio::test]
async fn it_is_given_only_to_people_who_may_see_it() {
    let world = World::new().await;
    let id = world.ended("main", "R-1", WechatState::Abnormal).await;
    let subject = subject(&id);
    let ours = add_user(&world, "li", Role::Operator, only("main")).await;
    let theirs = add_user(&world, "zhao", Role::Operator, only("other")).await;
    let visitor = Visitor::of(&world, Role::Operator).await;
    let assign = |to, version| {
        [
            ("subject", subject.clone()),
            ("version", version),
            ("to", to),
        ]
        .map(|(name, value): (&str, String)| (name, value))
    };
    let send = |fields: [(&'static str, String); 3]| {
        let visitor = &visitor;
        async move {
            let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            visitor
                .post(&format!("{HERE}/assign"), &fields)
                .await
                .status
                .as_u16()
        }
    };
    assert_eq!(
        send(assign(theirs.id.to_string(), "0".to_owned())).await,
        422
    );
    assert_eq!(send(assign(ours.id.to_string(), "0".to_owned())).await, 303);
    let page = visitor.get(HERE).await.text;
    assert!(page.contains(">li</td>"), "{page}");
    assert!(!page.contains("zhao"), "{page}");
}

#[tokio::test]
async fn settling_an_abnormal_refund_goes_through_the_door() {
    let world = World::new().await;
    let id = world.ended("main", "R-1", WechatState::Abnormal).await;
    let subject = subject(&id);
    let visitor = Visitor::of(&world, Role::Operator).await;
    let fields = [
        ("subject", subject.as_str()),
        ("version", "0"),
        ("note", "  "),
    ];
    visitor.post(&format!("{HERE}/settle"), &fields).await;
    assert!(visitor.get(HERE).await.text.contains("请写明做了什么"));
    let fields = [
        ("subject", subject.as_str()),
        ("version", "0"),
        ("note", "已付现金"),
    ];
    let answer = visitor.post(&format!("{HERE}/settle"), &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let refund = world
        .engine
        .store()
        .refund(&id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(refund.status, Status::SettledOffline);
    let number = world.noted("main", 9, "unmatched").await;
    let subject = Subject::Notification(number).to_string();
    assert!(visitor.get(HERE).await.text.contains("无法对应的微信通知"));
    let fields = [
        ("subject", subject.as_str()),
        ("version", "0"),
        ("note", "旧系统的退款"),
    ];
    visitor.post(&format!("{HERE}/settle"), &fields).await;
    let page = visitor.get(HERE).await.text;
    assert!(
        page.contains("已标记为处理完毕") && page.contains("现在没有需要人处理的事"),
        "{page}"
    );
}

#[tokio::test]
async fn viewers_look_and_strangers_to_the_merchant_see_nothing() {
    let world = World::new().await;
    let id = world.ended("main", "R-1", WechatState::Abnormal).await;
    let subject = subject(&id);
    let fields = [
        ("subject", subject.as_str()),
        ("version", "0"),
        ("days", "1"),
    ];
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get(HERE).await.text;
    assert!(
        page.contains("R-1") && !page.contains("<form method=\"post\" action=\"/console/attention"),
        "{page}"
    );
    assert_eq!(
        viewer
            .post(&format!("{HERE}/snooze"), &fields)
            .await
            .status
            .as_u16(),
        403
    );
    let other = Visitor::with(&world, Role::Operator, only("other")).await;
    let page = other.get(HERE).await.text;
    assert!(
        !page.contains("R-1") && !page.contains("class=\"count"),
        "{page}"
    );
    for act in ["assign", "snooze", "settle"] {
        let answer = other.post(&format!("{HERE}/{act}"), &fields).await;
        assert_eq!(answer.status.as_u16(), 404, "{act}");
    }
}

#[tokio::test]
async fn days_that_differ_from_their_bill_are_shown_to_those_who_may_see_them() {
    let world = World::new().await;
    let (day, id) = planted(&world, "R").await;
    let path = format!("/console/reconciliation/main/{day}");
    let operator = Visitor::of(&world, Role::Operator).await;
    let page = operator.get_english(HERE).await.text;
    for part in [
        path.as_str(),
        "Differences from WeChat",
        "1 open",
        "Open the day",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(operator.get(HERE).await.text.contains("对账差异"));
    let badge = |page: &str| {
        let entry = page.split("href=\"/console/attention\"").nth(1).unwrap();
        let entry = entry.split("</a>").next().unwrap();
        entry
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    assert_eq!(badge(&page), "1");
    let asleep = operator.get(&format!("{HERE}?asleep=1")).await.text;
    assert!(!asleep.contains(&path), "a day is not put off");
    let stranger = Visitor::with(&world, Role::Admin, only("other")).await;
    let hidden = stranger.get(HERE).await.text;
    assert!(!hidden.contains(&path) && badge(&hidden).is_empty());
    let resolve = format!("/console/differences/{id}/resolve");
    operator
        .post(&resolve, &[("note", "settled by telephone")])
        .await;
    let after = operator.get(HERE).await.text;
    assert!(
        !after.contains(&path) && badge(&after).is_empty(),
        "{after}"
    );
}
