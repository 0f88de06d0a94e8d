//! `user` and `key`: people and keys from the machine itself.

use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{Said, say, tuikuan};

/// A configuration with a store and nothing else.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("t.db");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:8080\"\n[store]\nurl = \"sqlite:{}\"\n",
            store.display()
        );
        std::fs::write(folder.path().join("t.toml"), text).unwrap();
        Self(folder)
    }

    fn say(&self, args: &[&str]) -> Said {
        self.say_with(args, "")
    }

    fn say_with(&self, args: &[&str], stdin: &str) -> Said {
        let config = self.0.path().join("t.toml");
        let mut command = tuikuan();
        command.args(args).arg("--config").arg(config);
        say(command.write_stdin(stdin))
    }

    fn users(&self) -> Vec<Value> {
        let said = self.say(&["user", "list", "--json"]);
        said.json()["data"].as_array().unwrap().clone()
    }
}

#[test]
fn a_new_person_gets_a_link_and_no_password() {
    let shop = Shop::new();
    let said = shop.say(&["user", "add", "王芳", "--role", "operator"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.starts_with("http://127.0.0.1:8080/setup/"),
        "{}",
        said.out
    );
    let users = shop.users();
    assert_eq!(users[0]["name"], "王芳");
    assert_eq!(users[0]["state"], "invited");
    let again = shop.say(&["user", "add", "王芳", "--role", "viewer"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("already"), "{}", again.err);
}

#[test]
fn a_password_comes_from_stdin_and_is_checked() {
    let shop = Shop::new();
    let add = ["user", "add", "li", "--role", "admin", "--password"];
    let weak = shop.say_with(&add, "short\n");
    assert_eq!(weak.code, 1, "{}", weak.out);
    assert!(shop.users().is_empty());
    let said = shop.say_with(&add, "correct horse\n");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(!said.out.contains("correct"), "{}", said.out);
    assert_eq!(shop.users()[0]["state"], "active");
    let said = shop.say_with(&["user", "passwd", "LI"], "another horse\n");
    assert_eq!(said.code, 0, "{}", said.err);
    let link = shop
        .say(&["user", "passwd", "li", "--link", "--json"])
        .json();
    assert!(link["link"].as_str().unwrap().contains("/setup/"), "{link}");
}

#[test]
fn the_last_administrator_stays() {
    let shop = Shop::new();
    let add = ["user", "add", "li", "--role", "admin", "--password"];
    shop.say_with(&add, "correct horse\n");
    for args in [
        &["user", "disable", "li"][..],
        &["user", "role", "li", "viewer"],
    ] {
        let said = shop.say(args);
        assert_eq!(said.code, 1, "{args:?}");
        assert!(
            said.err.contains("last active administrator"),
            "{}",
            said.err
        );
    }
    let add = ["user", "add", "wang", "--role", "admin", "--password"];
    shop.say_with(&add, "correct horse\n");
    assert_eq!(shop.say(&["user", "disable", "li"]).code, 0);
    assert_eq!(shop.say(&["user", "enable", "li"]).code, 0);
    assert_eq!(shop.say(&["user", "role", "wang", "viewer"]).code, 0);
}

#[test]
fn a_key_has_an_owner_a_role_and_an_end() {
    let shop = Shop::new();
    shop.say(&["user", "add", "li", "--role", "operator"]);
    let create = ["key", "create", "--name", "till", "--owner", "li", "--json"];
    let high = shop.say(&[&create[..], &["--role", "admin"]].concat());
    assert_eq!(high.code, 1, "{}", high.out);
    let made = shop.say(&[&create[..], &["--expires", "2099-12-31"]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.json()["key"].as_str().unwrap().starts_with("tk_"));
    let listed = shop.say(&["key", "list", "--json"]).json();
    let key = &listed["data"][0];
    assert_eq!(
        (&key["owner"], &key["role"]),
        (&"li".into(), &"operator".into())
    );
    assert_eq!(key["expires_at"], "2099-12-31T16:00:00Z");
    let nobody = shop.say(&["key", "create", "--name", "x", "--owner", "nobody"]);
    assert!(
        nobody.err.contains("nobody is named nobody"),
        "{}",
        nobody.err
    );
}
