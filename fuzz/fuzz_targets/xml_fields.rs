//! Any bytes as a v2 message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuikuan_wechat::v2::Fields;

fuzz_target!(|data: &[u8]| {
    let Ok(fields) = Fields::parse(data) else {
        return;
    };
    let again = Fields::parse(fields.to_xml().as_bytes()).expect("what was written can be read");
    assert!(fields.iter().eq(again.iter()));
});
