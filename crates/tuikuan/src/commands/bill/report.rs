//! Differences as CSV that a spreadsheet may open: no cell begins a formula (INV-37).

use std::io::Write;

/// The columns, the same whoever compared.
const COLUMNS: [&str; 15] = [
    "merchant",
    "date",
    "class",
    "state",
    "repair",
    "out_refund_no",
    "our_amount_yuan",
    "bill_amount_yuan",
    "our_status",
    "bill_state",
    "refund",
    "refund_id",
    "transaction_id",
    "out_trade_no",
    "note",
];

/// One difference, in the order of the columns.
pub(super) type Row = [String; 15];

/// Prints rows under their header.
pub(super) fn print<W: Write>(out: W, rows: impl Iterator<Item = Row>) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell)))?;
    }
    writer.flush()?;
    Ok(())
}

/// Fen as yuan, empty where there is none.
pub(super) fn yuan(fen: Option<i64>) -> String {
    let fen = fen.and_then(|fen| tuikuan_terms::Fen::new(fen).ok());
    fen.map_or_else(String::new, tuikuan_terms::Fen::to_yuan)
}

/// A cell that a spreadsheet shows as text.
fn harmless(cell: &str) -> String {
    let clean = crate::output::one_line(cell);
    if clean.trim_start().starts_with(['=', '+', '-', '@']) {
        format!("'{clean}")
    } else {
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for (cell, printed) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("  +1", "'  +1"),
            ("-2", "'-2"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "' =1"),
            ("R-1", "R-1"),
            ("商户", "商户"),
        ] {
            assert_eq!(harmless(cell), printed);
        }
    }
}
