//! Years in the life of a receiver, simulated: rotations, outages, revocations, restarts and hostile callers, on a paused
//! clock and from one seed.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `SIGNER_YEAR_SECONDS` | how long years are simulated, in seconds of real time; the last year is completed | 20 |
//! | `SIGNER_YEAR_SEED` | the seed of the first year | 11; a random one if `SIGNER_YEAR_SECONDS` is set |
//! | `SIGNER_YEAR_SURVEY` | if set, a broken promise does not end the test, which counts them instead | not set |
//!
//! A failure prints the seed of its year, which makes that year the first. For an hour, build with `--release`: most of the
//! time is spent on parsing certificates.

mod bounds;
mod changes;
mod fakes;
mod ground;
mod memory;
mod model;
mod pki;
mod plan;
mod random;
mod traffic;
mod truth;
mod twins;
mod world;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

use ground::Failure;
use model::Rule;
use pki::POOL;
use plan::Plan;
use random::Random;
use world::World;

/// A completed year.
#[derive(Default)]
struct Year {
    steps: usize,
    responses: usize,
    fetches: usize,
    failures: Vec<Failure>,
}

/// The number of times that a promise was broken, and the first one.
struct Broken {
    times: usize,
    /// The seeds of the years.
    years: Vec<u64>,
    first: String,
}

#[test]
fn a_year_holds() {
    // Keys are slow to make.
    LazyLock::force(&POOL);
    let surveys = std::env::var_os("SIGNER_YEAR_SURVEY").is_some();
    let start = Instant::now();
    let (mut years, mut all) = (0, Year::default());
    let mut broken: BTreeMap<Rule, Broken> = BTreeMap::new();
    for seed in seeds() {
        let year = simulate(seed, !surveys);
        years += 1;
        all.steps += year.steps;
        all.responses += year.responses;
        all.fetches += year.fetches;
        count(&mut broken, seed, &year.failures);
        if start.elapsed() > budget() || (!surveys && !broken.is_empty()) {
            break;
        }
    }
    println!(
        "{years} years of {} steps, {} responses and {} fetches in {:?}",
        all.steps,
        all.responses,
        all.fetches,
        start.elapsed()
    );
    for (rule, of_rule) in &broken {
        let Broken { times, years, first } = of_rule;
        println!("{rule:?}: broken {times} times in the years {years:?}, first:\n{first}\n");
    }
    assert!(broken.is_empty(), "see above");
}

fn count(broken: &mut BTreeMap<Rule, Broken>, seed: u64, failures: &[Failure]) {
    let mut in_year: BTreeMap<Rule, usize> = BTreeMap::new();
    for failure in failures {
        broken.entry(failure.rule()).or_insert_with(|| Broken {
            times: 0,
            years: Vec::new(),
            first: format!("SIGNER_YEAR_SEED={seed}, {failure}"),
        });
        *in_year.entry(failure.rule()).or_default() += 1;
    }
    for (rule, times) in in_year {
        let of_rule = broken.get_mut(&rule).unwrap();
        of_rule.years.push(seed);
        of_rule.times += times;
    }
}

/// The seeds of successive years: modes take turns by their lowest bit.
fn seeds() -> impl Iterator<Item = u64> {
    let first = match std::env::var("SIGNER_YEAR_SEED") {
        Ok(seed) => seed.parse().expect("SIGNER_YEAR_SEED is a number"),
        Err(_) if std::env::var("SIGNER_YEAR_SECONDS").is_ok() => {
            RandomState::new().build_hasher().finish()
        }
        Err(_) => 11,
    };
    println!("SIGNER_YEAR_SEED={first}");
    std::iter::successors(Some(first), |seed| Some(Random::new(*seed).next() & !1 | (seed & 1 ^ 1)))
}

fn budget() -> Duration {
    let seconds = std::env::var("SIGNER_YEAR_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("SIGNER_YEAR_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(20))
}

/// Simulates the year of a seed, to its end or to its first failure.
fn simulate(seed: u64, stops: bool) -> Year {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let baseline = Handle::current().metrics().num_alive_tasks();
        let world = World::new(seed);
        let mut plan = Plan::new(seed, world.clone());
        let mut steps = 0;
        while !plan.is_over() {
            steps += 1;
            world.ground.lock().step = steps;
            plan.step().await;
            if stops && !world.ground.lock().failures.is_empty() {
                break;
            }
        }
        // The last retries end, and then everything under way.
        sleep(Duration::from_secs(7_200)).await;
        let mut ground = world.ground.lock();
        let tasks = Handle::current().metrics().num_alive_tasks();
        let most = ground.bounds.most_under_way;
        ground.log(format!(
            "the year is over: {tasks} tasks are left, and at most {most} fetches were under way"
        ));
        let settled = ground.bounds.settled(tasks, baseline);
        ground.record(settled);
        Year {
            steps,
            responses: ground.responses,
            fetches: ground.bounds.total,
            failures: std::mem::take(&mut ground.failures),
        }
    })
}
