//! Any text as the header `Authorization` of v3.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuikuan_wechat::v3::sign::Authorization;

fuzz_target!(|text: &str| {
    let _whatever = Authorization::parse(text);
});
