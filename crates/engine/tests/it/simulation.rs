//! Engine, store and simulator in one process and one thread, in virtual time, from one seed
//! (INV-44): what an unlucky year brings in some milliseconds. Every commit is held against the
//! simulator's books and the contract; a finding names the rule, the seed and how to replay it.
//!
//! `TUIKUAN_SIM_LIVES` says how many refunds are simulated, `TUIKUAN_SIM_SEED` where the seeds
//! begin; `scripts/simulate` runs the full number.

mod act;
mod check;
mod dice;
mod end;
mod keys;
mod life;
mod plan;
#[cfg(feature = "planted")]
mod planted;
mod stage;
mod task;
mod time;
mod trace;
mod wire;

use life::{Finding, Life, Outcome};

/// Lives in a usual test run.
const LIVES: u64 = 2_000;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => otherwise,
    }
}

#[test]
fn every_life_ends_as_the_books_say() {
    let (lives, first) = (
        number("TUIKUAN_SIM_LIVES", LIVES),
        number("TUIKUAN_SIM_SEED", 1),
    );
    let mut total = Outcome::default();
    let mut seed = first;
    while total.lives < lives {
        match Life::run(seed) {
            Ok(outcome) => total.add(&outcome),
            Err(finding) => panic!("{finding}"),
        }
        seed += 1;
    }
    println!("seeds {first} to {}: {total}", seed - 1);
}

#[test]
fn one_seed_gives_one_trace() {
    let seed = number("TUIKUAN_SIM_SEED", 1);
    for seed in seed..seed + 3 {
        let (first, second) = (Life::traced(seed), Life::traced(seed));
        let differs = first.iter().zip(&second).find(|(a, b)| a != b);
        assert!(differs.is_none(), "seed {seed}: {differs:?}");
        assert_eq!(first.len(), second.len());
        assert!(first.len() > 100, "the trace says little");
    }
    let other = Life::traced(seed + 1);
    assert_ne!(Life::traced(seed), other, "the seed changes nothing");
}

/// The trace of one seed, for reading: `TUIKUAN_SIM_SEED=7 cargo test ... -- --ignored trace`.
#[test]
#[ignore = "prints"]
fn trace_of_one_seed() {
    for line in Life::traced(number("TUIKUAN_SIM_SEED", 1)) {
        println!("{line}");
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seed = self.seed;
        writeln!(f, "seed {seed}: {}", self.what)?;
        write!(
            f,
            "replay: TUIKUAN_SIM_SEED={seed} TUIKUAN_SIM_LIVES=1 \
             cargo test -p tuikuan-engine --test it -- every_life"
        )
    }
}
