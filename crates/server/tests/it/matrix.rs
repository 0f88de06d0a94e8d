//! Every route of the table of policies, with every way to come, every role, and merchants that are
//! covered and that are not (INV-34). What is expected follows from the table and from the few lines
//! below alone; each cell is a request to the real router.
//!
//! **A new route** needs no line here as long as it has no placeholder of a new kind. A new kind of
//! placeholder is one line in [`things`]; a body without which nothing can be answered is one line in
//! [`sent`]. A route that the matrix cannot fill fails the test and says which line is missing.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tuikuan_domain::Role;
use tuikuan_server::{Permission, Policy, Row, policies};

use crate::matrix::caller::{Caller, Covers, Pass, Way};
use crate::matrix::thing::{MARK, Place, Whose, sent, things};
use crate::visitor::form;

mod caller;
mod thing;

/// Worlds at once: most of their time goes to the disk.
const AT_ONCE: usize = 8;

/// What an answer says about who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Nobody is asked who they are.
    Answered,
    /// A page leads to the sign-in.
    ToSignIn,
    /// Something that proves who one is, is missing.
    Unauthorized,
    /// The role does not reach so far.
    Forbidden,
    /// It looks as if it did not exist.
    Absent,
    /// Whoever asks may.
    Admitted,
}

/// Which role holds what; written down once more, apart from the code.
fn holds(caller: &Caller, permission: Permission) -> bool {
    let Some(role) = caller.role else {
        return false;
    };
    match permission {
        Permission::View => true,
        Permission::Operate => [Role::Operator, Role::Approver, Role::Admin].contains(&role),
        Permission::Approve => {
            [Role::Approver, Role::Admin].contains(&role) && caller.way != Way::LooseKey
        }
        Permission::Administer => role == Role::Admin,
        Permission::Govern => role == Role::Admin && caller.covers == Covers::All,
    }
}

/// What must come of a request about something.
fn expected(row: &Row, caller: &Caller, whose: Whose) -> Class {
    let key = matches!(caller.way, Way::Key | Way::LooseKey);
    let (comes_right, permission) = match row.policy {
        Policy::Open | Policy::Notification | Policy::Entry => return Class::Answered,
        Policy::Metrics if key && caller.covers != Covers::All => return Class::Forbidden,
        Policy::Metrics => (key, Permission::View),
        Policy::Key(permission) => (key, permission),
        Policy::Console(permission) => (caller.way == Way::Session, permission),
    };
    let page = matches!(row.policy, Policy::Console(_)) && row.method == "GET";
    match (comes_right, page) {
        (false, true) => Class::ToSignIn,
        (false, false) => Class::Unauthorized,
        (true, _) if !holds(caller, permission) => Class::Forbidden,
        (true, _) => match whose {
            Whose::Main if caller.covers == Covers::Other => Class::Absent,
            Whose::Another => Class::Absent,
            Whose::Main | Whose::Nobody => Class::Admitted,
        },
    }
}

/// What an answer was.
struct Seen {
    status: u16,
    location: String,
    text: String,
}

impl Seen {
    fn is(&self, class: Class) -> bool {
        let to_sign_in = self.status == 303 && self.location.starts_with("/login?next=");
        match class {
            Class::Answered => {
                ![401, 403].contains(&self.status) && !to_sign_in && self.status < 500
            }
            Class::ToSignIn => to_sign_in,
            Class::Unauthorized => self.status == 401,
            Class::Forbidden => self.status == 403,
            Class::Absent => self.status == 404,
            Class::Admitted => {
                ![401, 403, 404].contains(&self.status) && !to_sign_in && self.status < 500
            }
        }
    }
}

/// The path of a route with its placeholders filled, and whose thing it is about.
fn filled(row: &Row, place: &Place) -> (String, Whose) {
    let (mut path, mut pattern, mut whose) = (String::new(), String::new(), Whose::Nobody);
    for part in row.path.split_inclusive('}') {
        let (before, placeholder) = part.split_once('{').map_or((part, None), |(before, name)| {
            (before, Some(format!("{{{name}")))
        });
        path.push_str(before);
        pattern.push_str(before);
        let Some(placeholder) = placeholder else {
            continue;
        };
        pattern.push_str(&placeholder);
        let thing = things(place).into_iter().find(|thing| thing.0 == pattern);
        let Some((_, value, of)) = thing else {
            panic!("the matrix cannot fill {pattern}: add a line for it to `things`");
        };
        path.push_str(&value);
        if of != Whose::Nobody {
            whose = of;
        }
    }
    (path, whose)
}

async fn ask(row: &Row, place: &Place, pass: &Pass) -> Seen {
    let (path, _) = filled(row, place);
    let mut request = Request::builder().method(row.method).uri(path);
    if let Some(cookie) = &pass.cookie {
        request = request.header("cookie", cookie);
    }
    if let Some(key) = &pass.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let body = sent(row.method, row.path);
    let body = match (row.policy, row.method) {
        (_, "GET") => Body::empty(),
        (Policy::Console(_) | Policy::Entry, _) => {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            let mut fields = vec![("csrf", pass.csrf.as_str())];
            fields.extend_from_slice(body.form);
            Body::from(form(&fields))
        }
        _ => {
            request = request.header("content-type", "application/json");
            Body::from(body.json)
        }
    };
    let router = place.world.router.clone();
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let text = |name| {
        let value = head.headers.get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    // A stream has no end: what it says first is enough.
    let endless = text(header::CONTENT_TYPE).starts_with("text/event-stream");
    let bytes = if endless {
        Default::default()
    } else {
        body.collect().await.unwrap().to_bytes()
    };
    Seen {
        status: head.status.as_u16(),
        location: text(header::LOCATION),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Asks one cell and says what is wrong about the answer.
async fn cell(row: &Row, caller: &Caller, (place, pass): (&Place, &Pass)) -> Option<String> {
    let class = expected(row, caller, whose(row, place));
    let seen = ask(row, place, pass).await;
    // What stands in the address, whoever asks knows.
    let text = seen.text.replace(&filled(row, place).0, "");
    let told = caller.covers == Covers::Other && text.contains(MARK);
    if seen.is(class) && !told {
        return None;
    }
    let (method, path, status) = (row.method, row.path, seen.status);
    let told = if told {
        ", and tells of another's merchant"
    } else {
        ""
    };
    Some(format!(
        "{method} {path} as {caller:?}: expected {class:?}, got {status}{told}"
    ))
}

/// Whose thing a request is about, by its path or by its body.
fn whose(row: &Row, place: &Place) -> Whose {
    match filled(row, place).1 {
        Whose::Nobody => sent(row.method, row.path).whose,
        whose => whose,
    }
}

#[expect(clippy::print_stdout, reason = "the size belongs to the result")]
#[tokio::test]
async fn every_route_asks_everybody_what_its_policy_says() {
    let place = Place::new().await;
    let before = place.state().await;
    let callers = Caller::all();
    let mut passes = Vec::new();
    for caller in &callers {
        passes.push(caller.enter(&place.world).await);
    }
    let after_entering = place.state().await;
    let (mut cells, mut wrong) = (BTreeMap::<Class, usize>::new(), Vec::new());
    let mut changing = Vec::new();
    for row in policies() {
        for (caller, pass) in callers.iter().zip(&passes) {
            let class = expected(row, caller, whose(row, &place));
            *cells.entry(class).or_default() += 1;
            if class == Class::Admitted && row.method != "GET" {
                changing.push((row, *caller));
                continue;
            }
            wrong.extend(cell(row, caller, (&place, pass)).await);
        }
    }
    assert_eq!(
        place.state().await.0,
        before.0,
        "who was refused has changed something"
    );
    assert_eq!(
        place.state().await.1,
        after_entering.1,
        "who was refused has changed somebody"
    );
    for some in changing.chunks(AT_ONCE) {
        // Each in a world of its own, since it changes something.
        let mut tasks = JoinSet::new();
        for (row, caller) in some.iter().copied() {
            tasks.spawn(async move {
                let place = Place::new().await;
                let pass = caller.enter(&place.world).await;
                cell(row, &caller, (&place, &pass)).await
            });
        }
        wrong.extend(tasks.join_all().await.into_iter().flatten());
    }
    let (routes, all) = (policies().count(), cells.values().sum::<usize>());
    println!(
        "{all} cells ({routes} routes, {} callers): {cells:?}",
        callers.len()
    );
    assert_eq!(cells.len(), 6, "every class of answer occurs");
    assert!(
        wrong.is_empty(),
        "{} of {all} cells are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[expect(clippy::print_stderr, reason = "the size belongs to the result")]
#[tokio::test]
async fn a_method_that_is_not_in_the_table_is_refused_to_everybody() {
    let place = Place::new().await;
    let admin = Caller {
        way: Way::Session,
        role: Some(Role::Admin),
        covers: Covers::All,
    };
    let pass = admin.enter(&place.world).await;
    let mut cells = 0;
    for row in policies() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if policies().any(|known| known.path == row.path && known.method == method) {
                continue;
            }
            cells += 1;
            let odd = Row { method, ..*row };
            let seen = ask(&odd, &place, &pass).await;
            assert_eq!(seen.status, 405, "{method} {}", row.path);
        }
    }
    eprintln!("{cells} cells with a method that is not in the table");
}
