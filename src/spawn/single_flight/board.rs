//! The state of all work: flights under way and failures.
//!
//! One call of [`SingleFlight::join_or_start`] decides under one lock, in this order: work that is under way is joined; a failure
//! that cools down is returned; the caller may decline; otherwise the attempt is recorded, and starts after the lock is released.
//! So two callers cannot both start, and an attempt that never runs is known nevertheless.
//!
//! Whatever is removed is dropped after the lock is released: errors and outcomes may hold values of the application, whose
//! destructors could call back.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::failure::{Failure, Times};
use super::flight::{Flight, Task, Waiter, caught};
use super::moment::Moment;
use super::primitives::{Mutex, MutexGuard};
use crate::spawn::Spawn;

/// The reason why work ended without an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interrupted {
    /// It panicked.
    Panicked,
    /// Its deadline passed, or its runtime was shut down.
    Stopped,
}

/// The result of [`SingleFlight::join_or_start`].
///
/// The caller decides what each of them means: a callback waits for joined work, a refresh does not.
pub(crate) enum Start<T, E, S>
where
    T: Send + 'static,
    E: Send + 'static,
{
    /// Not started: the last attempt failed.
    Cooling(Failure<E>),
    /// Not started: the caller's own check declined.
    Declined(S),
    /// Already under way.
    Joined(Waiter<Result<T, E>>),
    /// Started now.
    Started(Waiter<Result<T, E>>),
}

/// Work by key. There is at most one piece of work for a key at a time.
///
/// `K` is the key, `T` what the work returns, `E` its error. Values are cloned for each waiter, so they are small or shared.
pub(crate) struct SingleFlight<K, T, E> {
    board: Arc<Mutex<Board<K, T, E>>>,
    /// How many flights were started, which numbers them. Read without the lock.
    started: AtomicU64,
    spawn: Arc<dyn Spawn>,
    times: Times,
    interrupted: fn(&K, Interrupted) -> E,
}

/// Bounded: work under way by the callers' own limits, failures by [`MAX_FAILURES`].
struct Board<K, T, E> {
    under_way: HashMap<K, UnderWay<T, E>>,
    failures: HashMap<K, Failure<E>>,
}

/// Removed entries. They are dropped outside the lock, because an error may hold values of the application.
type Removed<T, E> = (Option<UnderWay<T, E>>, Option<Failure<E>>);

type SharedFlight<T, E> = Arc<Flight<Result<T, E>>>;

/// Work that has not ended, or that ended well and is still joined.
struct UnderWay<T, E> {
    flight: SharedFlight<T, E>,
    number: u64,
    since: Moment,
    /// It has succeeded, and is joined until it is too old.
    is_finished: bool,
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    /// `interrupted` returns the error for work that ended without an outcome.
    pub(crate) fn new(
        spawn: Arc<dyn Spawn>,
        times: Times,
        interrupted: fn(&K, Interrupted) -> E,
    ) -> Self {
        let board = Board { under_way: HashMap::new(), failures: HashMap::new() };
        Self {
            board: Arc::new(Mutex::new(board)),
            started: AtomicU64::new(0),
            spawn,
            times,
            interrupted,
        }
    }

    /// Joins the work for `key`, or starts the future that `work` returns for its number. Later work has a higher number.
    ///
    /// `may_start` is called last, under the lock: the effects of work that ended since the caller looked are visible to it. It
    /// must not block or call back.
    pub(crate) fn join_or_start<S, W>(
        &self,
        key: &K,
        now: Duration,
        may_start: impl FnOnce() -> Result<(), S>,
        work: impl FnOnce(u64) -> W,
    ) -> Start<T, E, S>
    where
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let now = Moment::now(now, &self.spawn);
        let overdue = self.overdue(&now);
        drop(overdue);
        let forgotten;
        let (flight, finisher) = {
            let mut board = lock(&self.board);
            forgotten = board.forget(&now, self.times.kept);
            if let Some(under_way) = board.under_way.get(key) {
                return Start::Joined(Waiter::new(&under_way.flight));
            }
            if let Some(failure) = board.failures.get(key).filter(|it| it.is_cooling(&now)) {
                return Start::Cooling(failure.clone());
            }
            if let Err(declined) = may_start() {
                return Start::Declined(declined);
            }
            self.begin(&mut board, key, &now)
        };
        drop(forgotten);
        let waiter = Waiter::new(&flight);
        let work = work(finisher.number);
        self.run(&flight, finisher, work);
        Start::Started(waiter)
    }

    /// The number of the work that was started last.
    #[cfg_attr(not(feature = "receiver"), expect(dead_code, reason = "for the fetches of signers"))]
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Acquire)
    }

    /// The remembered failure for `key`, also after its cool-down.
    #[cfg_attr(
        not(any(feature = "event-grid-receive", feature = "receiver")),
        expect(dead_code, reason = "tokens are not spaced")
    )]
    pub(crate) fn failure(&self, key: &K) -> Option<Failure<E>> {
        lock(&self.board).failures.get(key).cloned()
    }

    /// Remembers a failure that was detected after the work had succeeded. The work started at the time `started`.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "for work whose outcome is checked later")
    )]
    pub(crate) fn fail(&self, key: &K, started: &Moment, error: E) {
        let mut board = lock(&self.board);
        let failure = Failure::after(board.failures.get(key), error, started, self.times);
        let before = board.failures.insert(key.clone(), failure);
        drop(board);
        drop(before);
    }

    /// Forgets every failure: their causes may be gone.
    #[cfg_attr(not(feature = "receiver"), expect(dead_code, reason = "for the fetches of signers"))]
    pub(crate) fn forget_failures(&self) {
        let failures = std::mem::take(&mut lock(&self.board).failures);
        drop(failures);
    }

    /// The number and the entry are made under the same lock, so that numbers follow the order of entries.
    fn begin(
        &self,
        board: &mut Board<K, T, E>,
        key: &K,
        now: &Moment,
    ) -> (SharedFlight<T, E>, Finisher<K, T, E>) {
        let number = self.started.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let flight = Arc::new(Flight::new());
        let under_way = UnderWay {
            flight: Arc::clone(&flight),
            number,
            since: now.clone(),
            is_finished: false,
        };
        let finisher = self.finisher(key, &under_way);
        board.under_way.insert(key.clone(), under_way);
        (flight, finisher)
    }

    /// If no runtime takes the task, the waiters drive it.
    fn run<W>(&self, flight: &SharedFlight<T, E>, mut finisher: Finisher<K, T, E>, work: W)
    where
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let task: Task = Box::pin(async move {
            match caught(work).await {
                Some(outcome) => finisher.finish(outcome),
                None => finisher.interrupt(Interrupted::Panicked),
            }
        });
        match self.spawn.spawn(task, self.times.limit) {
            Ok(()) => self.watch(flight),
            Err(task) => flight.drive_by_callers(task),
        }
    }

    /// Dismisses the waiters when their patience ends.
    fn watch(&self, flight: &SharedFlight<T, E>) {
        let timer = Timer(Arc::downgrade(flight));
        let finished = Waiter::patient(flight);
        let task: Task = Box::pin(async move {
            let _ = finished.await;
            drop(timer);
        });
        // A spawner that accepts no tasks any more has dropped the work, too.
        let _ = self.spawn.spawn(task, self.times.patience);
    }

    /// They are ended outside the lock, by dropping what this returns.
    fn overdue(&self, now: &Moment) -> Vec<Finisher<K, T, E>> {
        let board = lock(&self.board);
        let is_overdue = |work: &UnderWay<T, E>| {
            let limit = self.times.limit;
            let is_over = match work.flight.is_caller_driven() {
                true => work.since.age_at(now) > limit,
                // The spawner ends spawned work, and had twice the time to do so.
                false => work.since.elapsed_at(now) > limit.saturating_mul(2),
            };
            !work.is_finished && is_over
        };
        let overdue = board.under_way.iter().filter(|(_, work)| is_overdue(work));
        overdue.map(|(key, work)| self.finisher(key, work)).collect()
    }

    /// The right to end this work. The number prevents it from ending later work of the same key.
    fn finisher(&self, key: &K, work: &UnderWay<T, E>) -> Finisher<K, T, E> {
        Finisher {
            board: Arc::downgrade(&self.board),
            flight: Some(Arc::downgrade(&work.flight)),
            interrupted: self.interrupted,
            key: key.clone(),
            number: work.number,
            started: work.since.clone(),
            times: self.times,
        }
    }
}

impl<K: Clone + Eq + Hash, T, E> Board<K, T, E> {
    /// Takes out everything that is over. After a jump of the clock forward, failures that still cool down stay.
    fn forget(&mut self, now: &Moment, kept: Duration) -> Vec<Removed<T, E>> {
        let is_over = |work: &UnderWay<T, E>| work.is_finished && work.since.age_at(now) >= kept;
        let finished = self.under_way.extract_if(|_, work| is_over(work));
        let mut removed: Vec<_> = finished.map(|(_, work)| (Some(work), None)).collect();
        let is_full = self.failures.len() > MAX_FAILURES;
        let failures = self
            .failures
            .extract_if(|_, failure| failure.is_old(now) || is_full && !failure.is_cooling(now));
        removed.extend(failures.map(|(_, failure)| (None, Some(failure))));
        removed
    }
}

/// Finishes a flight, also by being dropped.
///
/// However the task ends, it is dropped: so no waiter waits forever.
struct Finisher<K: Clone + Eq + Hash, T, E: Clone> {
    board: Weak<Mutex<Board<K, T, E>>>,
    /// Weak, because a caller-driven flight holds the task, which holds this.
    flight: Option<Weak<Flight<Result<T, E>>>>,
    interrupted: fn(&K, Interrupted) -> E,
    key: K,
    number: u64,
    started: Moment,
    times: Times,
}

impl<K: Clone + Eq + Hash, T, E: Clone> Finisher<K, T, E> {
    /// Records the outcome, then wakes the waiters.
    fn finish(&mut self, outcome: Result<T, E>) {
        let Some(flight) = self.flight.take().and_then(|flight| flight.upgrade()) else {
            return;
        };
        if let Some(board) = self.board.upgrade() {
            let ended = self.record(&mut lock(&board), outcome.as_ref().err());
            drop(ended);
        }
        flight.finish(outcome);
    }

    /// Does nothing if the work has ended.
    fn interrupt(&mut self, cause: Interrupted) {
        if self.flight.is_some() {
            let error = (self.interrupted)(&self.key, cause);
            self.finish(Err(error));
        }
    }

    /// Returns what was replaced, for the caller to drop outside the lock.
    fn record(&self, board: &mut Board<K, T, E>, error: Option<&E>) -> Removed<T, E> {
        let under_way = board.under_way.get_mut(&self.key);
        let Some(under_way) = under_way.filter(|work| work.number == self.number) else {
            return (None, None);
        };
        if error.is_none() && !self.times.kept.is_zero() {
            under_way.is_finished = true;
            return (None, board.failures.remove(&self.key));
        }
        let failure = error.map(|error| {
            let before = board.failures.get(&self.key);
            Failure::after(before, error.clone(), &self.started, self.times)
        });
        let before = match failure {
            Some(failure) => board.failures.insert(self.key.clone(), failure),
            None => board.failures.remove(&self.key),
        };
        (board.under_way.remove(&self.key), before)
    }
}

impl<K: Clone + Eq + Hash, T, E: Clone> Drop for Finisher<K, T, E> {
    fn drop(&mut self) {
        self.interrupt(Interrupted::Stopped);
    }
}

/// Ends the patience of the waiters when it is dropped.
struct Timer<T>(Weak<Flight<T>>);

impl<T> Drop for Timer<T> {
    fn drop(&mut self) {
        if let Some(flight) = self.0.upgrade() {
            flight.be_late();
        }
    }
}

impl<K, T, E> fmt::Debug for SingleFlight<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight")
            .field("spawn", &self.spawn)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// Every change under the lock is complete, so a poisoned lock is safe to use.
///
/// No holder runs foreign code, so none can panic halfway.
fn lock<B>(board: &Mutex<B>) -> MutexGuard<'_, B> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most failures that are remembered after their cool-down.
const MAX_FAILURES: usize = 512;
