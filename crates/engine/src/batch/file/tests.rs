//! What a file may look like and still be the same file, and what is said of those that cannot be
//! used.

use proptest::collection::vec;
use proptest::prelude::*;
use tuikuan_domain::MerchantName;

use super::*;

struct Shop {
    name: MerchantName,
    mch_id: MchId,
}

fn shop() -> Shop {
    Shop {
        name: "main".parse().unwrap(),
        mch_id: "1900000109".parse().unwrap(),
    }
}

impl Shop {
    fn whose(&self) -> Whose<'_> {
        Whose {
            merchant: &self.name,
            mch_id: &self.mch_id,
            sub_mch_id: None,
        }
    }
}

fn csv(text: &str) -> Result<File, FileFaults> {
    read(text.as_bytes(), Format::Csv, shop().whose())
}

fn jsonl(text: &str) -> Result<File, FileFaults> {
    read(text.as_bytes(), Format::JsonLines, shop().whose())
}

fn faults(result: Result<File, FileFaults>) -> Vec<(u32, FileFaultKind)> {
    let faults = result.unwrap_err();
    faults.listed.iter().map(|f| (f.line, f.kind)).collect()
}

const CHINESE: &str = "商户订单号,金额（元）,商户退款单号,退款原因\r\nORDER-0001,39.60,,活动取消\r\nORDER-0002,1,R-2,\"取消,退款\"\r\n";

#[test]
fn chinese_heads_yuan_and_quotes_are_read_exactly() {
    let file = csv(CHINESE).unwrap();
    assert_eq!(file.lines.len(), 2);
    assert_eq!(file.lines[0].amount.get(), 3960);
    assert_eq!(file.lines[0].number, 2);
    assert_eq!(file.lines[0].numbering, Numbering::Computed);
    assert_eq!(file.lines[1].amount.get(), 100);
    assert_eq!(file.lines[1].out_refund_no.as_str(), "R-2");
    let reason = file.lines[1].reason.as_ref().unwrap();
    assert_eq!(reason.as_str(), "取消,退款");
}

#[test]
fn encoding_mark_line_ends_separator_and_empty_lines_at_the_end_do_not_matter() {
    let plain = csv(CHINESE).unwrap();
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(CHINESE.as_bytes());
    let (gbk, _, _) = encoding_rs::GBK.encode(CHINESE);
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(CHINESE.encode_utf16().flat_map(u16::to_le_bytes));
    let ends = CHINESE.replace("\r\n", "\n") + "\n ,,,\n\n";
    let tabs = CHINESE
        .replace("\"取消,退款\"", "取消，退款")
        .replace(',', "\t")
        .replace('，', ",");
    for bytes in [
        marked,
        gbk.into_owned(),
        utf16,
        ends.into_bytes(),
        tabs.into_bytes(),
    ] {
        let file = read(&bytes, Format::Csv, shop().whose()).unwrap();
        assert_eq!(file, plain);
    }
}

#[test]
fn what_excel_needs_to_keep_a_number_as_text_is_taken_off() {
    let plain = csv("out_trade_no,amount_fen\nORDER-0001,3960\n").unwrap();
    let kept = "out_trade_no;amount_fen\n`ORDER-0001\t;'3960\n";
    assert_eq!(csv(kept).unwrap(), plain);
    let formula = "out_trade_no;amount_fen\n=\"ORDER-0001\"; 3960 \n";
    assert_eq!(csv(formula).unwrap(), plain);
}

#[test]
fn numbers_that_excel_has_rounded_are_refused_with_a_word_about_it() {
    let text = "transaction_id,amount_fen\n4.20001E+27,1\n4200001234567890000000000000,1\n";
    let result = csv(text).unwrap_err();
    assert_eq!(result.counts[&FileFaultKind::Rounded], 2);
    assert!(result.listed[0].message.contains("Excel"));
    assert_eq!(result.listed[0].column, Some("transaction_id"));
}

#[test]
fn every_line_is_looked_at_and_every_fault_is_counted() {
    let mut text = String::from("out_trade_no,amount_fen,out_refund_no,reason\n");
    for _ in 0..30 {
        text.push_str("ORDER-1,12.5,R 1,ok\n");
    }
    text.push_str(",5,,\nORDER-2,0,,\nORDER-3,,,\nORDER-4,1,,😀\nORD,1,,\n");
    let result = csv(&text).unwrap_err();
    assert_eq!(result.counts[&FileFaultKind::Amount], 31);
    assert_eq!(result.counts[&FileFaultKind::RefundNumber], 30);
    assert_eq!(result.counts[&FileFaultKind::Missing], 2);
    assert_eq!(result.counts[&FileFaultKind::Reason], 1);
    assert_eq!(result.counts[&FileFaultKind::OrderNumber], 1);
    assert_eq!(result.total, 65);
    let amounts = result.listed.iter();
    let amounts = amounts.filter(|f| f.kind == FileFaultKind::Amount).count();
    assert_eq!(amounts, 20);
}

#[test]
fn a_head_that_does_not_say_everything_is_refused() {
    for head in [
        "out_trade_no,amount",
        "out_trade_no",
        "amount_fen",
        "out_trade_no,amount_fen,amount_yuan",
        "out_trade_no,out_trade_no,amount_fen",
        "out_trade_no,amount_fen,out_refund_nr",
    ] {
        let found = faults(csv(&format!("{head}\nORDER-1,1,1\n")));
        assert!(
            found.iter().all(|f| *f == (1, FileFaultKind::Columns)),
            "{head}: {found:?}"
        );
    }
}

#[test]
fn files_that_hold_nothing_or_no_text_are_refused() {
    assert_eq!(faults(csv("")), vec![(1, FileFaultKind::Empty)]);
    let head = "out_trade_no,amount_fen\n\n";
    assert_eq!(faults(csv(head)), vec![(1, FileFaultKind::Empty)]);
    let result = read(&[0x81, 0xff, 0xff, b'\n'], Format::Csv, shop().whose());
    assert_eq!(faults(result), vec![(1, FileFaultKind::Encoding)]);
}

#[test]
fn another_merchant_and_a_cut_line_are_named() {
    let text =
        "merchant,out_trade_no,amount_fen\nother,ORDER-1,1\nmain,ORDER-1\nmain,ORDER-2,1,x\n";
    assert_eq!(
        faults(csv(text)),
        vec![
            (2, FileFaultKind::Merchant),
            (3, FileFaultKind::CellCount),
            (4, FileFaultKind::CellCount)
        ]
    );
}

#[test]
fn json_lines_mean_what_a_csv_means() {
    let text = "{\"out_trade_no\":\"ORDER-1\",\"amount_yuan\":\"39.60\"}\n\n{\"transaction_id\":\"42\",\"amount_fen\":7,\"out_refund_no\":\"R1\",\"reason\":\"x\"}\n";
    let file = jsonl(text).unwrap();
    assert_eq!(file.lines[0].amount.get(), 3960);
    assert_eq!(file.lines[1].number, 3);
    let bad = "{\"out_trade_no\":\"ORDER-1\",\"amount_yuan\":39.6}\n{\"out_trade_no\":\"ORDER-1\",\"amount_fen\":1,\"amount_fen\":2}\n[]\n{\"out_trade_no\":\"ORDER-1\",\"amont_fen\":1}\n";
    assert!(
        faults(jsonl(bad))
            .iter()
            .all(|(_, kind)| *kind == FileFaultKind::Json)
    );
    assert_eq!(jsonl(bad).unwrap_err().total, 4);
}

#[test]
fn the_number_of_a_line_depends_on_the_order_alone() {
    let first = csv("out_trade_no,amount_fen\nORDER-1,1\n").unwrap();
    let later = csv("out_trade_no,amount_fen,reason\nORDER-0,5,\nORDER-1,2,x\n").unwrap();
    assert_eq!(first.lines[0].out_refund_no, later.lines[1].out_refund_no);
    assert_ne!(first.content, later.content);
    assert_ne!(later.lines[0].out_refund_no, later.lines[1].out_refund_no);
}

fn reason() -> impl Strategy<Value = String> {
    "[a-zA-Z取消退款，,\";]{0,12}"
}

fn row() -> impl Strategy<Value = (String, i64, String, String)> {
    (
        "[A-Za-z0-9_|*@]{6,32}",
        1_i64..10_000_000_000,
        "[A-Za-z0-9_|*@]{0,40}",
        reason(),
    )
}

/// Prints lines as a file in one of many ways.
fn print(rows: &[(String, i64, String, String)], way: u8) -> Vec<u8> {
    let separator = [b',', b';', b'\t'][usize::from(way % 3)];
    let yuan = way & 4 != 0;
    let mut writer = ::csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(if way & 8 != 0 {
            ::csv::Terminator::CRLF
        } else {
            ::csv::Terminator::Any(b'\n')
        })
        .from_writer(Vec::new());
    let amount = if yuan { "金额(元)" } else { "amount_fen" };
    writer
        .write_record(["商户订单号", amount, "out_refund_no", "退款原因"])
        .unwrap();
    for (order, fen, number, reason) in rows {
        let amount = if yuan {
            Fen::new(*fen).unwrap().to_yuan()
        } else {
            fen.to_string()
        };
        writer
            .write_record([order, &amount, number, reason])
            .unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    match way & 48 {
        0 => bytes,
        16 => [b"\xef\xbb\xbf".to_vec(), bytes].concat(),
        _ => {
            let text = String::from_utf8(bytes).unwrap();
            encoding_rs::GBK.encode(&text).0.into_owned()
        }
    }
}

proptest! {
    #[test]
    fn however_a_file_is_printed_it_reads_as_the_same_file(
        rows in vec(row(), 1..20), way in 0_u8..64, other in 0_u8..64,
    ) {
        let shop = shop();
        let one = read(&print(&rows, way), Format::Csv, shop.whose()).unwrap();
        let two = read(&print(&rows, other), Format::Csv, shop.whose()).unwrap();
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(one.lines.len(), rows.len());
        for (line, (order, fen, number, reason)) in one.lines.iter().zip(&rows) {
            prop_assert_eq!(line.order.out_trade_no.as_ref().unwrap().as_str(), order);
            prop_assert_eq!(line.amount.get(), *fen);
            prop_assert_eq!(line.numbering == Numbering::Given, !number.is_empty());
            prop_assert_eq!(line.reason.as_ref().map_or("", |r| r.as_str()), reason);
        }
    }

    #[test]
    fn bytes_from_outside_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let shop = shop();
        drop(read(&bytes, Format::Csv, shop.whose()));
        drop(read(&bytes, Format::JsonLines, shop.whose()));
    }
}

#[test]
fn the_sample_of_the_guide_is_good() {
    let file = csv(include_str!("../../../../../docs/guide/batches-sample.csv")).unwrap();
    assert_eq!(file.lines.len(), 4);
    let sum: i64 = file.lines.iter().map(|line| line.amount.get()).sum();
    assert_eq!(sum, 51_200);
}
