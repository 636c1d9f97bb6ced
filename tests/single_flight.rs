//! The single flight under loom, in every order of steps with up to three preemptions: its own files over loom's locks.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "the included files are used in part, and tests may panic"
)]

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use partner_center_webhooks::spawn::CallerDriven;

use board::{Interrupted, SingleFlight, Start};
use failure::Times;
use flight::Waiter;
use spawn::{Spawn, Task};

mod spawn {
    pub(crate) use partner_center_webhooks::spawn::{Spawn, Task};
}

mod primitives {
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

#[path = "../src/spawn/single_flight/board.rs"]
mod board;

#[path = "../src/spawn/single_flight/failure.rs"]
mod failure;

#[path = "../src/spawn/single_flight/flight.rs"]
mod flight;

#[path = "../src/spawn/single_flight/moment.rs"]
mod moment;

const TIMES: Times = Times {
    limit: Duration::from_secs(5),
    patience: Duration::from_secs(5),
    cool_down: Duration::from_secs(5),
    longest_cool_down: Duration::from_secs(15),
    kept: Duration::ZERO,
};

const NOW: Duration = Duration::from_secs(1_000_000);

type Flights = SingleFlight<u8, usize, Interrupted>;
type Outcome = Result<usize, Interrupted>;

fn flights(spawn: impl Spawn + 'static) -> Arc<Flights> {
    Arc::new(SingleFlight::new(Arc::new(spawn), TIMES, |_, cause| cause))
}

/// Runs the work in a thread of its own. The waiters' patience never ends.
#[derive(Default)]
struct Threads(std::sync::atomic::AtomicBool);

impl Spawn for Threads {
    fn spawn(&self, task: Task, _: Duration) -> Result<(), Task> {
        let is_timer = self.0.fetch_xor(true, Ordering::SeqCst);
        if is_timer {
            mem::forget(task);
        } else {
            thread::spawn(move || block_on(task));
        }
        Ok(())
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threads")
    }
}

/// Drops each task at once, like a runtime that has been shut down.
#[derive(Debug)]
struct Drops;

impl Spawn for Drops {
    fn spawn(&self, task: Task, _: Duration) -> Result<(), Task> {
        thread::spawn(move || drop(task));
        Ok(())
    }
}

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

fn join(
    flights: &Flights,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> Waiter<Outcome> {
    match flights.join_or_start(&1, NOW, || Ok::<_, ()>(()), move |_| work) {
        Start::Joined(waiter) | Start::Started(waiter) => waiter,
        Start::Cooling(_) | Start::Declined(()) => panic!("nothing failed before"),
    }
}

/// Work that waits until a gate is opened.
#[derive(Clone)]
struct Gate(Arc<Mutex<(bool, Option<Waker>)>>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((false, None))))
    }

    fn open(&self) {
        let waker = {
            let mut gate = self.0.lock().unwrap();
            gate.0 = true;
            gate.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn passed(self) -> Outcome {
        poll_fn(|context: &mut Context<'_>| {
            let mut gate = self.0.lock().unwrap();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        Ok(7)
    }
}

/// Polls once with a waker that does nothing, and drops the waiter.
fn look_once(waiter: Waiter<Outcome>) {
    let mut waiter = pin!(waiter);
    let _: Poll<_> = Pin::new(&mut waiter).poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn two_concurrent_callers_start_work_once_and_both_get_its_outcome() {
    model(|| {
        let flights = flights(Threads::default());
        let runs = Arc::new(AtomicUsize::new(0));
        let ask = {
            let (flights, runs) = (Arc::clone(&flights), Arc::clone(&runs));
            move || {
                // Finished work left its mark: the count.
                let may_start = || match runs.load(Ordering::SeqCst) {
                    0 => Ok(()),
                    done => Err(done),
                };
                let counted = Arc::clone(&runs);
                let work = |_| async move { Ok(counted.fetch_add(1, Ordering::SeqCst) + 1) };
                match flights.join_or_start(&1, NOW, may_start, work) {
                    Start::Joined(waiter) | Start::Started(waiter) => {
                        block_on(waiter).unwrap().unwrap()
                    }
                    Start::Declined(done) => done,
                    Start::Cooling(_) => panic!("nothing failed"),
                }
            }
        };
        let other = thread::spawn(ask.clone());
        assert_eq!(ask(), 1);
        assert_eq!(other.join().unwrap(), 1);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_dropped_task_notifies_its_waiters() {
    model(|| {
        let flights = flights(Drops);
        let waiter = join(&flights, std::future::pending());
        let outcome = block_on(waiter);
        assert!(matches!(outcome, Ok(Err(Interrupted::Stopped)) | Err(_)), "{outcome:?}");
    });
}

#[test]
fn no_wake_up_is_lost_when_a_driving_waiter_is_dropped() {
    model(|| {
        let flights = flights(CallerDriven::new());
        let gate = Gate::new();
        let stays = join(&flights, gate.clone().passed());
        let leaves = join(&flights, std::future::pending());
        let leaving = thread::spawn(move || look_once(leaves));
        let opening = thread::spawn(move || gate.open());
        // A lost wake-up is a deadlock here.
        assert_eq!(block_on(stays), Ok(Ok(7)));
        leaving.join().unwrap();
        opening.join().unwrap();
    });
}

#[test]
fn two_driving_waiters_get_one_outcome() {
    model(|| {
        let flights = flights(CallerDriven::new());
        let gate = Gate::new();
        let first = join(&flights, gate.clone().passed());
        let second = join(&flights, std::future::pending());
        let waiting = thread::spawn(move || block_on(second));
        gate.open();
        assert_eq!(block_on(first), Ok(Ok(7)));
        assert_eq!(waiting.join().unwrap(), Ok(Ok(7)));
    });
}

#[test]
fn a_panic_is_an_error_of_its_flight_and_the_next_one_starts_after_the_cool_down() {
    model(|| {
        std::panic::set_hook(Box::new(|_| {}));
        let flights = flights(CallerDriven::new());
        let panics = async { panic!("in a foreign client") };
        let waiter = join(&flights, panics);
        assert_eq!(block_on(waiter), Ok(Err(Interrupted::Panicked)));
        let start = |now| {
            let start = flights.join_or_start(&1, now, || Ok::<_, ()>(()), |_| async { Ok(1) });
            match start {
                Start::Cooling(failure) => Err(failure.wait(now)),
                Start::Joined(waiter) | Start::Started(waiter) => Ok(block_on(waiter)),
                Start::Declined(()) => panic!("it may start"),
            }
        };
        let until = NOW + TIMES.cool_down;
        let second = Duration::from_secs(1);
        assert_eq!(start(until - second), Err(second));
        assert_eq!(start(until), Ok(Ok(Ok(1))));
        let _ = std::panic::take_hook();
    });
}
