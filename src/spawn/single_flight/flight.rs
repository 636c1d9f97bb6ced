//! One piece of work with many waiters.
//!
//! A waiter registers its waker, looks at the state, and leaves with the outcome, or without one when its patience ends. It can be
//! dropped at any time: the others wait on.
//!
//! Where no runtime takes the task, the waiters drive it: each poll of a waiter polls the task, one at a time. The task is woken
//! through all waiters, and a waiter that is dropped passes its wake-up on, because any single one may be gone when the task can
//! go on. When the last waiter is dropped, the task stays where it is until the next one arrives.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::primitives::{Mutex, MutexGuard};

/// Runs a flight: it ends when the flight is finished.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that is under way, and the waiters for its outcome.
///
/// No lock is held while a foreign future, waker or destructor runs.
pub(super) struct Flight<T> {
    cell: Mutex<Cell<T>>,
}

/// All that changes, under one lock.
struct Cell<T> {
    state: State<T>,
    /// By the numbers of the waiters.
    wakers: BTreeMap<u64, Waker>,
    next_waiter: u64,
    /// The work, if no runtime accepted it: the waiters drive it.
    task: Option<Task>,
    is_caller_driven: bool,
}

/// It only moves down this list.
enum State<T> {
    UnderWay,
    /// Under way for longer than the waiters' patience.
    Late,
    Finished(T),
}

/// The flight takes longer than the waiters' patience. It goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Late;

impl<T> Flight<T> {
    pub(super) fn new() -> Self {
        Self {
            cell: Mutex::new(Cell {
                state: State::UnderWay,
                wakers: BTreeMap::new(),
                next_waiter: 0,
                task: None,
                is_caller_driven: false,
            }),
        }
    }

    /// Lets the waiters drive `task`.
    pub(super) fn drive_by_callers(&self, task: Task) {
        let mut cell = self.lock();
        cell.is_caller_driven = true;
        cell.task = Some(task);
    }

    pub(super) fn is_caller_driven(&self) -> bool {
        self.lock().is_caller_driven
    }

    /// Finishes the flight with `outcome`, unless it is finished.
    pub(super) fn finish(&self, outcome: T) {
        let (wakers, task) = {
            let mut cell = self.lock();
            if matches!(cell.state, State::Finished(_)) {
                return;
            }
            cell.state = State::Finished(outcome);
            (mem::take(&mut cell.wakers), cell.task.take())
        };
        wake(wakers);
        drop(task);
    }

    /// Dismisses present and future waiters.
    pub(super) fn be_late(&self) {
        let wakers = {
            let mut cell = self.lock();
            if !matches!(cell.state, State::UnderWay) {
                return;
            }
            cell.state = State::Late;
            mem::take(&mut cell.wakers)
        };
        wake(wakers);
    }

    /// The wakers are cloned first, because waking runs foreign code.
    fn wake_all(&self) {
        let wakers: Vec<_> = self.lock().wakers.values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Every change under the lock is complete, so a poisoned lock is safe to use.
    fn lock(&self) -> MutexGuard<'_, Cell<T>> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Flight<T> {
    /// Polls the task, if the waiters drive it and no other waiter is polling it.
    fn drive(self: &Arc<Self>) {
        let Some(mut task) = self.lock().task.take() else {
            return;
        };
        let waker = Waker::from(Arc::new(Progress(Arc::downgrade(self))));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let mut cell = self.lock();
            // The flight may have been finished as overdue meanwhile.
            let keep = !matches!(cell.state, State::Finished(_));
            cell.task = keep.then_some(task);
        }
    }
}

/// Wakes every waiter when a caller-driven task can go on, because any single one may be gone.
struct Progress<T>(Weak<Flight<T>>);

impl<T: Send + 'static> Wake for Progress<T> {
    fn wake(self: Arc<Self>) {
        if let Some(flight) = self.0.upgrade() {
            flight.wake_all();
        }
    }
}

/// Waits for a flight to finish.
pub(crate) struct Waiter<T: Send + 'static> {
    flight: Arc<Flight<T>>,
    number: u64,
    is_patient: bool,
}

impl<T: Send + 'static> Waiter<T> {
    pub(super) fn new(flight: &Arc<Flight<T>>) -> Self {
        let mut cell = flight.lock();
        let number = cell.next_waiter;
        cell.next_waiter = number.wrapping_add(1);
        drop(cell);
        Self { flight: Arc::clone(flight), number, is_patient: false }
    }

    /// A waiter without a limit to its patience.
    pub(super) fn patient(flight: &Arc<Flight<T>>) -> Self {
        let mut waiter = Self::new(flight);
        waiter.is_patient = true;
        waiter
    }

    /// Whether only waiters drive the flight.
    pub(crate) fn is_caller_driven(&self) -> bool {
        self.flight.is_caller_driven()
    }
}

impl<T: Clone + Send + 'static> Waiter<T> {
    /// With a waker, registers it unless the flight is over for this waiter.
    fn look(&self, waker: Option<&Waker>) -> Poll<Result<T, Late>> {
        let mut cell = self.flight.lock();
        match &cell.state {
            State::Finished(outcome) => return Poll::Ready(Ok(outcome.clone())),
            State::Late if !self.is_patient => return Poll::Ready(Err(Late)),
            State::Late | State::UnderWay => {}
        }
        // Dropping the previous waker may run foreign code.
        let before = waker.and_then(|waker| cell.wakers.insert(self.number, waker.clone()));
        drop(cell);
        drop(before);
        Poll::Pending
    }
}

impl<T: Clone + Send + 'static> Future for Waiter<T> {
    type Output = Result<T, Late>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The waker is registered first, so that no later change is missed.
        if let Poll::Ready(outcome) = self.look(Some(context.waker())) {
            return Poll::Ready(outcome);
        }
        self.flight.drive();
        self.look(None)
    }
}

impl<T: Send + 'static> Drop for Waiter<T> {
    fn drop(&mut self) {
        let (waker, must_wake) = {
            let mut cell = self.flight.lock();
            let waker = cell.wakers.remove(&self.number);
            (waker, cell.task.is_some())
        };
        drop(waker);
        // A wake-up for this waiter is passed on, because the task may not send another one.
        if must_wake {
            self.flight.wake_all();
        }
    }
}

fn wake(wakers: BTreeMap<u64, Waker>) {
    wakers.into_values().for_each(Waker::wake);
}

/// Runs `work`; `None` if it panics.
///
/// The future is dropped after a panic, and not polled again.
pub(super) async fn caught<W: Future>(work: W) -> Option<W::Output> {
    let mut work = Box::pin(work);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Err(_) => Poll::Ready(None),
    })
    .await
}
