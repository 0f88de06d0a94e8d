//! Bugs on purpose: the simulation finds each of them, and nothing where nothing is planted. Run
//! with `--features planted`.

use std::time::Instant;

use tuikuan_domain::planted::{Bug, plant};

use super::life::Life;

/// A bug that stays hidden in so many seeds was not found.
const SEEDS_MAX: u64 = 400;
/// Seeds in which nothing may be found when nothing is planted.
const SOUND_SEEDS: u64 = 25;

/// The seed that finds a bug, what it says and how many refunds were lived through until then.
fn hunt(bug: Option<Bug>, seeds: u64) -> Option<(u64, String, u64)> {
    let mut lives = 0;
    plant(bug);
    let found = (1..=seeds).find_map(|seed| match Life::run(seed) {
        Ok(outcome) => {
            lives += outcome.lives;
            None
        }
        Err(finding) => Some((seed, finding.what)),
    });
    plant(None);
    found.map(|(seed, what)| (seed, what, lives))
}

#[test]
fn planted_bugs_are_found_and_nothing_else() {
    assert_eq!(hunt(None, SOUND_SEEDS), None, "found without a bug");
    // What is planted panics now and then; the finding says enough.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut hidden = Vec::new();
    for bug in Bug::ALL {
        let begun = Instant::now();
        match hunt(Some(bug), SEEDS_MAX) {
            Some((seed, what, lives)) => {
                let took = begun.elapsed().as_millis();
                println!("{bug:?}: seed {seed}, after {lives} refunds, {took} ms: {what}");
            }
            None => hidden.push(bug),
        }
    }
    std::panic::set_hook(hook);
    assert_eq!(hidden, [], "not found");
}
