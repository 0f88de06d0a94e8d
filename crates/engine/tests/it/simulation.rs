//! Engine, store and simulator in one process and one thread, in virtual time, from one seed
//! (INV-44): what an unlucky year brings in some milliseconds. Every commit is held against the
//! simulator's books and the contract; a finding names the rule, the seed and how to replay it.
//!
//! `TUIKUAN_SIM_LIVES` says how many refunds are simulated, `TUIKUAN_SIM_SEED` where the seeds
//! begin; `scripts/simulate` runs the full number.

mod act;
mod answers;
mod batches;
mod check;
mod crowd;
pub(crate) mod dice;
mod end;
mod keys;
mod life;
mod morning;
mod nodes;
mod outcome;
mod people;
mod plan;
#[cfg(feature = "planted")]
mod planted;
mod postgres;
mod stage;
mod task;
mod time;
mod trace;
mod wire;

use life::Life;
use outcome::{Finding, Outcome};

/// Lives in a usual test run.
const LIVES: u64 = 2_000;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => otherwise,
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "counts for whoever asked for them")]
fn every_life_ends_as_the_books_say() {
    let lives = number("TUIKUAN_SIM_LIVES", LIVES);
    let first = number("TUIKUAN_SIM_SEED", 1);
    let threads =
        std::thread::available_parallelism().map_or(1, |n| u64::try_from(n.get()).unwrap());
    let share = lives.div_ceil(threads);
    let lived: Vec<_> = std::thread::scope(|scope| {
        // A life has one thread; several lives run beside each other.
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || live_through((first + thread, threads), share)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut total = Outcome::default();
    let mut findings = Vec::new();
    for outcome in lived {
        match outcome {
            Ok(outcome) => total.add(&outcome),
            Err(finding) => findings.push(finding),
        }
    }
    findings.sort_by_key(|finding| finding.seed);
    if let Some(finding) = findings.first() {
        panic!("{finding}");
    }
    println!("seeds from {first}: {total}");
}

/// Lives through every `step`-th seed until so many refunds were lived through.
fn live_through((first, step): (u64, u64), lives: u64) -> Result<Outcome, Finding> {
    let mut total = Outcome::default();
    let mut seed = first;
    while total.lives < lives {
        total.add(&Life::run(seed)?);
        seed += step;
    }
    Ok(total)
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
#[expect(clippy::print_stdout, reason = "that is what it is for")]
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
