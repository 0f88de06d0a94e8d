//! The real service is killed at random moments under load, and started again; afterwards its books
//! must agree with the simulator's, whatever happened (INV-1, INV-3, INV-14, INV-15, INV-42). The
//! faults of the network are on the whole time. `scripts/torture` runs it in full.
//!
//! `TUIKUAN_TORTURE_ROUNDS` sets the number of kills, `TUIKUAN_TORTURE_SEED` the seed of the load,
//! `TUIKUAN_TORTURE_PROGRAM` another binary than the one built for the test (an absolute path).
#![expect(clippy::print_stdout, reason = "the counts are what it is run for")]

mod books;
mod cluster;
mod failover;
mod full;
mod load;
mod many;
mod nodes;
mod place;
mod proof;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::Tally;
use load::Load;
use place::{Place, Service};

const ROUNDS: u32 = 10;
/// The service dies so long after the load began, at most.
const LIFE_MS_MAX: u64 = 900;
/// Now and then it dies so soon after its birth.
const CHILDHOOD_MS_MAX: u64 = 120;

/// Random numbers enough for a test (xorshift64*).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of kills; scripts/torture runs it"]
async fn torture_kills_lose_nothing() {
    let rounds = u32::try_from(number("TUIKUAN_TORTURE_ROUNDS", u64::from(ROUNDS))).unwrap();
    let seed = number("TUIKUAN_TORTURE_SEED", 1);
    let began = Instant::now();
    let mut dice = Dice::new(seed);
    let place = Arc::new(Place::prepare(seed).await);
    place.faults_on().await;
    let mut tally = Tally::default();
    let mut load = Load::new(seed);
    let mut service = Service::start(&place).await;
    for round in 1..=rounds {
        let life = Duration::from_millis(50 + dice.below(LIFE_MS_MAX));
        let running = load.start(&place, round);
        tokio::time::sleep(life).await;
        if round % 4 == 0 {
            service.stop_in_order().await;
            tally.orderly += 1;
        } else {
            service.kill().await;
            tally.kills += 1;
        }
        load.collect(running).await;
        if round % 5 == 0 {
            let child = Service::spawn(&place);
            tokio::time::sleep(Duration::from_millis(dice.below(CHILDHOOD_MS_MAX))).await;
            child.kill().await;
            tally.kills += 1;
        }
        service = Service::start(&place).await;
        load.ask_again(&place).await;
        books::check_round(&place, &mut load).await;
        if round % 20 == 0 {
            println!(
                "round {round}: {} acknowledged, {:.0} s",
                load.acknowledged.len(),
                began.elapsed().as_secs_f64()
            );
        }
    }
    books::linger(&place).await;
    place.faults_off().await;
    books::drain(&place).await;
    books::compare(&place, &load, &mut tally).await;
    service.stop_in_order().await;
    println!("{}", tally.report(rounds, seed, began.elapsed()));
}
