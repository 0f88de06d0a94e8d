//! The page "Audit log": who sees what, the proof, the file.

use serde_json::Value;
use tuikuan_domain::Role;
use tuikuan_store::Scope;

use crate::visitor::{Visitor, add_user};
use crate::world::World;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'";

#[tokio::test]
async fn acts_are_listed_newest_first_and_filtered_and_shown_as_text() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let user = add_user(&world, HOSTILE, Role::Viewer, Scope::All).await;
    let page = admin.get("/console/audit").await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    assert!(page.text.contains("添加用户") && page.text.contains("登录"));
    assert!(!page.text.contains("<img src=x"), "{}", page.text);
    assert!(page.text.contains("&#60;img src=x"));
    let subject = format!("/console/audit?subject={}", user.id);
    let about = admin.get_english(&subject).await.text;
    assert_eq!(
        about
            .matches("<td class=\"num\" data-label=\"No.\">")
            .count(),
        1
    );
    let nothing = admin.get("/console/audit?action=key.revoked").await.text;
    assert!(nothing.contains("暂无内容"));
    for odd in [
        "?before=x",
        "?from=never&to=2026-13-77",
        "?subject=%3Cscript%3E",
    ] {
        let page = admin.get(&format!("/console/audit{odd}")).await;
        assert_eq!(page.status.as_u16(), 200, "{odd}");
        assert!(!page.text.contains("<script>"), "{odd}");
    }
    let nul = admin.get("/console/audit?actor=%00").await;
    assert_eq!(nul.status.as_u16(), 422);
}

#[tokio::test]
async fn the_log_is_paged_by_number() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for n in 0..60 {
        add_user(&world, &format!("person {n}"), Role::Viewer, Scope::All).await;
    }
    let first = admin.get("/console/audit?action=user.created").await.text;
    let next = first.split("class=\"pager\"").nth(1).unwrap();
    let next = next
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let next = next.replace("&amp;", "&").replace("&#38;", "&");
    assert!(next.contains("action=user.created&before="), "{next}");
    let second = admin.get(&next).await.text;
    assert!(
        second.contains("person 0 ") && !second.contains("person 59 "),
        "{second}"
    );
    assert!(!second.contains("class=\"pager\""));
}

#[tokio::test]
async fn the_proof_says_that_the_chain_is_sound_to_who_sees_all_of_it() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let sound = admin.get_english("/console/audit/verify").await;
    assert!(sound.text.contains("The chain is sound"), "{}", sound.text);
    let main = Scope::Only(vec!["main".parse().unwrap()]);
    let narrow = Visitor::with(&world, Role::Admin, main).await;
    assert_eq!(
        narrow.get("/console/audit/verify").await.status.as_u16(),
        403
    );
}

#[tokio::test]
async fn the_file_holds_exactly_the_filter_and_the_export_is_logged() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for n in 0..3 {
        add_user(&world, &format!("person {n}"), Role::Viewer, Scope::All).await;
    }
    let file = admin.get("/console/audit/export?action=user.created").await;
    assert_eq!(file.header("content-type"), "application/x-ndjson");
    assert!(file.header("content-disposition").starts_with("attachment"));
    let mut lines: Vec<Value> = file
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let head = lines.pop().unwrap();
    let newest = world.engine.store().verify_audit(None).await;
    let newest = newest.unwrap().unwrap();
    assert_eq!(
        head["head"]["number"], newest.number,
        "a whole file says so"
    );
    assert_eq!(head["head"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(lines.len(), 4, "{}", file.text);
    assert!(lines.iter().all(|line| line["action"] == "user.created"));
    assert_eq!(lines[0]["detail"]["name"], "person 2");
    assert_eq!(lines[0]["hash"].as_str().unwrap().len(), 64);
    let log = admin.get("/console/audit?action=audit.exported").await.text;
    assert!(log.contains("导出审计日志") && log.contains("user.created"));
}

#[tokio::test]
async fn an_administrator_of_one_merchant_sees_what_is_about_it() {
    let world = World::new().await;
    world.refund("main", "R-1").await;
    add_user(&world, "zhao", Role::Viewer, Scope::All).await;
    let other = Scope::Only(vec!["other".parse().unwrap()]);
    let admin = Visitor::with(&world, Role::Admin, other).await;
    let page = admin.get("/console/audit").await.text;
    assert!(!page.contains("zhao") && !page.contains("R-1"), "{page}");
}
