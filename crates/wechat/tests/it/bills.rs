//! The sample bills, read and printed; what is cut, altered or no bill is an error (INV-38).

use std::io::{BufReader, Read as _};

use tuikuan_wechat::bill::{
    BillError, BillFile, BillKind, BillReader, BillWriter, Column, Damage, LineEnd, Mark, Row,
    Sha1, Style, Summary, Unpacked,
};

use crate::{file, text, vectors};

pub(crate) const SAMPLES: [(&str, BillKind); 8] = [
    ("bill_all_merchant.csv", BillKind::All),
    ("bill_success_merchant.csv", BillKind::Success),
    ("bill_refund_merchant.csv", BillKind::Refund),
    ("bill_refund_merchant_nobom_lf.csv", BillKind::Refund),
    ("bill_refund_partner.csv", BillKind::Refund),
    ("bill_refund_empty.csv", BillKind::Refund),
    ("bill_all_legacy24.csv", BillKind::All),
    ("fundflow_basic.csv", BillKind::FundFlow),
];

/// Every row as text, and the sums.
pub(crate) fn read(bytes: &[u8], kind: BillKind) -> Result<(Vec<String>, Summary), BillError> {
    let mut bill = BillReader::new(bytes, kind)?;
    let mut rows = Vec::new();
    while let Some(row) = bill.next_row()? {
        rows.push(format!("{row:?}"));
    }
    Ok((rows, *bill.summary().unwrap()))
}

/// A bill read and printed again.
pub(crate) fn reprint(bytes: &[u8], kind: BillKind) -> Vec<u8> {
    let mut ended = BillReader::new(bytes, kind).unwrap();
    while ended.next_row().unwrap().is_some() {}
    let mut bill = BillReader::new(bytes, kind).unwrap();
    let mut writer = BillWriter::new(Vec::new(), ended.layout(), bill.style()).unwrap();
    while let Some(row) = bill.next_row().unwrap() {
        writer.write(&row).unwrap();
    }
    writer.finish().unwrap().0
}

#[test]
fn every_sample_reads_as_its_expectations_say_and_prints_as_the_same_bytes() {
    let expected = vectors("bills");
    for (name, kind) in SAMPLES {
        let bytes = file(name);
        let want = &expected["files"][name];
        assert_eq!(Sha1::of(&bytes).to_string(), text(want, "sha1"), "{name}");
        let mut bill = BillReader::new(&*bytes, kind).unwrap();
        let mut rows = 0_u64;
        while bill.next_row().unwrap().is_some() {
            rows += 1;
        }
        assert_eq!(Some(rows), want["detail_rows"].as_u64(), "{name}");
        assert_eq!(bill.summary().unwrap().rows, rows, "{name}");
        let width = u64::try_from(bill.layout().columns().len()).unwrap();
        assert_eq!(Some(width), want["columns"].as_u64(), "{name}");
        let style = Style {
            mark: if want["bom"] == true {
                Mark::Present
            } else {
                Mark::Absent
            },
            line_end: if want["newline"] == "CRLF" {
                LineEnd::CrLf
            } else {
                LineEnd::Lf
            },
        };
        assert_eq!(bill.style(), style, "{name}");
        assert_eq!(reprint(&bytes, kind), bytes, "{name}");
        // The sums are those of the expectations: they are the bill's last line.
        let last = String::from_utf8(bytes).unwrap();
        let last = last.trim_end().rsplit('\n').next().unwrap().to_owned();
        for sum in want["summary"].as_object().unwrap().values() {
            assert!(
                last.contains(sum.as_str().unwrap()),
                "{name}: {sum} in {last}"
            );
        }
    }
}

#[test]
fn mark_and_line_ends_change_no_row() {
    let (with, without) = (
        file("bill_refund_merchant.csv"),
        file("bill_refund_merchant_nobom_lf.csv"),
    );
    assert_eq!(
        read(&with, BillKind::Refund).unwrap(),
        read(&without, BillKind::Refund).unwrap()
    );
}

#[test]
fn the_rows_of_a_refund_bill_say_what_was_refunded() {
    let bytes = file("bill_refund_merchant.csv");
    let mut bill = BillReader::new(&*bytes, BillKind::Refund).unwrap();
    let Some(Row::Refund(row)) = bill.next_row().unwrap() else {
        panic!("a refund")
    };
    assert_eq!(row.out_refund_no, "R2024080400001");
    assert_eq!(row.refund_id, "50300000002024080400000000001");
    assert_eq!(row.amount().get(), 1980);
    assert_eq!(row.trade.fee.fen(), Some(-12));
    assert_eq!(row.trade.sub_mch_id, None);
    assert_eq!(
        row.accepted_at(),
        tuikuan_wechat::time::from_beijing("2024-08-04 11:00:00").unwrap()
    );
    assert_eq!(row.succeeded_at, Some(row.accepted_at() + 4));
    let Some(Row::Refund(row)) = bill.next_row().unwrap() else {
        panic!("a refund")
    };
    // Coupons: 6.30 of the 9.00 that were asked for.
    assert_eq!((row.amount().get(), row.trade.refund.get()), (900, 630));
    assert_eq!(row.trade.goods, "A\\ B 套餐");
    assert_eq!(row.succeeded_at, None);

    let bytes = file("bill_refund_partner.csv");
    let mut bill = BillReader::new(&*bytes, BillKind::Refund).unwrap();
    let Some(Row::Refund(row)) = bill.next_row().unwrap() else {
        panic!("a refund")
    };
    assert_eq!(row.trade.sub_mch_id, Some("1900000119"));
}

#[test]
fn the_old_layout_gives_the_amount_that_was_asked_for() {
    let bytes = file("bill_all_legacy24.csv");
    let mut bill = BillReader::new(&*bytes, BillKind::All).unwrap();
    assert!(!bill.layout().has(Column::Requested));
    let mut amounts = Vec::new();
    while let Some(row) = bill.next_row().unwrap() {
        if let Row::Refund(row) = row {
            amounts.push(row.amount().get());
        }
    }
    assert_eq!(amounts, [1980, 900, 1]);
}

#[test]
fn a_packed_bill_reads_as_the_plain_one_and_its_hash_is_that_of_the_plain_bytes() {
    let (packed, plain) = (
        file("bill_refund_merchant.csv.gz"),
        file("bill_refund_merchant.csv"),
    );
    let want = &vectors("bills")["files"]["bill_refund_merchant.csv.gz"];
    let named: Sha1 = text(want, "hash_value").parse().unwrap();
    assert_eq!(
        Sha1::of(&packed).to_string(),
        text(want, "sha1_of_gzip_bytes")
    );
    for (bytes, hash) in [
        (&packed, Some(named)),
        (&packed, None),
        (&plain, Some(named)),
    ] {
        let input = Unpacked::new(BufReader::new(&**bytes), hash).unwrap();
        let mut bill = BillReader::new(input, BillKind::Refund).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = bill.next_row().unwrap() {
            rows.push(format!("{row:?}"));
        }
        assert_eq!(rows, read(&plain, BillKind::Refund).unwrap().0);
    }
    let other = Some(Sha1::of(b"another file"));
    let input = Unpacked::new(&*packed, other).unwrap();
    let mut bill = BillReader::new(input, BillKind::Refund).unwrap();
    let error = loop {
        match bill.next_row() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a file with another hash is not the bill"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BillError::HashDiffers { .. }), "{error:?}");
    assert!(matches!(bill.next_row(), Err(BillError::GivenUp)));
    assert!(bill.summary().is_none());
}

fn through(bytes: &[u8], kind: BillKind, hash: Option<Sha1>) -> Result<Summary, BillError> {
    let mut bill = BillReader::new(Unpacked::new(bytes, hash)?, kind)?;
    while bill.next_row()?.is_some() {}
    Ok(*bill.summary().unwrap())
}

#[test]
fn a_cut_bill_is_an_error_or_has_lost_nothing() {
    for (name, kind) in SAMPLES {
        let bytes = file(name);
        let whole = read(&bytes, kind).unwrap();
        let hash = Some(Sha1::of(&bytes));
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            // Only the very end, which says nothing, can be missing.
            if let Ok(rest) = read(cut, kind) {
                assert!(bytes.len() - length <= 7, "{name} cut at {length}");
                assert_eq!(rest, whole, "{name} cut at {length}");
            }
            assert!(through(cut, kind, hash).is_err(), "{name} cut at {length}");
        }
    }
    let packed = file("bill_refund_merchant.csv.gz");
    for length in 0..packed.len() {
        assert!(
            through(&packed[..length], BillKind::Refund, None).is_err(),
            "{length}"
        );
    }
}

#[test]
fn an_altered_byte_does_not_pass_a_hash_nor_gzip() {
    let packed = file("bill_refund_merchant.csv.gz");
    let plain = file("bill_refund_merchant.csv");
    let hash = Some(Sha1::of(&plain));
    let unpack = |bytes: &[u8], hash| {
        let mut out = Vec::new();
        let mut input = Unpacked::new(bytes, hash).map_err(|_error| ())?;
        input.read_to_end(&mut out).map_err(|_error| ())?;
        Ok::<_, ()>(out)
    };
    for (bytes, hash) in [(&plain, hash), (&packed, hash), (&packed, None)] {
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            // What passes says the same: gzip has bytes that are not content, and more than one
            // way to say a thing. What is no gzip any more is no bill either.
            if let Ok(content) = unpack(&altered, hash) {
                let same = bytes == &packed && content == plain;
                assert!(
                    same || read(&content, BillKind::Refund).is_err(),
                    "byte {at}"
                );
            }
        }
    }
    let mut longer = packed;
    longer.push(0);
    assert!(through(&longer, BillKind::Refund, hash).is_err());
}

#[test]
fn an_altered_amount_does_not_pass_the_summary() {
    for (name, kind) in SAMPLES {
        let bill = String::from_utf8(file(name)).unwrap();
        for (at, _) in bill
            .match_indices("`19.80")
            .chain(bill.match_indices("`0.24000"))
        {
            let mut altered = bill.clone().into_bytes();
            altered[at + 1] = b'9';
            let error = read(&altered, kind).unwrap_err();
            assert!(
                matches!(error, BillError::SumDiffers { .. }),
                "{name}: {error:?}"
            );
        }
        // A line less, a line more.
        let mut lines: Vec<&str> = bill.split_inclusive('\n').collect();
        if lines.len() > 3 {
            let line = lines.remove(1);
            assert!(read(lines.concat().as_bytes(), kind).is_err(), "{name}");
            lines.insert(1, line);
            lines.insert(1, line);
            assert!(read(lines.concat().as_bytes(), kind).is_err(), "{name}");
        }
    }
}

#[test]
fn what_is_no_bill_is_refused_by_kind() {
    let refused = |bytes: &[u8]| read(bytes, BillKind::Refund).unwrap_err();
    assert!(matches!(refused(b""), BillError::Empty));
    assert!(matches!(
        refused(b"<xml><return_code>FAIL</return_code></xml>"),
        BillError::NotABill
    ));
    assert!(matches!(refused(b" <!DOCTYPE html>"), BillError::NotABill));
    assert!(matches!(refused(b"a,b\n"), BillError::MissingColumn { .. }));
    // A bill of payments where one of refunds was asked for.
    assert!(matches!(
        refused(&file("bill_success_merchant.csv")),
        BillError::MissingColumn { .. }
    ));
    assert!(matches!(
        read(&file("bill_refund_merchant.csv"), BillKind::FundFlow),
        Err(BillError::MissingColumn { .. })
    ));
    let all = refused(&file("bill_all_merchant.csv"));
    assert!(
        matches!(
            all,
            BillError::Line {
                line: 2,
                damage: Damage::WrongKind
            }
        ),
        "{all:?}"
    );
    let good = String::from_utf8(file("bill_refund_merchant.csv")).unwrap();
    let error = refused(good.replace("微信退款单号", "商户退款单号").as_bytes());
    assert!(
        matches!(error, BillError::DuplicateColumn { .. }),
        "{error:?}"
    );
    let error = refused(format!("{good}`1,`2\r\n").as_bytes());
    assert!(
        matches!(
            error,
            BillError::Line {
                line: 7,
                damage: Damage::AfterSummary
            }
        ),
        "{error:?}"
    );
    let error = refused(good.replace("`19.80", "`19.805").as_bytes());
    assert!(
        matches!(
            error,
            BillError::Value {
                line: 2,
                column: "退款金额"
            }
        ),
        "{error:?}"
    );
    for error in [refused(b""), error] {
        assert!(!error.advice().is_empty());
    }
}

#[test]
fn a_column_nobody_knows_is_passed_over_and_order_does_not_matter() {
    let header = "退款状态,新列,商户退款单号,微信退款单号,退款金额,充值券退款金额,退款类型,\
                  交易时间,商户号,微信支付订单号,商户订单号,交易状态,手续费,总金额";
    let row = "`SUCCESS,`?,`R1,`50,`1.50,`0.00,`ORIGINAL,`2024-08-04 00:00:00,`1900000109,`42,`O1,\
               `REFUND,`-0.01,`0.00";
    let bill = format!(
        "{header}\n{row}\n总交易单数,总交易额,总退款金额,手续费总金额\n`1,`0,`1.5,`-0.01\n"
    );
    let (rows, sums) = read(bill.as_bytes(), BillKind::Refund).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(sums.refund_fen, 150);
}

#[test]
fn a_bomb_is_not_unpacked_into_memory() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..64 {
        packer.write_all(&[b'x'; 64 * 1024]).unwrap();
    }
    let packed = packer.finish().unwrap();
    let error = BillFile::given(BillKind::Refund)
        .open(&*packed)
        .unwrap_err();
    assert!(
        matches!(
            error,
            BillError::Line {
                line: 1,
                damage: Damage::TooLong
            }
        ),
        "{error:?}"
    );
}
