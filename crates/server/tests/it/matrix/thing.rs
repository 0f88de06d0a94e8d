//! What the matrix asks about: things of the merchant `main`, and what stands in paths and bodies.

use tuikuan_domain::Role;
use tuikuan_engine::NewKey;
use tuikuan_store::{Change, InboxEntry, Scope};

use crate::visitor::{Visitor, add_user};
use crate::world::{ALL, World, make_key, request};

/// Stands in every name of a thing that belongs to `main`: nobody else may read it.
pub(crate) const MARK: &str = "QX7MARK";

/// Whose a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The merchant `main`'s.
    Main,
    /// Nobody's in particular: everybody who may, gets it.
    Nobody,
    /// Another person's own: nobody else gets it.
    Another,
}

/// A world with things of `main` in it.
pub(crate) struct Place {
    pub(crate) world: World,
    refund: String,
    endpoint: String,
    delivery: String,
    user: String,
    key: String,
    session: String,
    batch: String,
    difference: String,
    day: String,
}

/// What stands for a placeholder, by the pattern up to it. **The place to add a line.**
pub(crate) fn things(place: &Place) -> Vec<(&'static str, String, Whose)> {
    let mut all = things_of_the_interface(place);
    all.extend(things_of_the_console(place));
    all
}

fn things_of_the_interface(place: &Place) -> Vec<(&'static str, String, Whose)> {
    let order = format!("ORDER-{MARK}-1");
    vec![
        ("/v1/refunds/{id}", place.refund.clone(), Whose::Main),
        ("/v1/batches/{id}", place.batch.clone(), Whose::Main),
        ("/v1/payments/{merchant}", "main".to_owned(), Whose::Main),
        ("/v1/payments/{merchant}/{out_trade_no}", order, Whose::Main),
        ("/v1/webhooks/{id}", place.endpoint.clone(), Whose::Main),
        (
            "/v1/webhooks/{id}/deliveries/{delivery}",
            place.delivery.clone(),
            Whose::Main,
        ),
        (
            "/v1/reconciliations/{merchant}",
            "main".to_owned(),
            Whose::Main,
        ),
        (
            "/v1/reconciliations/{merchant}/{date}",
            place.day.clone(),
            Whose::Main,
        ),
        (
            "/v1/differences/{id}",
            place.difference.clone(),
            Whose::Main,
        ),
        ("/notify/{merchant}", "main".to_owned(), Whose::Nobody),
        ("/docs/{*file}", "index.html".to_owned(), Whose::Nobody),
        ("/setup/{token}", "x".repeat(43), Whose::Nobody),
        ("/assets/{file}", "console.css".to_owned(), Whose::Nobody),
    ]
}

fn things_of_the_console(place: &Place) -> Vec<(&'static str, String, Whose)> {
    vec![
        ("/console/batches/{id}", place.batch.clone(), Whose::Main),
        ("/console/refunds/{id}", place.refund.clone(), Whose::Main),
        ("/console/approvals/{id}", place.refund.clone(), Whose::Main),
        (
            "/console/payments/{merchant}",
            "main".to_owned(),
            Whose::Main,
        ),
        // Without the mark: a page that says "not found" links to itself in the other language.
        (
            "/console/payments/{merchant}/{out_trade_no}",
            "ORDER-PLAIN-1".to_owned(),
            Whose::Main,
        ),
        (
            "/console/reconciliation/{merchant}",
            "main".to_owned(),
            Whose::Main,
        ),
        (
            "/console/reconciliation/{merchant}/{date}",
            place.day.clone(),
            Whose::Main,
        ),
        (
            "/console/differences/{id}",
            place.difference.clone(),
            Whose::Main,
        ),
        (
            "/console/account/sessions/{session}",
            place.session.clone(),
            Whose::Another,
        ),
        ("/console/users/{id}", place.user.clone(), Whose::Main),
        (
            "/console/notifications/{number}",
            "1".to_owned(),
            Whose::Main,
        ),
        (
            "/console/webhooks/{id}",
            place.endpoint.clone(),
            Whose::Main,
        ),
        (
            "/console/webhooks/{id}/deliveries/{delivery}",
            place.delivery.clone(),
            Whose::Main,
        ),
        ("/console/keys/{id}", place.key.clone(), Whose::Main),
    ]
}

/// What is sent with a request.
pub(crate) struct Sent {
    pub(crate) json: &'static str,
    pub(crate) form: &'static [(&'static str, &'static str)],
    /// Whose thing the body names.
    pub(crate) whose: Whose,
}

const fn json(json: &'static str, whose: Whose) -> Sent {
    Sent {
        json,
        form: &[],
        whose,
    }
}

const fn form(form: &'static [(&'static str, &'static str)], whose: Whose) -> Sent {
    Sent {
        json: "",
        form,
        whose,
    }
}

/// What is sent to a route, where an empty body would be answered before anything is looked up, or
/// where the body names the merchant. **The place to add a line.**
pub(crate) fn sent(method: &str, path: &str) -> Sent {
    match (method, path) {
        ("POST", "/v1/refunds") => json(
            r#"{"merchant":"main","out_trade_no":"ORDER-QX7MARK-1","amount":1,"out_refund_no":"QX7MARK-2"}"#,
            Whose::Main,
        ),
        ("POST", "/v1/webhooks") => json(
            r#"{"merchant":"main","url":"https://example.com/QX7MARK"}"#,
            Whose::Main,
        ),
        ("PUT", "/v1/payments/{merchant}/{out_trade_no}") => json(r#"{"total":3960}"#, Whose::Main),
        ("POST", "/v1/differences/{id}/resolve") => {
            json(r#"{"note":"agreed by telephone"}"#, Whose::Main)
        }
        ("POST", "/v1/refunds/{id}/resolve") => json(r#"{"note":"paid in cash"}"#, Whose::Main),
        ("POST", "/v1/refunds/{id}/note") => json(r#"{"text":"the buyer called"}"#, Whose::Main),
        ("POST", "/v1/refunds/{id}/abnormal") => json(r#"{"to":"merchant"}"#, Whose::Main),
        ("PATCH", "/v1/webhooks/{id}") => json(r#"{"enabled":false}"#, Whose::Main),
        ("POST", "/console/batches") => form(&[("merchant", "main")], Whose::Main),
        ("POST", "/console/users") => form(
            &[
                ("name", "QX7MARK new"),
                ("role", "viewer"),
                ("merchant", "main"),
            ],
            Whose::Main,
        ),
        ("POST", "/console/settings") => {
            form(&[("merchant", "main"), ("expires", "72")], Whose::Main)
        }
        ("POST", "/console/settings/remove") => {
            form(&[("merchant", "main"), ("version", "1")], Whose::Main)
        }
        ("POST", "/console/users/{id}/role") => {
            form(&[("role", "viewer"), ("merchant", "main")], Whose::Main)
        }
        ("POST", "/console/attention/assign") => form(NOTIFICATION, Whose::Main),
        ("POST", "/console/attention/snooze") => form(NOTIFICATION, Whose::Main),
        ("POST", "/console/attention/settle") => form(NOTIFICATION, Whose::Main),
        ("POST", "/console/notifications/replay") => form(&[("merchant", "main")], Whose::Main),
        ("POST", "/console/webhooks") => form(
            &[("merchant", "main"), ("url", "https://example.com/QX7MARK")],
            Whose::Main,
        ),
        ("POST", "/console/keys") => form(
            &[
                ("name", "QX7MARK new"),
                ("role", "viewer"),
                ("merchant", "main"),
            ],
            Whose::Main,
        ),
        _ => form(&[], Whose::Nobody),
    }
}

/// A notification that nobody could place, with what each act about it wants.
const NOTIFICATION: &[(&str, &str)] = &[
    ("subject", "notification:1"),
    ("version", "0"),
    ("to", ""),
    ("days", "1"),
    ("note", "an old system's"),
];
/// A notification of `main` about a refund we do not know.
async fn keep_notification(world: &World) {
    let now = world.engine.now();
    let entry = InboxEntry {
        dedupe: [7; 32],
        merchant: "main".parse().unwrap(),
        generation: "v2".to_owned(),
        headers: MARK.to_owned(),
        body: MARK.as_bytes().to_vec(),
        refund_id: None,
        told_at: None,
        received_at: now,
        outcome: "unmatched".to_owned(),
    };
    let change = Change {
        inbox: Some(entry),
        ..Change::empty(now)
    };
    world.engine.store().commit(change).await.unwrap();
}

impl Place {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let url = format!("https://example.com/{MARK}");
        let hook = serde_json::json!({ "merchant": "main", "url": url });
        let hook = world.post("/v1/webhooks", &hook).await.json();
        let endpoint = hook["id"].as_str().unwrap().to_owned();
        let refund = world.refund("main", &format!("{MARK}-1")).await;
        world.noted("main", 1, "unmatched").await;
        let file = format!("out_trade_no,amount_fen\nORDER-{MARK}-9,1\n");
        let batch = request("POST", "/v1/batches?merchant=main", ALL)
            .header("content-type", "text/csv")
            .body(file.into())
            .unwrap();
        let batch = world.send(batch).await.json();
        let batch = batch["id"].as_str().unwrap().to_owned();
        world.refund("main", "PLAIN-1").await;
        let list = world
            .get(&format!("/v1/webhooks/{endpoint}/deliveries"))
            .await
            .json();
        let delivery = list["data"][0]["id"].as_str().unwrap().to_owned();
        keep_notification(&world).await;
        let (day, difference) = crate::reconciliation::planted(&world, MARK).await;
        let main = Scope::Only(vec!["main".parse().unwrap()]);
        let user = add_user(&world, &format!("{MARK} li"), Role::Viewer, main.clone()).await;
        let visitor = Visitor::signed_in(&world, &user).await;
        let session = visitor.cookie("tuikuan");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, session.as_bytes());
        let session = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let new = NewKey {
            name: format!("{MARK} till"),
            owner: None,
            role: Role::Viewer,
            scope: main,
            expires_at: None,
        };
        let key = make_key(&world.engine, "tk_of_the_place_0123456789abcdef", new).await;
        Self {
            world,
            refund,
            endpoint,
            delivery,
            user: user.id.to_string(),
            key: key.id.to_string(),
            session,
            batch,
            difference,
            day,
        }
    }

    /// Everything that a request of the matrix could change: of the merchant, and of people.
    pub(crate) async fn state(&self) -> (String, String) {
        let store = self.world.engine.store();
        let refund = self
            .world
            .get(&format!("/v1/refunds/{}", self.refund))
            .await
            .text;
        let refunds = self.world.get("/v1/refunds").await.json()["data"]
            .as_array()
            .unwrap()
            .len();
        let endpoints = self.world.get("/v1/webhooks").await.text;
        let users: Vec<_> = store.users().await.unwrap();
        let users = users
            .iter()
            .map(|user| format!("{} {}", user.id, user.version));
        let keys = store.api_keys().await.unwrap();
        let keys = keys
            .iter()
            .map(|key| format!("{} {:?}", key.id, key.revoked_at));
        let people: Vec<String> = users.chain(keys).collect();
        (
            format!("{refund}\n{refunds}\n{endpoints}"),
            people.join("\n"),
        )
    }
}
