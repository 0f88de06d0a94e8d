//! The pages "Settings" and "Merchants".

use tuikuan_domain::Role;
use tuikuan_store::Scope;

use crate::visitor::Visitor;
use crate::world::World;

const FORM: [(&str, &str); 11] = [
    ("merchant", ""),
    ("version", ""),
    ("approval_above", "1,000.50"),
    ("approval_person_day", ""),
    ("expires", "48"),
    ("person_day_amount", "20000"),
    ("person_day_count", "30"),
    ("key_day_amount", ""),
    ("key_day_count", ""),
    ("order_day_amount", ""),
    ("reasons", "商品缺货\n\n<b>质量问题</b>\n"),
];

fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let changed = |name: &str| changes.iter().find(|(known, _)| *known == name);
    FORM.into_iter()
        .map(|(name, value)| changed(name).copied().unwrap_or((name, value)))
        .collect()
}

#[tokio::test]
async fn rules_are_set_shown_as_text_and_replaced_only_as_they_were_seen() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let saved = admin.post("/console/settings", &FORM).await;
    assert_eq!(saved.status.as_u16(), 303, "{}", saved.text);
    let rules = world.engine.rules().await.unwrap().remove(0);
    assert_eq!(rules.rules.approval_above.unwrap().get(), 100_050);
    assert_eq!(rules.rules.person_day.count, Some(30));
    assert_eq!(rules.rules.reasons, ["商品缺货", "<b>质量问题</b>"]);
    let page = admin.get("/console/settings").await.text;
    assert!(
        page.contains("value=\"1000.50\"") && page.contains("value=\"48\""),
        "{page}"
    );
    assert!(!page.contains("<b>质量"), "hostile text is text");
    let late = admin.post("/console/settings", &FORM).await;
    assert_eq!(late.status.as_u16(), 303);
    assert!(
        admin
            .get("/console/settings")
            .await
            .text
            .contains("已被他人修改")
    );
    let next = admin
        .post("/console/settings", &with(&[("version", "1")]))
        .await;
    assert_eq!(next.status.as_u16(), 303);
    assert_eq!(world.engine.rules().await.unwrap()[0].version, 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_what_was_typed_stays() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for (name, value) in [
        ("approval_above", "12.345"),
        ("approval_above", "-1"),
        ("person_day_count", "many"),
        ("expires", ""),
        ("expires", "721"),
        ("expires", "99999999999999"),
    ] {
        let answer = admin
            .post("/console/settings", &with(&[(name, value)]))
            .await;
        assert_eq!(answer.status.as_u16(), 422, "{name} {value}");
        assert!(answer.text.contains("role=\"alert\""), "{name} {value}");
        assert!(
            answer.text.contains(&format!("value=\"{value}\"")),
            "{name} {value}"
        );
    }
    assert!(world.engine.rules().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_administrator_of_one_merchant_changes_its_rules_only() {
    let world = World::new().await;
    let main = Scope::Only(vec!["main".parse().unwrap()]);
    let admin = Visitor::with(&world, Role::Admin, main).await;
    assert_eq!(
        admin.post("/console/settings", &FORM).await.status.as_u16(),
        403
    );
    let other = admin
        .post("/console/settings", &with(&[("merchant", "other")]))
        .await;
    assert_eq!(other.status.as_u16(), 404);
    let own = admin
        .post("/console/settings", &with(&[("merchant", "main")]))
        .await;
    assert_eq!(own.status.as_u16(), 303, "{}", own.text);
    let page = admin
        .get_english("/console/settings?merchant=main")
        .await
        .text;
    assert!(
        page.contains("Go back to the rules of all merchants"),
        "{page}"
    );
    let remove = [("merchant", "main"), ("version", "1")];
    let removed = admin.post("/console/settings/remove", &remove).await;
    assert_eq!(removed.status.as_u16(), 303, "{}", removed.text);
    assert!(world.engine.rules().await.unwrap().is_empty());
}

#[tokio::test]
async fn merchants_are_shown_without_secrets_and_only_those_one_sees() {
    let world = World::new().await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get("/console/merchants").await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    assert!(page.text.contains("1900000109") && page.text.contains("1900000110"));
    assert!(!page.text.contains("TESTONLY"), "a key is shown");
    assert!(page.text.contains("还没有可用于验签"), "{}", page.text);
    let main = Scope::Only(vec!["main".parse().unwrap()]);
    let narrow = Visitor::with(&world, Role::Viewer, main).await;
    assert!(
        !narrow
            .get("/console/merchants")
            .await
            .text
            .contains("1900000110")
    );
    assert_eq!(narrow.get("/console/settings").await.status.as_u16(), 403);
}

#[tokio::test]
async fn the_pages_speak_both_languages() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for path in ["/console/settings", "/console/merchants", "/console/audit"] {
        let english = admin.get_english(path).await.text.replace("简体中文", "");
        let own = |c: &char| ('\u{4e00}'..='\u{9fff}').contains(c);
        let left: String = english.chars().filter(own).collect();
        assert_eq!(left, "", "{path}: Chinese in the English page");
        assert!(admin.get(path).await.text.contains("<html lang=\"zh-CN\""));
    }
}
