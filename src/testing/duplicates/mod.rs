//! Whether an implementation of [`DuplicateGuard`] keeps the contract.

mod bench;
mod interrupted;
mod one_by_one;
mod races;
mod rule;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thiserror::Error;

use crate::duplicates::{DuplicateGuard, GuardError};
use bench::Bench;

/// Checks a [`DuplicateGuard`] against every rule of its contract.
///
/// `open` makes two nodes that share a new, empty store and read the time from the given clock; for a guard of one process
/// they are one. It is called once for each rule. `lease` is how long an attempt may take, and `time_to_live` how long at
/// least is remembered what was done: whole seconds, the lease at least two, and the time to live at least twice the lease.
/// Nothing waits in real time.
///
/// Some of the claims are made on threads of their own, in the context of the caller's tokio runtime if there is one.
///
/// # Errors
///
/// [`Nonconformance`] with the first rule that does not hold.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
/// use partner_center_webhooks::testing::{TestClock, duplicate_guard_conformance};
///
/// let open = |clock: &TestClock| {
///     let clock = clock.clone();
///     let node: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new().with_clock(move || clock.now()));
///     [Arc::clone(&node), node]
/// };
/// duplicate_guard_conformance(open, InMemory::LEASE, InMemory::TIME_TO_LIVE).await
/// # }).map_err(Box::new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn duplicate_guard_conformance(
    open: impl Fn(&TestClock) -> [Arc<dyn DuplicateGuard>; 2],
    lease: Duration,
    time_to_live: Duration,
) -> Result<(), Nonconformance> {
    let bench = || {
        let clock = TestClock::default();
        let nodes = open(&clock);
        Bench {
            clock,
            nodes,
            lease,
            time_to_live,
        }
    };
    bench().one_at_a_time().await?;
    bench().released_claims_are_open().await?;
    bench().digests_are_told_apart().await?;
    bench().one_leaves_the_others_alone().await?;
    bench().many_stay_done().await?;
    bench().of_many_at_once_one_is_first().await?;
    bench().a_crash_ends_with_the_lease().await?;
    bench().what_is_left_of_a_lease_is_true().await?;
    bench().of_many_at_once_one_takes_over().await?;
    bench().of_many_threads_one_is_first().await?;
    bench().who_comes_too_late_disturbs_nobody().await?;
    bench().a_late_success_counts().await?;
    bench().a_late_success_meets_its_successor().await?;
    bench().a_late_release_meets_its_successor().await?;
    bench().abandoned_claims_are_not_done().await?;
    bench().what_is_done_stays_done().await?;
    bench().what_is_dropped_ends_with_its_lease().await?;
    bench().a_clock_set_back_ends_nothing().await?;
    bench().a_clock_set_forward_is_time().await
}

/// A clock for guards, which stands still unless it is told otherwise. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// The time since some point in the past.
    pub fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Sets it forward. Whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// Sets it back. Whole seconds.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_secs(), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    /// 2026-11-21T00:00:00Z, since 1970.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_795_219_200)))
    }
}

/// A rule that a guard does not keep.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Nonconformance {
    /// It failed, as it may in operation; here it must not.
    #[error("{rule}: {error}")]
    Failed {
        /// What was being checked.
        rule: &'static str,
        /// What the guard says.
        error: GuardError,
    },
    /// It answered wrongly.
    #[error("{rule}: the guard says {found} (expected {expected})")]
    Wrong {
        /// What was being checked.
        rule: &'static str,
        /// What the guard should have said.
        expected: &'static str,
        /// What it said.
        found: String,
    },
}
