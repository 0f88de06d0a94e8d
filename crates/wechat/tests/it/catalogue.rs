//! The table in code is the table in the TOML, row by row.

use tuikuan_wechat::error_code::{Class, Interface, Money, all, lookup};

#[test]
fn every_row_of_the_catalogue_stands_in_code() {
    let text = String::from_utf8(
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/errors.toml")).unwrap(),
    )
    .unwrap();
    let table: toml::Table = text.parse().unwrap();
    let rows = table["error"].as_array().unwrap();
    assert_eq!(rows.len(), all().len());
    for (row, entry) in rows.iter().zip(all()) {
        let text = |name: &str| row[name].as_str().unwrap();
        assert_eq!(entry.interface.as_str(), text("api"));
        assert_eq!(entry.code, text("code"));
        assert_eq!(i64::from(entry.http), row["http"].as_integer().unwrap());
        assert_eq!(entry.meaning, text("meaning"));
        assert_eq!(entry.advice, text("official_advice"));
        assert_eq!(
            (entry.backoff, entry.note, entry.source),
            (text("backoff"), text("note"), text("source"))
        );
        let class = match text("class") {
            "retry_same_request" => Class::RetrySameRequest,
            "query_first" => Class::QueryFirst,
            "retry_later" => Class::RetryLater,
            "needs_human" => Class::NeedsHuman,
            "final_failure" => Class::FinalFailure,
            other => panic!("{other}"),
        };
        assert_eq!(entry.class, class);
        let money = match text("money_may_have_moved") {
            "no" => Money::Unmoved,
            "unknown" => Money::Unknown,
            other => panic!("{other}"),
        };
        assert_eq!(entry.money, money);
    }
}

#[test]
fn lookup_falls_back_to_the_common_codes_of_v3_only() {
    let common = lookup(Interface::V3RefundCreate, "RATELIMIT_EXCEEDED").unwrap();
    assert_eq!(common.interface, Interface::V3Common);
    assert_eq!(lookup(Interface::V2Refund, "RATELIMIT_EXCEEDED"), None);
    assert_eq!(lookup(Interface::V3RefundCreate, "NEVER_HEARD_OF"), None);
}
