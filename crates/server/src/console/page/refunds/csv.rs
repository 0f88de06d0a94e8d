//! Lines of CSV for spreadsheets (INV-37). A cell that a spreadsheet would calculate begins with an
//! apostrophe, which makes it text; so does a number too long for a spreadsheet's arithmetic.

/// Spreadsheets read UTF-8 only behind this mark.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Spreadsheets round numbers with more digits.
const EXACT_DIGITS: usize = 11;

/// A text from outside.
pub(crate) fn text(cell: &str) -> String {
    let calculated = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    quoted(if calculated { "'" } else { "" }, cell)
}

/// A number that names something: all its digits stay.
pub(crate) fn number(cell: &str) -> String {
    let long = cell.len() > EXACT_DIGITS && cell.bytes().all(|b| b.is_ascii_digit());
    if long { quoted("'", cell) } else { text(cell) }
}

/// A cell in quotes where it needs them.
fn quoted(mark: &str, cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r', '\t', '\'', ' ', ';']) {
        format!("\"{mark}{}\"", cell.replace('"', "\"\""))
    } else {
        format!("{mark}{cell}")
    }
}

/// A line of cells.
pub(crate) fn line(cells: &[String]) -> String {
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_spreadsheet_would_calculate_begins_a_cell() {
        for (cell, written) in [
            ("=cmd()", "'=cmd()"),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("a,\"b\"\n", "\"a,\"\"b\"\"\n\""),
            ("商品已售完", "商品已售完"),
            ("", ""),
        ] {
            assert_eq!(text(cell), written);
        }
    }

    #[test]
    fn long_numbers_keep_their_digits() {
        let transaction = "4200001207202611206046087111";
        assert_eq!(number(transaction), format!("'{transaction}"));
        assert_eq!(number("20261123"), "20261123");
        assert_eq!(number("-R1"), "'-R1");
        assert_eq!(line(&["a".to_owned(), "b".to_owned()]), "a,b\r\n");
    }
}
