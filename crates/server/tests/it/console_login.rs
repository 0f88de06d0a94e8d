//! Passwords, second factors, sessions: who comes in, and for how long.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use totp_rs::{Algorithm, Builder, Secret};
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::NewUser;
use tuikuan_server::{Scheme, Settings};
use tuikuan_store::{Purpose, Scope, SecondFactor, Session, User};

use crate::visitor::{Visitor, add_user};
use crate::world::{Answer, World};

const PASSWORD: &str = "correct horse";

/// The code of a secret, some steps from now.
fn code(secret: &str, steps: i64) -> String {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .with_account_name("x".to_owned())
        .with_issuer(Some("x"))
        .build_noncompliant();
    let second = Timestamp::now().as_second() + steps * 30;
    totp.generate(u64::try_from(second).unwrap()).to_string()
}

/// The secret a page of enrolment shows.
fn offered(page: &Answer) -> String {
    let after = page.text.split("class=\"secret\"").nth(1).unwrap();
    let shown = after.split_once('>').unwrap().1.split('<').next().unwrap();
    shown.replace(' ', "")
}

async fn with_password(world: &World, name: &str, role: Role) -> User {
    let hash = tuikuan_server::password_hash(&SecretString::from(PASSWORD)).unwrap();
    let new = NewUser {
        name: name.to_owned(),
        role,
        scope: Scope::All,
        language: None,
        password: Some(hash),
    };
    world
        .engine
        .people()
        .create_user(&Actor::Cli, new)
        .await
        .unwrap()
}

async fn sign_in(visitor: &Visitor<'_>, name: &str, password: &str) -> Answer {
    let fields = [
        ("name", name),
        ("password", password),
        ("next", "/console/account"),
    ];
    visitor.post_raw("/login", &fields).await
}

/// The names of entries in the audit log.
async fn log(world: &World) -> Vec<String> {
    let entries = world.engine.store().audit_after(0, 1000).await.unwrap();
    entries
        .into_iter()
        .map(|found| found.entry.action)
        .collect()
}

#[tokio::test]
async fn an_approver_sets_up_a_second_factor_and_each_code_is_good_once() {
    let world = World::new().await;
    with_password(&world, "li", Role::Approver).await;
    let visitor = Visitor::stranger(&world);
    let answer = sign_in(&visitor, "LI ", PASSWORD).await;
    assert_eq!(
        answer.header("location"),
        "/login/enrol?next=/console/account"
    );
    assert_eq!(
        visitor.get("/console/account").await.status.as_u16(),
        303,
        "not yet"
    );
    let secret = offered(&visitor.get("/login/enrol").await);
    let wrong = visitor
        .post_raw("/login/enrol", &[("code", "000000")])
        .await;
    assert_eq!(wrong.status.as_u16(), 422);
    let first = code(&secret, 0);
    let pending = visitor.cookie("tuikuan");
    let fields = [("code", first.as_str()), ("next", "/console/account")];
    let answer = visitor.post_raw("/login/enrol", &fields).await;
    assert_eq!(
        answer.header("location"),
        "/console/account",
        "{}",
        answer.text
    );
    assert_ne!(
        visitor.cookie("tuikuan"),
        pending,
        "another session than before"
    );
    assert_eq!(visitor.get("/console/account").await.status.as_u16(), 200);

    let again = Visitor::stranger(&world);
    let answer = sign_in(&again, "li", PASSWORD).await;
    assert_eq!(
        answer.header("location"),
        "/login/code?next=/console/account"
    );
    let used = again
        .post_raw("/login/code", &[("code", first.as_str())])
        .await;
    assert_eq!(used.status.as_u16(), 422, "a code is good once");
    let next = code(&secret, 1);
    let answer = again
        .post_raw("/login/code", &[("code", next.as_str())])
        .await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    let log = log(&world).await;
    for action in [
        "user.password_accepted",
        "user.second_factor_set",
        "user.signed_in",
        "user.sign_in_failed",
    ] {
        assert!(log.iter().any(|found| found == action), "{action}: {log:?}");
    }
}

#[tokio::test]
async fn after_five_wrong_codes_the_password_is_asked_for_again() {
    let world = World::new().await;
    with_password(&world, "li", Role::Approver).await;
    let owner = Visitor::stranger(&world);
    sign_in(&owner, "li", PASSWORD).await;
    let secret = offered(&owner.get("/login/enrol").await);
    let first = code(&secret, 0);
    let enrolled = owner.post_raw("/login/enrol", &[("code", &first)]).await;
    assert_eq!(enrolled.status.as_u16(), 303, "{}", enrolled.text);
    let stranger = Visitor::stranger(&world);
    let mut held_up = false;
    for _round in 0..6 {
        sign_in(&stranger, "li", PASSWORD).await;
        let pending = stranger.cookie("tuikuan");
        for _ in 0..5 {
            let wrong = stranger
                .post_raw("/login/code", &[("code", "abcdef")])
                .await;
            held_up |= wrong.status.as_u16() == 429;
        }
        if held_up {
            break;
        }
        stranger.set("tuikuan", &pending);
        let right = code(&secret, 1);
        let late = stranger.post_raw("/login/code", &[("code", &right)]).await;
        assert_eq!(late.header("location"), "/login", "the session has ended");
    }
    assert!(held_up, "and not without end");
    owner.set("tuikuan", "");
    sign_in(&owner, "li", PASSWORD).await;
    let right = code(&secret, 1);
    let answer = owner.post_raw("/login/code", &[("code", &right)]).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let world = World::new().await;
    with_password(&world, "li", Role::Viewer).await;
    let disabled = with_password(&world, "wang", Role::Viewer).await;
    let away = User {
        disabled_at: Some(world.engine.now()),
        ..disabled
    };
    world
        .engine
        .people()
        .update_user(&Actor::Cli, away, "user.disabled")
        .await
        .unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("li", "wrong horse"),
        ("no", "wrong horse"),
        ("wang", PASSWORD),
    ] {
        let answer = sign_in(&Visitor::stranger(&world), name, password).await;
        assert_eq!(answer.status.as_u16(), 422, "{name}");
        answers.push(answer.text.replace(&format!("value=\"{name}\""), ""));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(
        log(&world)
            .await
            .iter()
            .filter(|a| *a == "user.sign_in_failed")
            .count(),
        3
    );
    let viewer = Visitor::stranger(&world);
    let answer = sign_in(&viewer, "li", PASSWORD).await;
    assert_eq!(
        answer.header("location"),
        "/console/account",
        "no second factor for who looks"
    );
}

#[tokio::test]
async fn a_stranger_who_tries_too_often_does_not_lock_a_known_browser_out() {
    let world = World::new().await;
    with_password(&world, "li", Role::Viewer).await;
    let owner = Visitor::stranger(&world);
    sign_in(&owner, "li", PASSWORD).await;
    let stranger = Visitor::stranger(&world);
    let mut refused = 0;
    for _ in 0..16 {
        let answer = sign_in(&stranger, "li", "wrong horse").await;
        refused += usize::from(answer.status.as_u16() == 429);
    }
    assert!(refused >= 1, "the stranger is held up");
    owner.set("tuikuan", "");
    let answer = sign_in(&owner, "li", PASSWORD).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
}

#[tokio::test]
async fn a_session_ends_with_its_time_its_rest_and_its_person() {
    let world = World::new().await;
    let user = add_user(&world, "li", Role::Viewer, Scope::All).await;
    let now = world.engine.now();
    let before = |hours: i64| tuikuan_domain::after(now, SignedDuration::from_hours(-hours));
    for (n, seen, end, status) in [
        (
            1_u8,
            now,
            tuikuan_domain::after(now, SignedDuration::from_hours(1)),
            200,
        ),
        (
            2,
            before(13),
            tuikuan_domain::after(now, SignedDuration::from_hours(1)),
            303,
        ),
        (3, before(1), before(1), 303),
    ] {
        let token = n.to_string().repeat(43);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let session = Session {
            hash: hash.as_ref().try_into().unwrap(),
            user: user.id.clone(),
            created_at: before(14),
            seen_at: seen,
            expires_at: end,
            second_factor: SecondFactor::Passed,
            csrf: "x".to_owned(),
            address: "192.0.2.1".to_owned(),
            agent: "test".to_owned(),
        };
        world.engine.people().open_session(session).await.unwrap();
        let visitor = Visitor::stranger(&world);
        visitor.set("tuikuan", &token);
        assert_eq!(
            visitor.get("/console/account").await.status.as_u16(),
            status,
            "{n}"
        );
    }
    let visitor = Visitor::signed_in(&world, &user).await;
    let away = User {
        disabled_at: Some(now),
        ..user
    };
    world
        .engine
        .people()
        .update_user(&Actor::Cli, away, "user.disabled")
        .await
        .unwrap();
    assert_eq!(visitor.get("/console/account").await.status.as_u16(), 303);
}

#[tokio::test]
async fn who_becomes_an_approver_signs_in_again_with_a_second_factor() {
    let world = World::new().await;
    let user = with_password(&world, "li", Role::Viewer).await;
    let visitor = Visitor::stranger(&world);
    sign_in(&visitor, "li", PASSWORD).await;
    assert_eq!(visitor.get("/console/account").await.status.as_u16(), 200);
    let raised = User {
        role: Role::Approver,
        ..user
    };
    world
        .engine
        .people()
        .update_user(&Actor::Cli, raised, "user.role_changed")
        .await
        .unwrap();
    assert_eq!(visitor.get("/console/account").await.status.as_u16(), 303);
    let answer = sign_in(&visitor, "li", PASSWORD).await;
    assert!(answer.header("location").starts_with("/login/enrol"));
}

#[tokio::test]
async fn roles_are_read_for_each_request_and_nobody_raises_their_own() {
    let world = World::new().await;
    Visitor::of(&world, Role::Admin).await;
    let user = with_password(&world, "wang", Role::Admin).await;
    let visitor = Visitor::signed_in(&world, &user).await;
    assert_eq!(visitor.get("/console/users").await.status.as_u16(), 200);
    let own = format!("/console/users/{}/role", user.id);
    let answer = visitor.post(&own, &[("role", "admin"), ("all", "1")]).await;
    assert_eq!(answer.status.as_u16(), 403);
    let by = Actor::Person(user.id.clone());
    let lowered = User {
        role: Role::Viewer,
        ..user.clone()
    };
    let refused = world
        .engine
        .people()
        .update_user(&by, lowered.clone(), "x")
        .await;
    assert!(
        matches!(refused, Err(tuikuan_engine::EngineError::NotAllowed)),
        "{refused:?}"
    );
    let spare = with_password(&world, "spare", Role::Admin).await;
    world
        .engine
        .people()
        .update_user(&Actor::Cli, lowered, "user.role_changed")
        .await
        .unwrap();
    assert_eq!(visitor.get("/console/users").await.status.as_u16(), 403);
    let last = User {
        role: Role::Viewer,
        ..spare
    };
    let refused = world
        .engine
        .people()
        .update_user(&Actor::Cli, last, "x")
        .await;
    assert!(
        matches!(refused, Err(tuikuan_engine::EngineError::LastAdmin)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_over_https() {
    let world = World::with(Settings {
        scheme: Scheme::Https,
        ..Settings::default()
    })
    .await;
    with_password(&world, "li", Role::Viewer).await;
    let answer = sign_in(&Visitor::stranger(&world), "li", PASSWORD).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        let cookie = cookie.to_str().unwrap();
        for part in [
            "__Host-",
            "; HttpOnly",
            "; Secure",
            "; SameSite=Lax",
            "; Path=/",
        ] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }
}

#[tokio::test]
async fn another_password_ends_every_other_session_and_old_links() {
    let world = World::new().await;
    let user = with_password(&world, "li", Role::Viewer).await;
    let (here, there) = (
        Visitor::signed_in(&world, &user).await,
        Visitor::signed_in(&world, &user).await,
    );
    let wrong = [
        ("present", "wrong horse"),
        ("password", "another horse"),
        ("again", "another horse"),
    ];
    assert_eq!(
        here.post("/console/account/password", &wrong)
            .await
            .status
            .as_u16(),
        422
    );
    let right = [("present", PASSWORD), wrong[1], wrong[2]];
    let answer = here.post("/console/account/password", &right).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
    assert_eq!(here.get("/console/account").await.status.as_u16(), 200);
    assert_eq!(there.get("/console/account").await.status.as_u16(), 303);
    let people = world.engine.people();
    let token = people
        .invite(&Actor::Cli, Some(&user.id), Purpose::Reset)
        .await
        .unwrap();
    let link = tuikuan_server::link("", &token);
    let fields = [("password", "third horse"), ("again", "third horse")];
    let stranger = Visitor::stranger(&world);
    assert_eq!(stranger.post_raw(&link, &fields).await.status.as_u16(), 303);
    assert_eq!(
        stranger.post_raw(&link, &fields).await.status.as_u16(),
        404,
        "used once"
    );
    assert_eq!(here.get("/console/account").await.status.as_u16(), 303);
}
