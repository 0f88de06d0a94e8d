//! How refunds are shown to people.

use serde_json::Value;

use crate::output::{self, Tone, coloured, money, shown};

/// Prints a refund, one line for each fact.
pub(super) fn print_refund(refund: &Value) -> anyhow::Result<()> {
    let Some(members) = refund.as_object() else {
        return Ok(output::json(refund)?);
    };
    let width = members.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let text = match name.as_str() {
            "amount" | "total" => money(value),
            "status" => status(value),
            _ => shown(value),
        };
        output::line(&format!("{name:width$}  {text}"))?;
    }
    Ok(())
}

/// A status in its colour.
pub(super) fn status(value: &Value) -> String {
    let text = shown(value);
    let tone = match text.as_str() {
        "succeeded" | "settled_offline" => Tone::Good,
        "unknown" | "abnormal" => Tone::Careful,
        "rejected" | "closed" => Tone::Bad,
        "cancelled" | "-" => Tone::Faint,
        _ => return text,
    };
    coloured(tone, &text)
}
