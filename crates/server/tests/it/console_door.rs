//! Coming in to the console, and what every page and form asks first (INV-34).

use axum::body::Body;
use http::Request;
use tuikuan_domain::{Actor, Role};
use tuikuan_store::Purpose;

use crate::visitor::{Visitor, form};
use crate::world::World;

async fn set_up_link(world: &World) -> String {
    let people = world.engine.people();
    let token = people
        .invite(&Actor::Engine, None, Purpose::SetUp)
        .await
        .unwrap();
    tuikuan_server::link("", &token)
}

#[tokio::test]
async fn the_first_link_makes_the_first_administrator_and_no_other() {
    let world = World::new().await;
    let (older, link) = (set_up_link(&world).await, set_up_link(&world).await);
    let visitor = Visitor::stranger(&world);
    assert_eq!(
        visitor.get(&older).await.status.as_u16(),
        404,
        "a newer one was made"
    );
    let page = visitor.get(&link).await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.text.contains("创建第一个管理员"), "{}", page.text);
    let fields = [
        ("name", "wang"),
        ("password", "correct horse"),
        ("again", "correct horse"),
    ];
    let answer = visitor.post(&link, &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let enrol = "/login/enrol?next=/console";
    assert_eq!(
        answer.header("location"),
        enrol,
        "a second factor is demanded"
    );
    assert_eq!(visitor.get(enrol).await.status.as_u16(), 200);
    let kept_out = visitor.get("/console/account").await;
    assert!(kept_out.header("location").starts_with("/login?next="));
    assert_eq!(
        Visitor::stranger(&world)
            .post(&link, &fields)
            .await
            .status
            .as_u16(),
        404
    );
}

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_back_and_a_form_does_not() {
    let world = World::new().await;
    let visitor = Visitor::stranger(&world);
    let page = visitor.get("/console/account?a=1").await;
    assert_eq!(page.status.as_u16(), 303);
    assert_eq!(
        page.header("location"),
        "/login?next=/console/account%3Fa%3D1"
    );
    let act = visitor
        .post("/console/account/language", &[("language", "en")])
        .await;
    assert_eq!(act.status.as_u16(), 401);
}

#[tokio::test]
async fn a_form_needs_its_token_and_its_origin() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Viewer).await;
    let path = "/console/account/language";
    let fields = [("language", "en")];
    for csrf in ["", "wrong"] {
        let answer = visitor.post_raw(path, &[("csrf", csrf), fields[0]]).await;
        assert_eq!(answer.status.as_u16(), 403, "{csrf}");
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header(name, value);
        let body = form(&[("csrf", &visitor.csrf), fields[0]]);
        let answer = visitor.send(request, Body::from(body)).await;
        assert_eq!(answer.status.as_u16(), 403, "{name}");
    }
    let answer = visitor.post(path, &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    assert!(
        visitor
            .get("/console/account")
            .await
            .text
            .contains("My account")
    );
}

#[tokio::test]
async fn roles_hold_what_they_say() {
    let world = World::new().await;
    let viewer = Visitor::of(&world, Role::Viewer).await;
    let page = viewer.get("/console/users").await;
    assert_eq!(page.status.as_u16(), 403);
    assert!(page.text.contains("没有权限"));
    let admin = Visitor::of(&world, Role::Admin).await;
    assert_eq!(admin.get("/console/users").await.status.as_u16(), 200);
}

#[tokio::test]
async fn pages_carry_the_headers_of_safety_and_nothing_inline() {
    let world = World::new().await;
    let admin = Visitor::of(&world, Role::Admin).await;
    for path in [
        "/login",
        "/console/account",
        "/console/users",
        "/console/nowhere",
    ] {
        let page = admin.get(path).await;
        let csp = page.header("content-security-policy").to_owned();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(
                csp.contains(part) || path.ends_with("nowhere"),
                "{path}: {csp}"
            );
        }
        assert!(!csp.contains("unsafe"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        for inline in ["<style", "style=\"", "onclick=", "javascript:"] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
    }
    let page = admin.get("/console/account").await.text;
    let style = page
        .split("href=\"/assets/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let style = admin.get(&format!("/assets/{style}")).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let world = World::new().await;
    let visitor = Visitor::of(&world, Role::Viewer).await;
    let token = visitor.cookie("tuikuan");
    let answer = visitor.post("/logout", &[]).await;
    assert_eq!(answer.header("location"), "/login");
    visitor.set("tuikuan", &token);
    assert_eq!(visitor.get("/console/account").await.status.as_u16(), 303);
}
