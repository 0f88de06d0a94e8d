//! Any bytes as a bill, packed or not: memory stays small, nothing panics, and what reads to its end
//! prints as a bill that reads and prints as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuikuan_wechat::bill::{BillError, BillFile, BillKind, BillReader, BillWriter, Row};

const KINDS: [BillKind; 4] = [
    BillKind::All,
    BillKind::Success,
    BillKind::Refund,
    BillKind::FundFlow,
];

/// A bill as it is printed after it was read.
fn reprint(bytes: &[u8], kind: BillKind) -> Result<Vec<u8>, BillError> {
    let mut ended = BillReader::new(bytes, kind)?;
    while ended.next_row()?.is_some() {}
    let mut bill = BillReader::new(bytes, kind)?;
    let mut printed = BillWriter::new(Vec::new(), ended.layout(), bill.style())?;
    while let Some(row) = bill.next_row()? {
        printed.write(&row)?;
    }
    Ok(printed.finish()?.0)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    if let Ok(mut bill) = BillFile::given(kind).open(rest) {
        while let Ok(Some(row)) = bill.next_row() {
            if let Row::Refund(refund) = row {
                assert!(!refund.out_refund_no.is_empty());
            }
        }
    }
    let Ok(printed) = reprint(rest, kind) else {
        return;
    };
    match reprint(&printed, kind) {
        Ok(again) => assert_eq!(again, printed),
        // A comma prints as two characters; a long text can become too long.
        Err(BillError::Line { .. }) => {}
        Err(error) => panic!("a printed bill must read: {error}"),
    }
});
