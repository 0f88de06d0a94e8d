//! The console in a real Chromium, driven as a person would: the real binary, the real simulator,
//! real clicks and keys. Pictures of what was seen are left in `target/screenshots`.
//!
//! Needs `chromium`, `chromedriver` and axe-core (`scripts/browser` brings them). Where they are
//! missing the tests say so and pass, unless `TUIKUAN_TEST_BROWSER=required` is set, as it is for
//! `scripts/test`.
#![expect(
    clippy::print_stdout,
    reason = "what was skipped and how much was looked at belong to the result"
)]

mod asking;
mod axe;
mod batch;
mod comfort;
mod driver;
mod every_page;
mod first;
mod house;
mod reconciling;
mod searching;
mod second_person;
mod stay;
