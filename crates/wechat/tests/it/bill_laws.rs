//! Laws of bills: printed, parsed and printed again is identity in every layout; bytes from outside
//! never panic; an amount is exact or refused.

use proptest::collection::vec;
use proptest::prelude::*;
use tuikuan_terms::Fen;
use tuikuan_wechat::bill::{
    BillDay, BillFile, BillKind, BillRefundStatus, BillTradeState, BillWriter, Direction, Fee,
    FundFlowRow, Layout, LineEnd, Mark, OldNames, PaymentRow, RefundRow, Row, Sha1, Style, Trade,
};

use crate::bills::{SAMPLES, read, reprint};
use crate::file;

#[derive(Debug, Clone)]
struct Line {
    at: i64,
    numbers: [String; 4],
    texts: [String; 2],
    amounts: [i64; 4],
    fee: i64,
    choice: u8,
}

fn line() -> impl Strategy<Value = Line> {
    let number = || "[0-9A-Za-z_|*@-]{1,64}";
    let text = || "[ -~退款元`，\t\u{1f600}]{0,40}|[,\r\n`]{0,6}";
    let amount = || 0..=10_000_000_000_i64;
    (
        0..4_000_000_000_i64,
        [number(), number(), number(), number()],
        [text(), text()],
        [amount(), amount(), amount(), amount()],
        -1_000_000_000..1_000_000_000_i64,
        0..=4_u8,
    )
        .prop_map(|(at, numbers, texts, amounts, fee, choice)| Line {
            at,
            numbers,
            texts,
            amounts,
            fee,
            choice,
        })
}

impl Line {
    fn trade(&self, state: BillTradeState) -> Trade<'_> {
        let fen = |at: usize| Fen::new(self.amounts[at]).unwrap();
        let refund = state == BillTradeState::Refund;
        let of_refund = |amount: Fen| if refund { amount } else { Fen::ZERO };
        let of_payment = |amount: Fen| Some(if refund { Fen::ZERO } else { amount });
        Trade {
            at: self.at,
            app_id: "wx8888888888888888",
            mch_id: "1900000109",
            sub_mch_id: (self.choice % 2 == 1).then_some("1900000119"),
            device_info: &self.texts[1],
            transaction_id: &self.numbers[0],
            out_trade_no: &self.numbers[1],
            open_id: "",
            trade_type: "JSAPI",
            state,
            bank: "OTHERS",
            currency: "CNY",
            settlement: of_payment(fen(0)),
            coupon: of_payment(fen(1)).unwrap(),
            refund: of_refund(fen(1)),
            coupon_refund: of_refund(fen(2)),
            goods: &self.texts[0],
            attach: "",
            fee: Fee::from_thousandths(self.fee),
            rate: "0.60%",
            total: of_payment(fen(3)),
            requested: Some(of_refund(fen(3))),
            rate_note: &self.texts[1],
        }
    }

    fn refund(&self, kind: BillKind) -> Row<'_> {
        let in_refunds = kind == BillKind::Refund;
        Row::Refund(RefundRow {
            trade: self.trade(BillTradeState::Refund),
            requested_at: in_refunds.then_some(self.at),
            succeeded_at: (in_refunds && self.choice == 0).then_some(self.at + 4),
            refund_id: "50300000002024080400000000001",
            out_refund_no: &self.numbers[2],
            refund_type: "ORIGINAL",
            status: match self.choice {
                0 => BillRefundStatus::Success,
                1 => BillRefundStatus::Processing,
                2 => BillRefundStatus::Fail,
                3 => BillRefundStatus::Change,
                _ => BillRefundStatus::Other("NEW"),
            },
        })
    }

    fn payment(&self) -> Row<'_> {
        let state = match self.choice {
            0 => BillTradeState::Revoked,
            _ => BillTradeState::Success,
        };
        Row::Payment(PaymentRow {
            trade: self.trade(state),
        })
    }

    fn flow(&self) -> Row<'_> {
        Row::FundFlow(FundFlowRow {
            at: self.at,
            business_no: &self.numbers[0],
            flow_no: &self.numbers[1],
            business_name: "退款",
            business_type: "退款",
            direction: match self.choice % 2 {
                0 => Direction::Income,
                _ => Direction::Expense,
            },
            amount: Fen::new(self.amounts[0]).unwrap(),
            balance_fen: self.fee,
            applicant: "1900000109API",
            note: &self.texts[0],
            voucher_no: &self.numbers[3],
        })
    }

    fn row(&self, kind: BillKind) -> Row<'_> {
        match kind {
            BillKind::FundFlow => self.flow(),
            BillKind::Refund => self.refund(kind),
            BillKind::Success => self.payment(),
            BillKind::All if self.choice > 2 => self.refund(kind),
            BillKind::All => self.payment(),
        }
    }
}

fn layout() -> impl Strategy<Value = Layout> {
    let kind = prop::sample::select(vec![
        BillKind::All,
        BillKind::Success,
        BillKind::Refund,
        BillKind::FundFlow,
    ]);
    (kind, 0..3_u8).prop_map(|(kind, names)| match names {
        0 => Layout::current(kind),
        1 => Layout::old(kind, OldNames::RedPacket),
        _ => Layout::old(kind, OldNames::Coupon),
    })
}

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), any::<bool>()).prop_map(|(mark, carriage)| Style {
        mark: if mark { Mark::Present } else { Mark::Absent },
        line_end: if carriage { LineEnd::CrLf } else { LineEnd::Lf },
    })
}

fn printed(lines: &[Line], layout: &Layout, style: Style) -> Vec<u8> {
    let mut writer = BillWriter::new(Vec::new(), layout, style).unwrap();
    for line in lines {
        writer.write(&line.row(layout.kind())).unwrap();
    }
    writer.finish().unwrap().0
}

proptest! {
    #[test]
    fn printed_parsed_and_printed_is_identity(
        lines in vec(line(), 0..8), layout in layout(), style in style(),
    ) {
        let bytes = printed(&lines, &layout, style);
        let (rows, sums) = read(&bytes, layout.kind()).unwrap();
        prop_assert_eq!(rows.len(), lines.len());
        prop_assert_eq!(sums.rows, u64::try_from(lines.len()).unwrap());
        prop_assert_eq!(reprint(&bytes, layout.kind()), bytes);
    }

    #[test]
    fn rows_read_as_they_were_printed(lines in vec(line(), 0..8), fund_flow: bool) {
        let kind = if fund_flow { BillKind::FundFlow } else { BillKind::Refund };
        let plain: Vec<Line> = lines
            .into_iter()
            .map(|mut line| {
                for text in &mut line.texts {
                    text.retain(|c| !matches!(c, ',' | '\r' | '\n'));
                }
                line
            })
            .collect();
        let bytes = printed(&plain, &Layout::current(kind), Style::OBSERVED);
        let told: Vec<String> = plain.iter().map(|line| format!("{:?}", line.row(kind))).collect();
        prop_assert_eq!(read(&bytes, kind).unwrap().0, told);
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..400), kind in 0..4_usize) {
        let kind = SAMPLES[kind].1;
        drop(read(&bytes, kind));
        let packed = [&[0x1f, 0x8b, 8, 0][..], &bytes].concat();
        if let Ok(mut bill) = BillFile::given(kind).open(&*packed) {
            while let Ok(Some(_)) = bill.next_row() {}
        }
    }

    #[test]
    fn a_torn_bill_is_an_error_or_agrees_with_its_own_sums(
        sample in 0..SAMPLES.len(), cuts in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let (name, kind) = SAMPLES[sample];
        let whole = file(name);
        let mut bytes = whole.clone();
        for (at, byte, how) in cuts {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        if let Ok((rows, sums)) = read(&bytes, kind) {
            prop_assert_eq!(u64::try_from(rows.len()).unwrap(), sums.rows);
            // Without a hash an altered text can pass, an altered sum cannot.
            let told = read(&whole, kind).unwrap().1;
            prop_assert!(sums.rows == told.rows || bytes.len() > whole.len());
        }
        let hash = Some(Sha1::of(&whole));
        if bytes != whole {
            let mut read = tuikuan_wechat::bill::Unpacked::new(&*bytes, hash).unwrap();
            prop_assert!(std::io::copy(&mut read, &mut std::io::sink()).is_err());
        }
    }

    #[test]
    fn fees_print_and_read_back(thousandths in -1_000_000_000_000..1_000_000_000_000_i64) {
        let fee = Fee::from_thousandths(thousandths);
        let row = Line {
            at: 0,
            numbers: std::array::from_fn(|_| "1".to_owned()),
            texts: std::array::from_fn(|_| String::new()),
            amounts: [0; 4],
            fee: thousandths,
            choice: 4,
        };
        let bytes = printed(&[row], &Layout::current(BillKind::Refund), Style::OBSERVED);
        prop_assert_eq!(read(&bytes, BillKind::Refund).unwrap().1.fee, fee);
    }

    #[test]
    fn any_day_reads_back(seconds in 0_i64..4_000_000_000) {
        let day = BillDay::of(seconds);
        prop_assert!(day.contains(seconds));
        prop_assert_eq!(day.to_string().parse(), Ok(day));
        prop_assert_eq!(BillDay::parse_compact(&day.compact()), Some(day));
    }
}
