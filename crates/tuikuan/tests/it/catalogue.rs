//! `docs/guide/errors.md` shows every code that is known and what Tuikuan does about it. The table
//! is made from the code, so that it cannot say anything else: `TUIKUAN_GOLDEN=write` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use tuikuan_domain::outcome::Wait;
use tuikuan_engine::verdict::{Treatment, treatment};
use tuikuan_wechat::error_code::{Entry, Interface, all};

const BEGIN: &str = "<!-- table begins -->\n";
const END: &str = "<!-- table ends -->\n";

/// What is done, in the guide's words.
fn words(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Ask => "ask",
        Treatment::Wait(Wait::Balance) => "wait for balance",
        Treatment::Wait(Wait::RateLimit) => "wait for the rate limit",
        Treatment::Wait(Wait::OrderNotReady) => "wait for the order",
        Treatment::Wait(Wait::Merchant) => "wait for the merchant",
        Treatment::OrderMissing => "look the order up",
        Treatment::Refused => "refuse",
        Treatment::RefusedUnconfirmed => "confirm, then refuse",
        Treatment::NotFound => "not found",
        Treatment::MerchantFault => "mend the merchant",
        Treatment::AgainLater => "read again later",
        Treatment::NothingThere => "nothing there",
    }
}

fn reads(interface: Interface) -> bool {
    !matches!(
        interface,
        Interface::Transport
            | Interface::V2Refund
            | Interface::V3RefundCreate
            | Interface::V3RefundAbnormal
            | Interface::V3Common
    )
}

/// A status of 429 or 5xx weighs more than the code beside it.
fn done(entry: &Entry) -> &'static str {
    let by_status =
        entry.interface != Interface::Transport && (entry.http >= 500 || entry.http == 429);
    match (by_status, reads(entry.interface)) {
        (true, true) => words(Treatment::AgainLater),
        (true, false) => words(Treatment::Ask),
        (false, _) => words(treatment(entry)),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn table() -> String {
    let mut text = String::new();
    let mut last = None;
    for entry in all() {
        if last != Some(entry.interface) {
            write!(
                text,
                "\n### {}\n\n| code | HTTP | meaning | Tuikuan |\n| --- | --- | --- | --- |\n",
                entry.interface.as_str()
            )
            .unwrap();
            last = Some(entry.interface);
        }
        let http = match entry.http {
            0 => String::new(),
            status => status.to_string(),
        };
        writeln!(
            text,
            "| `{}` | {http} | {} | {} |",
            cell(entry.code),
            cell(entry.meaning),
            done(entry)
        )
        .unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_guide_shows_every_code_with_what_is_done_about_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/errors.md");
    let guide = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let wanted = table();
    if std::env::var("TUIKUAN_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&file, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert!(
        shown == wanted,
        "docs/guide/errors.md does not show the catalogue as it is: \
         run the test again with TUIKUAN_GOLDEN=write"
    );
    for entry in all() {
        let explained = format!("| {} |", done(entry));
        assert!(before.contains(&explained), "not explained: {explained}");
    }
}
