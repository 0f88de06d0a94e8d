//! Amounts in Chinese capitals, as cheques and receipts have them: nobody mistakes 壹佰 for 壹仟.

use tuikuan_terms::Fen;

const DIGITS: [char; 10] = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'];
/// Within four digits, from the right.
const UNITS: [&str; 4] = ["", "拾", "佰", "仟"];
/// Of each four digits, from the right.
const GROUPS: [&str; 5] = ["", "万", "亿", "万", "亿"];

/// `壹佰贰拾捌元整`.
pub(crate) fn capital(amount: Fen) -> String {
    let fen = amount.get().unsigned_abs();
    let (yuan, jiao, fen) = (fen / 100, fen / 10 % 10, fen % 10);
    let mut text = whole(yuan);
    if !text.is_empty() {
        text.push('元');
    }
    match (jiao, fen) {
        (0, 0) if text.is_empty() => text.push_str("零元整"),
        (0, 0) => text.push('整'),
        (0, fen) => {
            if !text.is_empty() {
                text.push('零');
            }
            push(&mut text, fen, "分");
        }
        (jiao, 0) => push(&mut text, jiao, "角"),
        (jiao, fen) => {
            push(&mut text, jiao, "角");
            push(&mut text, fen, "分");
        }
    }
    text
}

fn push(text: &mut String, digit: u64, unit: &str) {
    let place = usize::try_from(digit).unwrap_or(0);
    text.push(DIGITS.get(place).copied().unwrap_or('零'));
    text.push_str(unit);
}

/// The yuan, without the word; empty for none.
fn whole(yuan: u64) -> String {
    let digits = yuan.to_string();
    let mut text = String::new();
    let (mut skipped, mut spoken) = (false, false);
    for (place, digit) in digits.bytes().enumerate() {
        let right = digits.len().saturating_sub(place).saturating_sub(1);
        let digit = u64::from(digit.saturating_sub(b'0'));
        if digit == 0 {
            skipped = true;
        } else {
            if skipped && !text.is_empty() {
                text.push('零');
            }
            skipped = false;
            spoken = true;
            push(
                &mut text,
                digit,
                UNITS.get(right % 4).copied().unwrap_or_default(),
            );
        }
        if right % 4 == 0 && spoken {
            text.push_str(GROUPS.get(right / 4).copied().unwrap_or_default());
            spoken = false;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_on_a_cheque() {
        for (yuan, text) in [
            ("0", "零元整"),
            ("0.01", "壹分"),
            ("0.10", "壹角"),
            ("0.56", "伍角陆分"),
            ("1", "壹元整"),
            ("1.05", "壹元零伍分"),
            ("10.50", "壹拾元伍角"),
            ("128", "壹佰贰拾捌元整"),
            ("1005", "壹仟零伍元整"),
            ("1050.3", "壹仟零伍拾元叁角"),
            ("10000", "壹万元整"),
            ("100005", "壹拾万零伍元整"),
            ("1010000", "壹佰零壹万元整"),
            ("100000000", "壹亿元整"),
            ("100000005.07", "壹亿零伍元零柒分"),
            (
                "1234567890.12",
                "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分",
            ),
            ("10000000000", "壹佰亿元整"),
        ] {
            assert_eq!(capital(Fen::from_yuan(yuan).unwrap()), text);
        }
    }
}
