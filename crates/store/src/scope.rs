//! The merchants that a key or a person may see, as stored text: `*`, or names separated by commas.

use crate::admin::Scope;

pub(crate) fn scope_text(scope: &Scope) -> String {
    match scope {
        Scope::All => "*".to_owned(),
        Scope::Only(names) => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            names.join(",")
        }
    }
}

pub(crate) fn parse_scope(text: &str) -> Option<Scope> {
    if text == "*" {
        return Some(Scope::All);
    }
    let names = text.split(',').filter(|name| !name.is_empty());
    let names: Result<Vec<_>, _> = names.map(str::parse).collect();
    names.ok().map(Scope::Only)
}
