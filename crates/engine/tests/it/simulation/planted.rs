//! Bugs on purpose: the simulation finds each of them, and nothing where nothing is planted. Run
//! with `--features planted`.

use std::sync::Mutex;
use std::time::Instant;

use tuikuan_domain::planted::{Bug, plant};

use super::life::Life;

/// A bug that stays hidden in so many seeds was not found.
const SEEDS_MAX: u64 = 150;
/// Seeds in which nothing may be found when nothing is planted.
const SOUND_SEEDS: u64 = 20;

/// The first seed that finds a bug, and what it says.
fn hunt(bug: Option<Bug>, seeds: u64) -> Option<(u64, String)> {
    plant(bug);
    let found = (1..=seeds).find_map(|seed| match Life::run(seed) {
        Ok(_) => None,
        Err(finding) => Some((seed, finding.what)),
    });
    plant(None);
    found
}

#[test]
fn planted_bugs_are_found_and_nothing_else() {
    // What is planted panics now and then; the finding says enough.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let bugs = Bug::ALL.into_iter().map(Some);
    let waiting = Mutex::new(std::iter::once(None).chain(bugs).collect::<Vec<_>>());
    let wrong = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A bug is planted in one thread only.
                while let Some(bug) = { waiting.lock().unwrap().pop() } {
                    if let Some(line) = judged(bug) {
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Hunts a bug, or shows that nothing is found without one; what is wrong with the result.
#[expect(clippy::print_stdout, reason = "says which seed found it")]
fn judged(bug: Option<Bug>) -> Option<String> {
    let begun = Instant::now();
    let seeds = bug.map_or(SOUND_SEEDS, |_| SEEDS_MAX);
    let found = hunt(bug, seeds);
    let took = begun.elapsed().as_millis();
    match (bug, found) {
        (Some(bug), Some((seed, what))) => {
            println!("{bug:?}: found by seed {seed}, {took} ms: {what}");
            None
        }
        (None, None) => {
            println!("nothing planted, nothing found in {seeds} seeds, {took} ms");
            None
        }
        (Some(bug), None) => Some(format!("{bug:?} was not found in {seeds} seeds")),
        (None, Some((seed, what))) => Some(format!("found without a bug: seed {seed}: {what}")),
    }
}
