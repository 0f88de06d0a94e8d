//! Somebody in front of the console: cookies, forms, and ways to be signed in without a password.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Body;
use http::Request;
use tuikuan_domain::{Actor, Role};
use tuikuan_engine::NewUser;
use tuikuan_store::{Scope, SecondFactor, Session, User};

use crate::world::{Answer, World};

/// The token in the forms of a session that a test made.
const CSRF: &str = "csrf_of_a_test";

/// A browser.
pub(crate) struct Visitor<'w> {
    world: &'w World,
    cookies: Mutex<BTreeMap<String, String>>,
    /// What forms carry; empty while nobody is signed in.
    pub(crate) csrf: String,
}

/// A person, added by the command line.
pub(crate) async fn add_user(world: &World, name: &str, role: Role, scope: Scope) -> User {
    let new = NewUser {
        name: name.to_owned(),
        role,
        scope,
        language: None,
        password: None,
    };
    let people = world.engine.people();
    people.create_user(&Actor::Cli, new).await.unwrap()
}

impl<'w> Visitor<'w> {
    /// Nobody is signed in.
    pub(crate) fn stranger(world: &'w World) -> Self {
        Self {
            world,
            cookies: Mutex::default(),
            csrf: String::new(),
        }
    }

    /// Somebody new with a role, for all merchants, signed in.
    pub(crate) async fn of(world: &'w World, role: Role) -> Self {
        Self::with(world, role, Scope::All).await
    }

    /// Somebody new with a role for some merchants, signed in.
    pub(crate) async fn with(world: &'w World, role: Role, scope: Scope) -> Self {
        let count = world.engine.store().users().await.unwrap().len();
        let name = format!("{}-{count}", role.as_str());
        let user = add_user(world, &name, role, scope).await;
        Self::signed_in(world, &user).await
    }

    /// Somebody who exists, signed in with a second factor.
    pub(crate) async fn signed_in(world: &'w World, user: &User) -> Self {
        let sessions = world.engine.store().sessions_of(&user.id).await.unwrap();
        let token = format!("{:_>43}", format!("{}{}", user.id, sessions.len()));
        let token = token[token.len() - 43..].to_owned();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let now = world.engine.now();
        let session = Session {
            hash: hash.as_ref().try_into().unwrap(),
            user: user.id.clone(),
            created_at: now,
            seen_at: now,
            expires_at: tuikuan_domain::after(now, jiff::SignedDuration::from_hours(1)),
            second_factor: SecondFactor::Passed,
            csrf: CSRF.to_owned(),
            address: "192.0.2.1".to_owned(),
            agent: "test".to_owned(),
        };
        world.engine.people().open_session(session).await.unwrap();
        let visitor = Self::stranger(world);
        visitor.set("tuikuan", &token);
        Self {
            csrf: CSRF.to_owned(),
            ..visitor
        }
    }

    /// Sets a cookie.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().unwrap();
        cookies.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a cookie; empty without one.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.get(name).cloned().unwrap_or_default()
    }

    /// Looks at a page.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::builder().method("GET").uri(path);
        self.send(request, Body::empty()).await
    }

    /// Looks at a page in English.
    pub(crate) async fn get_english(&self, path: &str) -> Answer {
        let request = Request::builder().method("GET").uri(path);
        self.send(request.header("accept-language", "en"), Body::empty())
            .await
    }

    /// Sends a form of ours, with its token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_raw(path, &all).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post_raw(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.send(request, Body::from(form(fields))).await
    }

    /// Sends anything, with the cookies of this browser, and keeps those of the answer.
    pub(crate) async fn send(&self, request: http::request::Builder, body: Body) -> Answer {
        let line = {
            let cookies = self.cookies.lock().unwrap();
            let pairs: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.join("; ")
        };
        let request = request.header("cookie", line).body(body).unwrap();
        let answer = self.world.send(request).await;
        for value in answer.headers.get_all("set-cookie") {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.set(name, value);
        }
        answer
    }
}

/// The body of a form.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}
