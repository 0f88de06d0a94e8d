//! Environment variables that stand over the file: `TUIKUAN_SERVER__LISTEN` is `server.listen`,
//! `TUIKUAN_MERCHANT__MAIN__API_V3_KEY` is `api_v3_key` of the merchant named `main`. Only names with
//! a double underscore count.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::raw::RawConfig;

const PREFIX: &str = "TUIKUAN_";

/// A variable that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The variable.
    pub(crate) name: String,
    /// What is wrong.
    pub(crate) what: String,
}

/// The file with the variables over it. Each is tried alone, so that a misfit is named.
pub(crate) fn apply(
    table: &Table,
    environment: &BTreeMap<String, String>,
) -> Result<RawConfig, Vec<Misfit>> {
    let (mut table, mut misfits) = (table.clone(), Vec::new());
    for (name, text) in environment {
        let Some(path) = path_of(name) else { continue };
        let mut tried = table.clone();
        let placed = place(&mut tried, &path, literal(text));
        let checked = placed.and_then(|()| read(&tried).map(|_| ()));
        match checked {
            Ok(()) => table = tried,
            Err(what) => misfits.push(Misfit {
                name: name.clone(),
                what,
            }),
        }
    }
    if misfits.is_empty() {
        read(&table).map_err(|what| {
            vec![Misfit {
                name: PREFIX.to_owned(),
                what,
            }]
        })
    } else {
        Err(misfits)
    }
}

fn read(table: &Table) -> Result<RawConfig, String> {
    RawConfig::deserialize(table.clone()).map_err(|error| error.message().to_owned())
}

/// The path that a variable names: lower-case words between double underscores.
fn path_of(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.contains("__")
        .then(|| rest.split("__").map(str::to_ascii_lowercase).collect())
}

/// Numbers, lists and tables are read as TOML writes them; everything else is text.
fn literal(text: &str) -> Value {
    let lines = format!("v = {text}");
    let parsed = toml::from_str::<Table>(&lines)
        .ok()
        .and_then(|mut t| t.remove("v"));
    match parsed {
        Some(value @ (Value::Array(_) | Value::Table(_) | Value::Integer(_)))
            if text.len() < 12 || !text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            value
        }
        _ => Value::String(text.to_owned()),
    }
}

fn place(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    match path {
        [section, name, key] if section == "merchant" => {
            let merchants = table.get_mut("merchant").and_then(Value::as_array_mut);
            let named = merchants
                .into_iter()
                .flatten()
                .filter_map(Value::as_table_mut);
            let mut matching = named.filter(|merchant| named_like(merchant, name));
            let merchant = matching
                .next()
                .ok_or_else(|| format!("the file has no merchant with a name like {name}"))?;
            merchant.insert(key.clone(), merchant_value(value));
            Ok(())
        }
        [section, key] if section != "merchant" => {
            let section = table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            let section = section
                .as_table_mut()
                .ok_or("this is not a section of the file")?;
            section.insert(key.clone(), value);
            Ok(())
        }
        _ => Err("expected TUIKUAN_SECTION__KEY or TUIKUAN_MERCHANT__NAME__KEY".to_owned()),
    }
}

/// Every value of a merchant is text, even one of digits only.
fn merchant_value(value: Value) -> Value {
    match value {
        Value::Integer(number) => Value::String(number.to_string()),
        other => other,
    }
}

fn named_like(merchant: &Table, name: &str) -> bool {
    let own = merchant.get("name").and_then(Value::as_str);
    own.is_some_and(|own| own.replace('-', "_") == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(file: &str, variables: &[(&str, &str)]) -> Result<RawConfig, Vec<Misfit>> {
        let table = toml::from_str(file).unwrap();
        let environment = variables
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        apply(&table, &environment)
    }

    #[test]
    fn variables_stand_over_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n[[merchant]]\nname = \"shop-a\"";
        let raw = over(
            file,
            &[
                ("TUIKUAN_SERVER__LISTEN", "127.0.0.1:2"),
                ("TUIKUAN_ENGINE__CALLS_IN_FLIGHT", "7"),
                ("TUIKUAN_WEBHOOKS__ALLOW", "[\"127.0.0.0/8\"]"),
                ("TUIKUAN_MERCHANT__SHOP_A__MCH_ID", "1900000109"),
                ("TUIKUAN_KEY", "not a setting"),
            ],
        )
        .unwrap();
        assert_eq!(raw.engine.calls_in_flight, Some(7));
        assert_eq!(raw.webhooks.allow, ["127.0.0.0/8"]);
        assert!(raw.server.listen.is_some() && raw.merchant[0].mch_id.is_some());
    }

    #[test]
    fn a_variable_that_fits_nothing_is_named() {
        let misfits = over(
            "",
            &[
                ("TUIKUAN_SERVER__LISEN", "x"),
                ("TUIKUAN_MERCHANT__A__API", "v3"),
            ],
        )
        .unwrap_err();
        let names: Vec<&str> = misfits.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["TUIKUAN_MERCHANT__A__API", "TUIKUAN_SERVER__LISEN"]);
    }
}
