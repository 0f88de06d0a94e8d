//! The pages "New refund" and "Payment": one opened form is one refund, amounts are exact or
//! refused, two clerks cannot refund one case twice.

use tuikuan_domain::{Role, WechatState};
use tuikuan_store::Scope;

use crate::reached::{refund, told};
use crate::visitor::Visitor;
use crate::world::{Answer, World};

async fn paid(world: &World, merchant: &str, order: &str) {
    let path = format!("/v1/payments/{merchant}/{order}");
    let body = r#"{"total":29900,"transaction_id":"4200001207202611206046087111","paid_at":"2026-11-20T09:31:07+08:00"}"#;
    let answer = world.call("PUT", &path, body).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
}

/// The value of a hidden field on a page.
fn hidden(page: &Answer, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let after = page.text.split(&mark).nth(1);
    let after = after.unwrap_or_else(|| panic!("{name}: {}", page.text));
    after.split('"').next().unwrap().to_owned()
}

/// The fields of an opened form with an amount and a reason.
fn filled(page: &Answer, amount: &str, reason: &str) -> Vec<(&'static str, String)> {
    let mut fields: Vec<_> = ["key", "merchant", "order", "expected", "replaces"]
        .map(|name| (name, hidden(page, name)))
        .to_vec();
    fields.push(("amount", amount.to_owned()));
    fields.push(("reason", reason.to_owned()));
    fields
}

async fn send(visitor: &Visitor<'_>, path: &str, fields: &[(&'static str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    visitor.post(path, &fields).await
}

async fn count(world: &World) -> usize {
    let counts = world.engine.store().counts().await.unwrap();
    usize::try_from(counts.iter().map(|count| count.refunds).sum::<i64>()).unwrap()
}

const NEW: &str = "/console/refunds/new";

#[tokio::test]
async fn a_form_is_one_refund_however_often_it_is_sent() {
    let world = World::new().await;
    paid(&world, "main", "E-00001").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    for q in ["E-00001", "4200001207202611206046087111"] {
        let form = operator.get(&format!("{NEW}?q={q}")).await;
        assert_eq!(hidden(&form, "expected"), "29900", "{q}");
    }
    let form = operator.get(&format!("{NEW}?q=E-00001")).await;
    let fields = filled(&form, "128", "商品已售完");
    let check = send(&operator, &format!("{NEW}/check"), &fields).await;
    assert_eq!(check.status.as_u16(), 200, "{}", check.text);
    assert!(check.text.contains("壹佰贰拾捌元整") && check.text.contains("128.00"));
    assert!(check.text.contains("171.00"), "what is left afterwards");
    assert_eq!(count(&world).await, 0, "to check makes nothing");
    let fields = filled(&check, &hidden(&check, "amount"), &hidden(&check, "reason"));
    let (first, second) =
        tokio::join!(send(&operator, NEW, &fields), send(&operator, NEW, &fields));
    assert_eq!(first.status.as_u16(), 303, "{}", first.text);
    assert_eq!(first.header("location"), second.header("location"));
    let third = send(&operator, NEW, &fields).await;
    assert_eq!(third.header("location"), first.header("location"));
    assert_eq!(count(&world).await, 1);
    let page = operator.get(first.header("location")).await;
    assert!(page.text.contains("没有重复退款"), "{}", page.text);
    // What became of the form is known under its own identity, to its person only.
    let known = format!("{NEW}/known?merchant=main&key={}", fields[0].1);
    let answer = operator.get(&known).await;
    assert_eq!(answer.header("location"), first.header("location"));
    let other = Visitor::of(&world, Role::Operator).await;
    let answer = other.get(&known).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.text.contains("目前没有查到"));
}

#[tokio::test]
async fn the_same_form_with_another_amount_makes_nothing_new() {
    let world = World::new().await;
    paid(&world, "main", "E-00001").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let form = operator.get(&format!("{NEW}?q=E-00001")).await;
    send(&operator, NEW, &filled(&form, "1", "")).await;
    let answer = send(&operator, NEW, &filled(&form, "2", "")).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(
        answer.text.contains("内容不同") && answer.text.contains("/known?"),
        "{}",
        answer.text
    );
    assert_eq!(count(&world).await, 1);
}

#[tokio::test]
async fn two_clerks_cannot_refund_one_case_twice() {
    let world = World::new().await;
    paid(&world, "main", "E-00001").await;
    let li = Visitor::of(&world, Role::Operator).await;
    let wang = Visitor::of(&world, Role::Operator).await;
    let (one, two) = (
        li.get(&format!("{NEW}?q=E-00001")).await,
        wang.get(&format!("{NEW}?q=E-00001")).await,
    );
    let first = send(&li, NEW, &filled(&one, "100", "")).await;
    assert_eq!(first.status.as_u16(), 303);
    for path in [format!("{NEW}/check"), NEW.to_owned()] {
        let second = send(&wang, &path, &filled(&two, "100", "少件")).await;
        assert_eq!(second.status.as_u16(), 422, "{path}");
        assert!(second.text.contains("可退余额变了"), "{}", second.text);
        assert!(second.text.contains("value=\"100\"") && second.text.contains("value=\"少件\""));
        assert_eq!(hidden(&second, "expected"), "19900");
    }
    assert_eq!(count(&world).await, 1);
}

#[tokio::test]
async fn an_amount_is_exact_or_refused_and_what_was_typed_is_kept() {
    let world = World::new().await;
    paid(&world, "main", "E-00001").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let form = operator.get(&format!("{NEW}?q=E-00001")).await;
    for (typed, says) in [
        ("", "金额请写成"),
        ("1.234", "金额请写成"),
        ("1,000", "金额请写成"),
        ("-1", "金额请写成"),
        ("1e2", "金额请写成"),
        ("１２", "金额请写成"),
        ("0.00", "金额至少为"),
        ("299.01", "超过了可退的"),
        ("99999999999999", "金额请写成"),
        ("\"><script>", "金额请写成"),
    ] {
        for path in [format!("{NEW}/check"), NEW.to_owned()] {
            let answer = send(&operator, &path, &filled(&form, typed, "少件")).await;
            assert_eq!(answer.status.as_u16(), 422, "{typed}");
            assert!(answer.text.contains(says), "{typed}: {}", answer.text);
            assert!(answer.text.contains("value=\"少件\""), "{typed}");
            assert!(!answer.text.contains("<script>"));
        }
    }
    let long = "退".repeat(27);
    let answer = send(
        &operator,
        &format!("{NEW}/check"),
        &filled(&form, "1", &long),
    )
    .await;
    assert!(answer.text.contains("原因最多 80 字节") && answer.text.contains(&long));
    // The button for the rest needs no amount.
    let mut fields = filled(&form, "", "");
    fields.push(("rest", "1".to_owned()));
    let answer = send(&operator, &format!("{NEW}/check"), &fields).await;
    assert!(answer.text.contains("贰佰玖拾玖元整"), "{}", answer.text);
    let echo = operator.get(&format!("{NEW}/echo?amount=0.05")).await;
    assert!(echo.text.starts_with("伍分"), "{}", echo.text);
    assert_eq!(operator.get(&format!("{NEW}/echo?amount=x")).await.text, "");
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn an_order_that_is_not_known_is_asked_of_wechat() {
    let world = World::new().await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let page = operator.get(&format!("{NEW}?q=E-00404")).await;
    assert!(page.text.contains("还没有这个订单"), "{}", page.text);
    assert!(page.text.contains("merchant=main") && page.text.contains("merchant=other"));
    let form = operator
        .get(&format!("{NEW}?q=E-00404&merchant=main"))
        .await;
    let answer = send(&operator, NEW, &filled(&form, "5", "")).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let id = answer
        .header("location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(refund(&world, &id).await.payment_id, None);
    let page = operator.get("/console/payments/main/E-00404").await;
    assert!(page.text.contains("正在向微信查询"), "{}", page.text);
    for q in ["%27", "a%20b", "%3Cscript%3E", &"9".repeat(65)] {
        let page = operator.get(&format!("{NEW}?q={q}")).await;
        assert_eq!(page.status.as_u16(), 422, "{q}");
        assert!(!page.text.contains("<script>"));
    }
}

#[tokio::test]
async fn only_a_closed_refund_is_refunded_again_and_once() {
    let world = World::new().await;
    let closed = told(&world, "main", "R1", WechatState::Closed).await;
    let arrived = told(&world, "main", "R2", WechatState::Success).await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let refused = operator.get(&format!("{NEW}?replaces={arrived}")).await;
    assert_eq!(refused.status.as_u16(), 422);
    let form = operator.get(&format!("{NEW}?replaces={closed}")).await;
    assert!(
        form.text.contains("value=\"19.80\""),
        "the amount is that of the old one"
    );
    assert_eq!(hidden(&form, "replaces"), closed);
    let answer = send(&operator, NEW, &filled(&form, "19.80", "")).await;
    let id = answer
        .header("location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let replaces = refund(&world, &id).await.content.replaces.unwrap();
    assert_eq!(replaces.as_str(), closed);
    let old = operator.get(&format!("/console/refunds/{closed}")).await;
    assert!(old.text.contains(&id), "the old one leads to the new one");
    let form = operator.get(&format!("{NEW}?replaces={closed}")).await;
    let answer = send(&operator, NEW, &filled(&form, "19.80", "")).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(
        answer.text.contains("已由另一笔退款代替"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_payment_shows_its_sums_and_refunds_to_those_who_may_see_it() {
    let world = World::new().await;
    paid(&world, "main", "E-00001").await;
    let operator = Visitor::of(&world, Role::Operator).await;
    let form = operator.get(&format!("{NEW}?q=E-00001")).await;
    send(&operator, NEW, &filled(&form, "128", "=cmd()<b>")).await;
    let page = operator.get("/console/payments/main/E-00001").await;
    assert_eq!(page.status.as_u16(), 200);
    for text in [
        "299.00",
        "171.00",
        "1 / 50",
        "2026-11-20 09:31:07",
        "2027-11-20",
        "还剩",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(page.text.contains("=cmd()&#60;b&#62;") && page.text.contains("对该订单退款"));
    assert!(
        operator
            .get_english("/console/payments/main/E-00001")
            .await
            .text
            .contains("days left")
    );
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get("/console/payments/main/E-00001").await;
    assert!(!page.text.contains("对该订单退款"));
    let foreign = Scope::Only(vec!["other".parse().unwrap()]);
    let foreign = Visitor::with(&world, Role::Operator, foreign).await;
    for path in [
        "main/E-00001",
        "other/E-00001",
        "main/E-00009",
        "nobody/E-00001",
        "main/x",
    ] {
        let page = foreign.get(&format!("/console/payments/{path}")).await;
        assert_eq!(page.status.as_u16(), 404, "{path}");
    }
    let found = foreign.get(&format!("{NEW}?q=E-00001")).await;
    assert!(
        !found.text.contains("29900"),
        "another's order is not found"
    );
    let mut fields = filled(&form, "1", "");
    let answer = send(&foreign, NEW, &fields).await;
    assert_eq!(answer.status.as_u16(), 404);
    assert_eq!(send(&viewer, NEW, &fields).await.status.as_u16(), 403);
    // Only a tampered page could send these.
    for (place, value) in [(0, "short"), (2, "' OR 1"), (3, "x"), (3, "-1")] {
        let before = std::mem::replace(&mut fields[place].1, value.to_owned());
        let answer = send(&operator, NEW, &fields).await;
        assert_eq!(answer.status.as_u16(), 422, "{value}");
        fields[place].1 = before;
    }
    assert_eq!(count(&world).await, 1);
}
