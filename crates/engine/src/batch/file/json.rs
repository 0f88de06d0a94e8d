//! JSON lines: an object on each line, with the members that a CSV has as columns.

use std::borrow::Cow;

use serde::Deserialize;

use super::FileFaultKind;
use super::cells::{Amount, Cells, Reader};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    merchant: Option<Cow<'a, str>>,
    #[serde(borrow)]
    out_trade_no: Option<Cow<'a, str>>,
    #[serde(borrow)]
    transaction_id: Option<Cow<'a, str>>,
    amount_fen: Option<i64>,
    /// As text: a number of JSON would be a float on its way here.
    #[serde(borrow)]
    amount_yuan: Option<Cow<'a, str>>,
    #[serde(borrow)]
    out_refund_no: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    for (at, line) in text.lines().enumerate() {
        let number = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if !reader.has_room(number) {
            return;
        }
        match serde_json::from_str::<Object<'_>>(line) {
            Ok(object) => take(&object, number, reader),
            Err(error) => {
                let message = format!(
                    "{}; a line is one object of merchant, out_trade_no, transaction_id, amount_fen (a whole number), amount_yuan (a text), out_refund_no and reason",
                    one_line(&error.to_string())
                );
                reader.fault(number, None, FileFaultKind::Json, message);
            }
        }
    }
}

fn take(object: &Object<'_>, number: u32, reader: &mut Reader<'_>) {
    fn of<'a>(text: &'a Option<Cow<'_, str>>) -> &'a str {
        text.as_deref().unwrap_or_default().trim()
    }
    let amount = match (object.amount_fen, &object.amount_yuan) {
        (Some(_), Some(_)) => {
            let message = "give amount_fen or amount_yuan, not both";
            reader.fault(number, Some("amount_fen"), FileFaultKind::Amount, message);
            return;
        }
        (Some(fen), None) => Amount::Number(fen),
        (None, Some(yuan)) => Amount::Yuan(yuan),
        (None, None) => Amount::Missing,
    };
    let cells = Cells {
        merchant: of(&object.merchant),
        out_trade_no: of(&object.out_trade_no),
        transaction_id: of(&object.transaction_id),
        amount,
        out_refund_no: of(&object.out_refund_no),
        reason: of(&object.reason),
    };
    reader.take(number, cells);
}

/// A message of the parser may repeat a name from the file.
fn one_line(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control());
    clean.take(160).collect()
}
