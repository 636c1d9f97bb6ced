//! Who asks for what, what is under way, and what failed.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::flight::{Flight, Task, Waiter, caught};
use super::moment::Moment;
use super::primitives::{Mutex, MutexGuard};
use crate::spawn::Spawn;

/// Why work ended without an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interrupted {
    /// It panicked.
    Panicked,
    /// Its deadline passed, or its runtime was shut down.
    Stopped,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// After which time the work is stopped.
    pub(crate) limit: Duration,
    /// After which time those who wait leave. Counted from the start of the work.
    pub(crate) patience: Duration,
    /// The least time from one start to the next, if the first failed. Each failure in a row adds as much.
    pub(crate) cool_down: Duration,
    /// The most that it grows to.
    pub(crate) longest_cool_down: Duration,
    /// For how long after its start a success is joined like work that is under way.
    pub(crate) kept: Duration,
}

/// A failure that is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    /// When the first failure in a row started.
    pub(crate) since: Moment,
    /// When the last one started.
    pub(crate) at: Moment,
    /// How long after that the next one may start.
    cool_down: Duration,
    in_a_row: u32,
}

impl<E> Failure<E> {
    /// One that stands behind `before`, of an attempt that started at the time `at`.
    fn after(before: Option<&Self>, error: E, at: &Moment, times: Times) -> Self {
        let in_a_row = before.map_or(0, |before| before.in_a_row).saturating_add(1);
        let cool_down = times.cool_down.saturating_mul(in_a_row);
        let cool_down = cool_down.min(times.longest_cool_down);
        Self {
            error,
            since: before.map_or(at, |before| &before.since).clone(),
            at: at.clone(),
            cool_down,
            in_a_row,
        }
    }

    /// How long until the next attempt may start, by the caller's clock.
    #[cfg_attr(
        not(any(feature = "event-grid-receive", feature = "receiver")),
        expect(dead_code, reason = "tokens are not spaced")
    )]
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        let end = self.at.time.saturating_add(self.cool_down);
        end.saturating_sub(now).min(self.cool_down)
    }

    fn is_cooling(&self, now: &Moment) -> bool {
        self.at.age_at(now) < self.cool_down
    }
}

/// What asking for work comes to.
pub(crate) enum Start<T, E, S>
where
    T: Send + 'static,
    E: Send + 'static,
{
    /// It was not started: the last attempt failed.
    Cooling(Failure<E>),
    /// It was not started: the caller's own check said so.
    Declined(S),
    /// It is under way.
    Joined(Waiter<Result<T, E>>),
    /// It has begun.
    Started(Waiter<Result<T, E>>),
}

/// Work by key, each done once at a time.
pub(crate) struct SingleFlight<K, T, E> {
    board: Arc<Mutex<Board<K, T, E>>>,
    /// How many flights there were, which numbers them. Read without the lock.
    started: AtomicU64,
    spawn: Arc<dyn Spawn>,
    times: Times,
    interrupted: fn(&K, Interrupted) -> E,
}

struct Board<K, T, E> {
    under_way: HashMap<K, UnderWay<T, E>>,
    failures: HashMap<K, Failure<E>>,
}

/// What leaves the board: it is dropped outside of the lock, because an error may hold what is somebody's.
type Leaving<T, E> = (Option<UnderWay<T, E>>, Option<Failure<E>>);

type SharedFlight<T, E> = Arc<Flight<Result<T, E>>>;

struct UnderWay<T, E> {
    flight: SharedFlight<T, E>,
    number: u64,
    since: Moment,
    has_landed: bool,
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    /// `interrupted` makes the error of work that ended without an outcome.
    pub(crate) fn new(
        spawn: Arc<dyn Spawn>,
        times: Times,
        interrupted: fn(&K, Interrupted) -> E,
    ) -> Self {
        let board = Board {
            under_way: HashMap::new(),
            failures: HashMap::new(),
        };
        Self {
            board: Arc::new(Mutex::new(board)),
            started: AtomicU64::new(0),
            spawn,
            times,
            interrupted,
        }
    }

    /// Joins the work for `key`, or starts it with what `work` gives for its number: later work has a higher one.
    ///
    /// `may_start` is asked last, before work is started, and under the lock: work that ended since the caller looked has
    /// left its mark by then. It must not wait or call back.
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
        let (flight, landing) = {
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
            self.take_off(&mut board, key, &now)
        };
        drop(forgotten);
        let waiter = Waiter::new(&flight);
        let work = work(landing.number);
        self.launch(&flight, landing, work);
        Start::Started(waiter)
    }

    /// The number of the last work that was started.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "for the fetches of signers")
    )]
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Acquire)
    }

    /// The failure for `key` that is remembered, also once its cool-down is over.
    #[cfg_attr(
        not(any(feature = "event-grid-receive", feature = "receiver")),
        expect(dead_code, reason = "tokens are not spaced")
    )]
    pub(crate) fn failure(&self, key: &K) -> Option<Failure<E>> {
        lock(&self.board).failures.get(key).cloned()
    }

    /// Remembers a failure that showed after work that started at the time `started` had succeeded.
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

    /// Forgets every failure: what caused them may be gone.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "for the fetches of signers")
    )]
    pub(crate) fn forget_failures(&self) {
        let failures = std::mem::take(&mut lock(&self.board).failures);
        drop(failures);
    }

    fn take_off(
        &self,
        board: &mut Board<K, T, E>,
        key: &K,
        now: &Moment,
    ) -> (SharedFlight<T, E>, Landing<K, T, E>) {
        let number = self.started.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let flight = Arc::new(Flight::new());
        let under_way = UnderWay {
            flight: Arc::clone(&flight),
            number,
            since: now.clone(),
            has_landed: false,
        };
        let landing = self.landing(key, &under_way);
        board.under_way.insert(key.clone(), under_way);
        (flight, landing)
    }

    fn launch<W>(&self, flight: &SharedFlight<T, E>, mut landing: Landing<K, T, E>, work: W)
    where
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let task: Task = Box::pin(async move {
            match caught(work).await {
                Some(outcome) => landing.land(outcome),
                None => landing.interrupt(Interrupted::Panicked),
            }
        });
        match self.spawn.spawn(task, self.times.limit) {
            Ok(()) => self.watch(flight),
            Err(task) => flight.drive_by_callers(task),
        }
    }

    /// Sends those away who have waited for long enough.
    fn watch(&self, flight: &SharedFlight<T, E>) {
        let timer = Timer(Arc::downgrade(flight));
        let landed = Waiter::patient(flight);
        let task: Task = Box::pin(async move {
            let _ = landed.await;
            drop(timer);
        });
        // A spawner that takes no more tasks has dropped the work, too.
        let _ = self.spawn.spawn(task, self.times.patience);
    }

    /// Flights past their limit: those that callers drive, if none does any more, and those that were spawned, if their runtime
    /// does not run.
    fn overdue(&self, now: &Moment) -> Vec<Landing<K, T, E>> {
        let board = lock(&self.board);
        let is_overdue = |work: &UnderWay<T, E>| {
            let limit = self.times.limit;
            let is_over = match work.flight.is_caller_driven() {
                true => work.since.age_at(now) > limit,
                // The spawner ends it, and had as long again for it. A clock that is set forward must not.
                false => work.since.elapsed_at(now) > limit.saturating_mul(2),
            };
            !work.has_landed && is_over
        };
        let overdue = board.under_way.iter().filter(|(_, work)| is_overdue(work));
        overdue.map(|(key, work)| self.landing(key, work)).collect()
    }

    fn landing(&self, key: &K, work: &UnderWay<T, E>) -> Landing<K, T, E> {
        Landing {
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
    /// Takes out what is over. A clock that jumps forward forgets nothing that still cools afterwards.
    fn forget(&mut self, now: &Moment, kept: Duration) -> Vec<Leaving<T, E>> {
        let is_over = |work: &UnderWay<T, E>| work.has_landed && work.since.age_at(now) >= kept;
        let landed = self.under_way.extract_if(|_, work| is_over(work));
        let mut leaving: Vec<_> = landed.map(|(_, work)| (Some(work), None)).collect();
        let is_full = self.failures.len() > MAX_FAILURES;
        let failures = self.failures.extract_if(|_, failure| {
            let is_old = failure.at.age_at(now) >= failure.cool_down.saturating_add(REMEMBERED);
            is_old || is_full && !failure.is_cooling(now)
        });
        leaving.extend(failures.map(|(_, failure)| (None, Some(failure))));
        leaving
    }
}

/// Ends a flight, also by being dropped.
struct Landing<K: Clone + Eq + Hash, T, E: Clone> {
    board: Weak<Mutex<Board<K, T, E>>>,
    /// Weak, because the flight holds the task, and so this, where its waiters drive it.
    flight: Option<Weak<Flight<Result<T, E>>>>,
    interrupted: fn(&K, Interrupted) -> E,
    key: K,
    number: u64,
    started: Moment,
    times: Times,
}

impl<K: Clone + Eq + Hash, T, E: Clone> Landing<K, T, E> {
    /// Records the outcome, then wakes those who wait.
    fn land(&mut self, outcome: Result<T, E>) {
        let Some(flight) = self.flight.take().and_then(|flight| flight.upgrade()) else {
            return;
        };
        if let Some(board) = self.board.upgrade() {
            let ended = self.record(&mut lock(&board), outcome.as_ref().err());
            drop(ended);
        }
        flight.land(outcome);
    }

    fn interrupt(&mut self, cause: Interrupted) {
        if self.flight.is_some() {
            let error = (self.interrupted)(&self.key, cause);
            self.land(Err(error));
        }
    }

    fn record(&self, board: &mut Board<K, T, E>, error: Option<&E>) -> Leaving<T, E> {
        let under_way = board.under_way.get_mut(&self.key);
        let Some(under_way) = under_way.filter(|work| work.number == self.number) else {
            return (None, None);
        };
        if error.is_none() && !self.times.kept.is_zero() {
            under_way.has_landed = true;
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

impl<K: Clone + Eq + Hash, T, E: Clone> Drop for Landing<K, T, E> {
    fn drop(&mut self) {
        self.interrupt(Interrupted::Stopped);
    }
}

/// Ends the patience of those who wait when it is dropped.
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

/// No holder of the lock can leave the board half-changed, so a panic elsewhere does not matter.
fn lock<B>(board: &Mutex<B>) -> MutexGuard<'_, B> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For how long a failure is remembered after its cool-down, so that the next one in a row cools down for longer.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
/// How many failures are remembered after their cool-down.
const MAX_FAILURES: usize = 512;
