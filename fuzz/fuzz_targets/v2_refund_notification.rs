//! Any bytes as a v2 refund notification, then as the encrypted part of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuikuan_wechat::v2::{ApiV2Key, Fields};
use tuikuan_wechat::v2::notification::open_refund;
use tuikuan_wechat::v2::req_info::seal;

const MCH_ID: &str = "1900000109";

fuzz_target!(|data: &[u8]| {
    let key = ApiV2Key::from("0123456789abcdef0123456789abcdef");
    let _whatever = open_refund(data, MCH_ID, &key);
    let sealed = seal(data, &key).expect("anything can be sealed");
    let message: Fields = [
        ("return_code", "SUCCESS"),
        ("appid", "wx8888888888888888"),
        ("mch_id", MCH_ID),
        ("nonce_str", "TeqClE3i0mvn3DrK"),
        ("req_info", sealed.as_str()),
    ]
    .into_iter()
    .collect();
    let _whatever = open_refund(message.to_xml().as_bytes(), MCH_ID, &key);
});
