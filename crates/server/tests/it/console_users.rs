//! The pages "My account" and "Users and keys".

use tuikuan_domain::Role;
use tuikuan_store::Scope;

use crate::visitor::{Visitor, add_user};
use crate::world::World;

const HOSTILE: &str = "<script>alert(1)</script>\"'&";

#[tokio::test]
async fn hostile_names_are_shown_as_text() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let user = add_user(&world, HOSTILE, Role::Viewer, Scope::All).await;
    let fields = [
        ("name", HOSTILE),
        ("role", "viewer"),
        ("all", "1"),
        ("owner", user.id.as_str()),
    ];
    let made = admin.post("/console/keys", &fields).await;
    assert_eq!(made.status.as_u16(), 200, "{}", made.text);
    let own = Visitor::signed_in(&world, &user).await;
    let pages = [
        made,
        admin.get("/console/users").await,
        own.get("/console/account").await,
    ];
    for page in pages {
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(
            page.text.contains("&#60;script&#62;alert(1)"),
            "{}",
            page.text
        );
    }
}

#[tokio::test]
async fn the_page_speaks_both_languages() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for path in ["/console/users", "/console/account"] {
        let (chinese, english) = (
            admin.get(path).await.text,
            admin.get_english(path).await.text,
        );
        assert!(chinese.contains("<html lang=\"zh-CN\""));
        assert!(english.contains("<html lang=\"en\""));
        let own = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        let left: String = english
            .replace("简体中文", "")
            .chars()
            .filter(|c| own(*c))
            .collect();
        assert_eq!(left, "", "{path}: Chinese in the English page");
    }
}

#[tokio::test]
async fn a_person_is_added_with_a_link_that_is_shown_once() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let fields = [("name", "li"), ("role", "operator"), ("merchant", "main")];
    let made = admin.post("/console/users", &fields).await;
    let link = made
        .text
        .split("/setup/")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    assert_eq!(link.len(), 43, "{}", made.text);
    assert!(!admin.get("/console/users").await.text.contains(link));
    let user = world
        .engine
        .store()
        .user_by_name("li")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.scope, Scope::Only(vec!["main".parse().unwrap()]));
    for bad in [
        [("name", "li"), ("role", "viewer"), ("all", "1")],
        [("name", ""), ("role", "viewer"), ("all", "1")],
        [("name", "wang"), ("role", "viewer"), ("none", "1")],
    ] {
        let answer = admin.post("/console/users", &bad).await;
        assert_eq!(answer.status.as_u16(), 422, "{bad:?}");
        assert!(answer.text.contains("role=\"alert\""));
    }
}

#[tokio::test]
async fn an_administrator_of_one_merchant_gives_nothing_beyond_it() {
    let world = World::new().await;
    let main = Scope::Only(vec!["main".parse().unwrap()]);
    let admin = Visitor::with(&world, Role::Admin, main).await;
    for scope in [("all", "1"), ("merchant", "other")] {
        let fields = [("name", "li"), ("role", "viewer"), scope];
        assert_eq!(
            admin.post("/console/users", &fields).await.status.as_u16(),
            404
        );
        assert_eq!(
            admin.post("/console/keys", &fields).await.status.as_u16(),
            404
        );
    }
    let wide = add_user(&world, "zhao-of-all", Role::Viewer, Scope::All).await;
    let disable = format!("/console/users/{}/disable", wide.id);
    assert_eq!(admin.post(&disable, &[]).await.status.as_u16(), 404);
    assert!(
        !admin
            .get("/console/users")
            .await
            .text
            .contains("zhao-of-all")
    );
}

#[tokio::test]
async fn the_last_administrator_is_told_why_nothing_happens() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    let hash =
        tuikuan_server::password_hash(&secrecy::SecretString::from("correct horse")).unwrap();
    let new = tuikuan_engine::NewUser {
        name: "last".to_owned(),
        role: Role::Admin,
        scope: Scope::All,
        language: None,
        password: Some(hash),
    };
    let people = world.engine.people();
    let last = people
        .create_user(&tuikuan_domain::Actor::Cli, new)
        .await
        .unwrap();
    let answer = admin
        .post(&format!("/console/users/{}/disable", last.id), &[])
        .await;
    assert_eq!(answer.status.as_u16(), 303);
    assert!(
        admin
            .get_english("/console/users")
            .await
            .text
            .contains("last active administrator")
    );
}
